"""The services of one account in one region. Those that may never be needed are loaded at a first request."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from engine.functions.variables import KeyPair
from headrace.aws.endpoint import Handler, Handlers
from headrace.aws.event_source_mappings import MAPPINGS_PATH, MappingsWire
from headrace.aws.kinesis import TARGET as KINESIS
from headrace.aws.kinesis import KinesisWire
from headrace.aws.lambda_invoke import INVOKE_PATHS, LambdaWire, LineageOf
from headrace.aws.sqs import TARGET as SQS
from headrace.aws.sqs import SqsWire
from headrace.region import Region

if TYPE_CHECKING:
    from headrace.aws.dynamodb import DynamodbWire
    from headrace.aws.iam import IamWire
    from headrace.aws.lambda_control import LambdaControl
    from headrace.aws.logs import LogsWire
    from headrace.aws.sns import SnsWire
    from headrace.aws.sts import StsWire

EVENTS = "AWSEvents"  # EventBridge
LOGS = "Logs_20140328"  # CloudWatch Logs


class Wire(Protocol):
    """A service as the endpoint knows it."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""


class Shared(Protocol):
    """What answers for all regions."""

    keys: KeyPair

    @property
    def lineage_of(self) -> LineageOf:
        """What finds a running invocation in whatever region."""

    @property
    def s3(self) -> Wire:
        """S3."""

    @property
    def other(self) -> Wire:
        """All that Headrace does not simulate."""

    async def iam(self, account_id: str) -> "IamWire":
        """Return the IAM of an account."""

    async def control(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer other `headrace` processes."""


def at_first_request(wire: Callable[[], Wire]) -> Handler:
    """Return a handler whose service is asked for when there is something to answer."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await wire().handle(request)

    return handle


def when_opened(wire: Callable[[], Awaitable[Wire]]) -> Handler:
    """Return a handler whose service is opened when there is something to answer."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await (await wire()).handle(request)

    return handle


class RegionalServices:
    """The services of a region; those of all regions are `shared`."""

    def __init__(self, region: Region, shared: Shared) -> None:
        self._region = region
        self._shared = shared
        self._account = region.configuration.account
        self._clock = region.clock
        self._of_mappings = MappingsWire(region.opened_mappings)
        functions = region.functions
        self._invoke = LambdaWire(
            self._account,
            functions,
            region.events,
            shared.lineage_of,
            lambda: region.is_stopping,
            lambda name, qualifier: functions.versions.timeout_of(name, qualifier) is not None,
        )

    def handlers(self) -> Handlers:
        """Return who answers what."""
        region, channels, shared = self._region, self._region.channels, self._shared
        kinesis = KinesisWire(channels.stream_registry(), self._clock)
        sqs = SqsWire(
            channels.queue_registry(),
            self._account.account_id,
            region.world.url(),
            region.world.pace.waiting,
        )
        dynamodb = at_first_request(lambda: self.dynamodb)
        targets: dict[str, Handler] = {
            KINESIS: kinesis.handler(),
            SQS: sqs.service().handle,
            EVENTS: at_first_request(lambda: region.event_services.eventbridge),
            LOGS: at_first_request(lambda: self.logs),
            **dict.fromkeys(("DynamoDB_20120810", "DynamoDBStreams_20120810"), dynamodb),
        }
        signed: dict[str, Handler] = {
            "lambda": self._lambda,
            "sqs": sqs.query_handler(),
            "sns": at_first_request(lambda: self.sns),
            "scheduler": at_first_request(lambda: region.event_services.scheduler),
            "iam": when_opened(lambda: shared.iam(self._account.account_id)),
            "sts": at_first_request(lambda: self.sts),
        }
        s3, other = at_first_request(lambda: shared.s3), at_first_request(lambda: shared.other)
        return Handlers(self._lambda, s3, shared.control, targets, signed, other)

    @cached_property
    def sns(self) -> "SnsWire":
        """SNS."""
        from headrace.aws.sns import SnsWire

        return SnsWire(self._region.topics.open, self._shared.lineage_of)

    @cached_property
    def dynamodb(self) -> "DynamodbWire":
        """DynamoDB and its streams."""
        from headrace.aws.dynamodb import DynamodbWire

        return DynamodbWire(self._region.sources.catalog)

    @cached_property
    def logs(self) -> "LogsWire":
        """CloudWatch Logs."""
        from headrace.aws.log_groups import LogGroups
        from headrace.aws.logs import LogsWire

        folder = self._region.configuration.state / "logs"
        return LogsWire(LogGroups(folder, self._region.store, self._clock), self._account, self._clock)

    @cached_property
    def sts(self) -> "StsWire":
        """STS."""
        from headrace.aws.sts import StsWire

        async def role_id_of(account_id: str, name: str) -> str | None:
            return await (await self._shared.iam(account_id)).role_id_of(name)

        return StsWire(self._account, self._clock, self._shared.keys, self._shared.lineage_of, role_id_of)

    @cached_property
    def lambda_control(self) -> "LambdaControl":
        """Lambda's control plane."""
        from headrace.aws.lambda_control import LambdaControl

        return LambdaControl(self._region)

    async def _lambda(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.endswith(INVOKE_PATHS):
            return await self._invoke.handle(request)
        wire: Wire = self._of_mappings if path.startswith(MAPPINGS_PATH) else self.lambda_control
        return await wire.handle(request)
