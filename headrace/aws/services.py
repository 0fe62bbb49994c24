"""Everything that answers on the endpoint, put together. Imported once the simulator is ready."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from aiohttp import web

from headrace.aws.buffered_request import BufferedRequest
from headrace.aws.endpoint import Endpoint, Handler, Handlers
from headrace.aws.event_source_mappings import MAPPINGS_PATH, MappingsWire
from headrace.aws.kinesis import TARGET as KINESIS
from headrace.aws.kinesis import KinesisWire
from headrace.aws.lambda_invoke import INVOKE_PATHS, LambdaWire
from headrace.aws.sqs import TARGET as SQS
from headrace.aws.sqs import SqsWire
from headrace.control import CLOCK_PATH, CODE_PATH, IDLE_PATH, STATE_PATH, STATUS_PATH
from headrace.operations import OPERATIONS_PATH, PUBLISH, perform, perform_publish

if TYPE_CHECKING:
    from headrace.aws.dynamodb import DynamodbWire
    from headrace.aws.iam import IamWire
    from headrace.aws.lambda_control import LambdaControl
    from headrace.aws.logs import LogsWire
    from headrace.aws.other_services import OtherServices
    from headrace.aws.s3 import S3Wire
    from headrace.aws.sns import SnsWire
    from headrace.aws.sts import StsWire
    from headrace.simulator import Simulator
    from headrace.time_control import TimeControl

EVENTS = "AWSEvents"  # EventBridge, whose modules are loaded at its first request
LOGS = "Logs_20140328"  # CloudWatch Logs, likewise
OPERATION_BYTES = 16 * 1024 * 1024  # the largest record of a stream, in base64
GRACE_SECONDS = 0.25  # for requests in progress; invocations have had theirs by then


@asynccontextmanager
async def served(simulator: "Simulator") -> AsyncIterator[Endpoint]:
    """Answer on the endpoint of a simulator within this context."""
    services, clock = Services(simulator), simulator.clock
    async with (
        AsyncExitStack() as closing,
        Endpoint(
            simulator.listener,
            services.handlers(),
            GRACE_SECONDS,
            simulator.pace.request,
            services.let_in(),
            None if simulator.pace.is_real and not clock.is_steered else clock.now,
        ) as endpoint,
    ):
        closing.push_async_callback(services.close)
        yield endpoint


class Wire(Protocol):
    """A service as the endpoint knows it."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""


def at_first_request(wire: Callable[[], Wire]) -> Handler:
    """Return a handler whose service is asked for when there is something to answer."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await wire().handle(request)

    return handle


class Services:
    """The services of a simulator. Those that it may never need are loaded at their first request."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._account = simulator.configuration.account
        self._clock = simulator.clock
        self._known_as: Any = str(simulator.configuration.state.resolve())
        self._of_mappings = MappingsWire(simulator.opened_mappings)
        functions = simulator.functions
        self._invoke = LambdaWire(
            self._account,
            functions,
            simulator.events,
            functions.lineage_of,
            lambda: simulator.is_stopping,
            lambda name, qualifier: functions.versions.timeout_of(name, qualifier) is not None,
        )

    def handlers(self) -> Handlers:
        """Return who answers what."""
        simulator, channels = self._simulator, self._simulator.channels
        kinesis = KinesisWire(channels.stream_registry(), self._clock)
        sqs = SqsWire(
            channels.queue_registry(),
            self._account.account_id,
            simulator.listener.url,
            simulator.pace.waiting,
        )
        dynamodb = at_first_request(lambda: self.dynamodb)
        targets: dict[str, Handler] = {
            KINESIS: kinesis.handler(),
            SQS: sqs.service().handle,
            EVENTS: at_first_request(lambda: simulator.event_services.eventbridge),
            LOGS: at_first_request(lambda: self.logs),
            **dict.fromkeys(("DynamoDB_20120810", "DynamoDBStreams_20120810"), dynamodb),
        }
        signed: dict[str, Handler] = {
            "lambda": self._lambda,
            "sqs": sqs.query_handler(),
            "sns": at_first_request(lambda: self.sns),
            "scheduler": at_first_request(lambda: simulator.event_services.scheduler),
            "iam": at_first_request(lambda: self.iam),
            "sts": at_first_request(lambda: self.sts),
        }
        s3, other = at_first_request(lambda: self.s3), at_first_request(lambda: self.other)
        return Handlers(self._lambda, s3, self._control, targets, signed, other)

    def let_in(self) -> Callable[[BufferedRequest], Awaitable[None]] | None:
        """Return what judges requests by their signatures; None where all are let in."""
        settings = self._simulator.configuration.file.simulator
        if not settings.require_signature:
            return None
        from headrace.aws.signature_check import SignatureCheck

        judges_time = self._simulator.has_real_time
        return SignatureCheck(settings.keys, self._clock, judges_time=judges_time).check

    async def close(self) -> None:
        """End what was started for requests."""
        if "other" in self.__dict__:
            await self.other.close()

    @cached_property
    def s3(self) -> "S3Wire":
        """S3."""
        from headrace.aws.s3 import open_s3

        return open_s3(self._simulator)

    @cached_property
    def sns(self) -> "SnsWire":
        """SNS."""
        from headrace.aws.sns import SnsWire

        return SnsWire(self._simulator.topics.open, self._simulator.functions.lineage_of)

    @cached_property
    def dynamodb(self) -> "DynamodbWire":
        """DynamoDB and its streams."""
        from headrace.aws.dynamodb import DynamodbWire

        return DynamodbWire(self._simulator.sources.catalog)

    @cached_property
    def logs(self) -> "LogsWire":
        """CloudWatch Logs."""
        from headrace.aws.log_groups import LogGroups
        from headrace.aws.logs import LogsWire

        folder = self._simulator.configuration.state / "logs"
        return LogsWire(LogGroups(folder, self._simulator.store, self._clock), self._account, self._clock)

    @cached_property
    def iam(self) -> "IamWire":
        """IAM."""
        from headrace.aws.iam import IamWire

        return IamWire(self._account, self._simulator.store, self._clock)

    @cached_property
    def sts(self) -> "StsWire":
        """STS."""
        from headrace.aws.sts import StsWire

        keys = self._simulator.configuration.file.simulator.keys
        lineage_of = self._simulator.functions.lineage_of
        return StsWire(self._account, self._clock, keys, lineage_of, self.iam.role_id_of)

    @cached_property
    def other(self) -> "OtherServices":
        """All that Headrace does not simulate."""
        from headrace.aws.other_services import OtherServices

        return OtherServices(self._account, self._clock, self._simulator.feed)

    @cached_property
    def lambda_control(self) -> "LambdaControl":
        """Lambda's control plane."""
        from headrace.aws.lambda_control import LambdaControl

        return LambdaControl(self._simulator)

    @cached_property
    def time_control(self) -> "TimeControl":
        """What other `headrace` processes ask of the clock."""
        from headrace.time_control import TimeControl

        return TimeControl(self._simulator)

    async def _lambda(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.endswith(INVOKE_PATHS):
            return await self._invoke.handle(request)
        wire: Wire = self._of_mappings if path.startswith(MAPPINGS_PATH) else self.lambda_control
        return await wire.handle(request)

    async def _control(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith(CODE_PATH):
            return await self.lambda_control.give_away(path)
        code, answer = 200, self._known_as
        if path == STATUS_PATH:
            answer = await self._simulator.status() | {"clock": self.time_control.time()}
        elif request.method == "POST" and path.startswith(OPERATIONS_PATH):
            operation, body = path.removeprefix(OPERATIONS_PATH), await _body(request)
            if operation == PUBLISH:
                code, answer = await perform_publish(self._simulator.topics, body)
            else:
                code, answer = await perform(self._simulator.channels, operation, body)
        elif path.startswith((CLOCK_PATH, IDLE_PATH)):
            code, answer = await self.time_control.answer(
                request.method, path, dict(request.query), await _body(request)
            )
        elif path != STATE_PATH:
            code, answer = 404, {"message": f"there is no {path}"}
        return web.Response(body=orjson.dumps(answer), status=code, content_type="application/json")


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > OPERATION_BYTES:
            raise web.HTTPRequestEntityTooLarge(OPERATION_BYTES, len(body))
    return bytes(body)
