"""Everything that answers on the endpoint, put together. Imported once the simulator is ready."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

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
    from headrace.aws.other_services import OtherServices
    from headrace.aws.s3 import S3Wire
    from headrace.aws.sns import SnsWire
    from headrace.aws.sts import StsWire
    from headrace.simulator import Simulator
    from headrace.time_control import TimeControl

EVENTS = "AWSEvents"  # EventBridge, whose modules are loaded at its first request
OPERATION_BYTES = 16 * 1024 * 1024  # the largest record of a stream, in base64
GRACE_SECONDS = 0.25  # for requests in progress; invocations have had theirs by then


@asynccontextmanager
async def served(simulator: "Simulator") -> AsyncIterator[Endpoint]:
    """Answer on the endpoint of a simulator within this context."""
    account, clock = simulator.configuration.account, simulator.clock
    functions, channels = simulator.functions, simulator.channels

    known_as: Any = str(simulator.configuration.state.resolve())

    async def control(request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(CODE_PATH):
            return await lambda_control().give_away(request.path)
        code, answer = 200, known_as
        if request.path == STATUS_PATH:
            answer = await simulator.status()
        elif request.method == "POST" and request.path.startswith(OPERATIONS_PATH):
            operation, body = request.path.removeprefix(OPERATIONS_PATH), await _body(request)
            if operation == PUBLISH:
                code, answer = await perform_publish(simulator.topics, body)
            else:
                code, answer = await perform(channels, operation, body)
        elif request.path.startswith((CLOCK_PATH, IDLE_PATH)):
            code, answer = await time_control().answer(
                request.method, request.path, dict(request.query), await _body(request)
            )
        elif request.path != STATE_PATH:
            code, answer = 404, {"message": f"there is no {request.path}"}
        return web.Response(body=orjson.dumps(answer), status=code, content_type="application/json")

    @cache
    def other_services() -> "OtherServices":
        from headrace.aws.other_services import OtherServices

        return OtherServices(account, clock, simulator.feed)

    async def other(request: web.BaseRequest) -> web.StreamResponse:
        return await other_services().handle(request)

    @cache
    def time_control() -> "TimeControl":
        from headrace.time_control import TimeControl

        return TimeControl(simulator)

    @cache
    def s3_wire() -> "S3Wire":
        from headrace.aws.s3 import open_s3

        return open_s3(simulator)

    async def s3(request: web.BaseRequest) -> web.StreamResponse:
        return await s3_wire().handle(request)

    @cache
    def sns_wire() -> "SnsWire":
        from headrace.aws.sns import SnsWire

        return SnsWire(simulator.topics.open, functions.lineage_of)

    async def sns(request: web.BaseRequest) -> web.StreamResponse:
        return await sns_wire().handle(request)

    @cache
    def iam_wire() -> "IamWire":
        from headrace.aws.iam import IamWire

        return IamWire(account, simulator.store, clock)

    async def iam(request: web.BaseRequest) -> web.StreamResponse:
        return await iam_wire().handle(request)

    @cache
    def sts_wire() -> "StsWire":
        from headrace.aws.credentials import KeyPair
        from headrace.aws.sts import StsWire

        return StsWire(account, clock, KeyPair(), functions.lineage_of, iam_wire().role_id_of)

    async def sts(request: web.BaseRequest) -> web.StreamResponse:
        return await sts_wire().handle(request)

    @cache
    def dynamodb_wire() -> "DynamodbWire":
        from headrace.aws.dynamodb import DynamodbWire

        return DynamodbWire(simulator.sources.catalog)

    async def dynamodb(request: web.BaseRequest) -> web.StreamResponse:
        return await dynamodb_wire().handle(request)

    async def events(request: web.BaseRequest) -> web.StreamResponse:
        return await simulator.event_services.eventbridge.handle(request)

    async def scheduler(request: web.BaseRequest) -> web.StreamResponse:
        return await simulator.event_services.scheduler.handle(request)

    @cache
    def lambda_control() -> "LambdaControl":
        from headrace.aws.lambda_control import LambdaControl

        return LambdaControl(simulator)

    async def lambda_(request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.endswith(INVOKE_PATHS):
            return await invoke.handle(request)
        wire = of_mappings if path.startswith(MAPPINGS_PATH) else lambda_control()
        return await wire.handle(request)

    of_mappings = MappingsWire(simulator.opened_mappings)
    invoke = LambdaWire(
        account,
        functions,
        simulator.events,
        functions.lineage_of,
        lambda: simulator.is_stopping,
        lambda name, qualifier: functions.versions.timeout_of(name, qualifier) is not None,
    )
    kinesis = KinesisWire(channels.stream_registry(), clock)
    sqs = SqsWire(
        channels.queue_registry(), account.account_id, simulator.listener.url, simulator.pace.waiting
    )
    targets: dict[str, Handler] = {KINESIS: kinesis.handler(), SQS: sqs.service().handle, EVENTS: events}
    targets |= dict.fromkeys(("DynamoDB_20120810", "DynamoDBStreams_20120810"), dynamodb)
    signed: dict[str, Handler] = {
        "lambda": lambda_,
        "sqs": sqs.query_handler(),
        "sns": sns,
        "scheduler": scheduler,
        "iam": iam,
        "sts": sts,
    }
    handlers = Handlers(lambda_, s3, control, targets, signed, other)
    async with Endpoint(simulator.listener, handlers, GRACE_SECONDS, simulator.pace.request) as endpoint:
        try:
            yield endpoint
        finally:
            if other_services.cache_info().currsize:
                await other_services().close()


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > OPERATION_BYTES:
            raise web.HTTPRequestEntityTooLarge(OPERATION_BYTES, len(body))
    return bytes(body)
