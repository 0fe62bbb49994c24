"""Everything that answers on the endpoint, put together. Imported once the simulator is ready."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from engine.arn import Account
from engine.clock import Clock
from engine.functions.pool import Functions
from engine.invocation.event_queue import EventQueue
from engine.mapping.event_source_mappings import EventSourceMappings
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.event_source_mappings import MAPPINGS_PATH, MappingsWire
from headrace.aws.kinesis import KinesisWire
from headrace.aws.lambda_invoke import LambdaWire
from headrace.aws.listener import Listener
from headrace.aws.s3 import S3Wire
from headrace.aws.sqs import SqsWire
from headrace.channels import Channels
from headrace.control import STATE_PATH, STATUS_PATH
from headrace.operations import OPERATIONS_PATH, perform
from triggers.s3.bucket import Bucket

OPERATION_BYTES = 16 * 1024 * 1024  # the largest record of a stream, in base64
GRACE_SECONDS = 0.25  # for requests in progress; invocations have had theirs by then


def endpoint(
    listener: Listener,
    *,
    state: Path,
    account: Account,
    clock: Clock,
    functions: Functions,
    events: EventQueue,
    buckets: Mapping[str, Bucket],
    channels: Channels,
    status: Callable[[], Awaitable[dict[str, Any]]],
    is_stopping: Callable[[], bool],
    mappings: Callable[[], EventSourceMappings | None],
) -> Endpoint:
    """Return the endpoint of a simulator; `status` says what it is doing, as JSON values.

    Once `is_stopping`, functions are invoked only by functions that are still running.
    """

    known_as: Any = str(state.resolve())

    async def control(request: web.BaseRequest) -> web.StreamResponse:
        code, answer = 200, known_as
        if request.path == STATUS_PATH:
            answer = await status()
        elif request.method == "POST" and request.path.startswith(OPERATIONS_PATH):
            operation = request.path.removeprefix(OPERATIONS_PATH)
            code, answer = await perform(channels, operation, await _body(request))
        elif request.path != STATE_PATH:
            code, answer = 404, {"message": f"there is no {request.path}"}
        return web.Response(body=orjson.dumps(answer), status=code, content_type="application/json")

    async def lambda_(request: web.BaseRequest) -> web.StreamResponse:
        wire = of_mappings if request.path.startswith(MAPPINGS_PATH) else invoke
        return await wire.handle(request)

    of_mappings = MappingsWire(mappings)
    invoke = LambdaWire(account, functions, events, functions.lineage_of, is_stopping)
    s3 = S3Wire(buckets, account=account, clock=clock, lineage_of=functions.lineage_of)
    kinesis = KinesisWire(channels.streams, account.account_id, clock).service()
    sqs = SqsWire(channels.queues, account, listener.url).service()
    targets = {service.name: service.handle for service in (kinesis, sqs)}
    return Endpoint(listener, Handlers(lambda_, s3.handle, control, targets), GRACE_SECONDS)


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > OPERATION_BYTES:
            raise web.HTTPRequestEntityTooLarge(OPERATION_BYTES, len(body))
    return bytes(body)
