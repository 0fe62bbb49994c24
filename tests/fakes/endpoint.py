"""An endpoint with scripted functions behind it, and a plain HTTP client."""

import asyncio
import http.client
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from aiohttp import web

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.invocation.event_queue import EventQueue
from engine.invocation.settlement import EventInvokeConfig
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.lambda_invoke import LambdaWire
from headrace.aws.listener import listen
from tests.fakes.scripted_functions import ScriptedFunctions

RUNNING_ROOT = "1-67891233-abcdef012345678912345678"  # of an invocation at the end of a long loop


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Served:
    """What a test works with."""

    url: str
    functions: ScriptedFunctions
    events: EventQueue
    store: Store

    async def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send one request from another thread."""
        call = partial(request, self.url, method, path, body, headers or {})
        return await asyncio.get_running_loop().run_in_executor(None, call)


def request(url: str, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
    """Send one request and wait for its answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Reply(
            answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        )
    finally:
        connection.close()


async def name_the_handler(request: web.BaseRequest, handler: str) -> web.StreamResponse:
    """Answer with who was asked, and for what."""
    return web.Response(text=f"{handler} {request.method} {request.path}")


@asynccontextmanager
async def served(
    clock: Clock, store: Store, functions: ScriptedFunctions, *names: str, run_events: bool = True
) -> AsyncIterator[Served]:
    """Serve the named functions on a free port."""
    account = Account()
    events = EventQueue(store, clock, Feed(), functions)
    for name in names:
        events.add(name, EventInvokeConfig(account.function(name), concurrency=4))
    lineages = {RUNNING_ROOT: ("feeling",) * 16}
    wire = LambdaWire(account, functions, events, lineages.get)
    handlers = Handlers(
        wire.handle, partial(name_the_handler, handler="s3"), partial(name_the_handler, handler="control")
    )
    task = asyncio.create_task(events.run()) if run_events else None
    async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
        yield Served(endpoint.url, functions, events, store)
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
