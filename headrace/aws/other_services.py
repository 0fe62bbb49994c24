"""Requests that no service of Headrace's own answers: they go to moto, or are refused by name.

Operations of Headrace's own services never go to moto, whose buckets and queues would be others.
"""

import logging
from collections.abc import Callable

from aiohttp import web

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed, Notice
from headrace.aws.error_body import refusal
from headrace.aws.http_server import BAD_REQUEST
from headrace.aws.moto import Moto, MotoFailed, has_moto
from headrace.aws.unknown_request import describe

LOGGER = logging.getLogger(__name__)
OWN = frozenset(
    ("dynamodb", "events", "iam", "kinesis", "lambda", "logs", "s3", "scheduler", "sns", "sqs", "sts")
)
# Services of others that sign with the name of one of those, by what their paths begin with.
OF_OTHERS = ("/v20180820/",)  # S3 Control

EXTRA = (
    "is not simulated by Headrace itself; with `pip install 'headrace[aws]'` moto answers for such services."
)
NOTICE = "answers for services that Headrace does not simulate; what it keeps is lost when the simulator ends"


class OtherServices:
    """Answers for everything else. `close` it when no request is in progress any more."""

    def __init__(
        self, account: Account, clock: Clock, feed: Feed, has_extra: Callable[[], bool] = has_moto
    ) -> None:
        self._clock = clock
        self._feed = feed
        self._has_extra = has_extra
        self._moto = Moto(account, clock)
        self._has_been_told = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; unexpected errors pass through."""
        unknown = await describe(request)
        if unknown.service in OWN and not request.path.startswith(OF_OTHERS):
            return unknown.refuse("is not simulated by Headrace.")
        if not self._has_extra():
            return unknown.refuse(EXTRA)
        if not _is_text(request):
            return refusal(unknown.form, 400, BAD_REQUEST, "The request line or a header is not UTF-8.")
        if not self._has_been_told:
            self._has_been_told = True
            self._feed.publish(Notice(self._clock.now(), "info", "moto", NOTICE))
        try:
            answer = await self._moto.answer(request)
        except MotoFailed as error:
            LOGGER.warning("%s %s: %s", unknown.service, unknown.operation, error)
            return refusal(unknown.form, 500, "InternalFailure", str(error))
        return answer or unknown.refuse("is simulated neither by Headrace nor by moto.")

    async def close(self) -> None:
        """End moto's server, if it was started."""
        await self._moto.close()


def _is_text(request: web.BaseRequest) -> bool:
    """Say whether a request's head can be passed on: bytes that are no UTF-8 have been read as surrogates."""
    try:
        for text in (request.raw_path, *request.headers.keys(), *request.headers.values()):
            text.encode()
    except UnicodeEncodeError:
        return False
    return True
