"""EventBridge and its scheduler with real queues, a stream and scripted functions, on an endpoint."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from engine.clock import Clock
from engine.feed import Fact, Feed
from engine.invocation.event_queue import EventQueue
from engine.invocation.settlement import EventInvokeConfig
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from headrace.channels import Channels
from headrace.config import Configuration, load
from headrace.event_services import EventServices
from tests.fakes.endpoint import Reply, name_the_handler, request
from tests.fakes.scripted_functions import ScriptedFunctions

ACCOUNT_ID, REGION = "000000000000", "us-east-1"
HEAD = """
[queues.audit]
[queues.dead]
[queues."late.fifo"]
content_based_deduplication = true
[streams.clicks]
"""


class EventWorld:
    """What a test works with; `events` and `scheduler` are boto3 clients."""

    def __init__(
        self, configuration: Configuration, store: Store, clock: Clock, feed: Feed, *functions: str
    ) -> None:
        self.clock, self.feed, self.store = clock, feed, store
        self.functions = ScriptedFunctions(clock)
        self.queue = EventQueue(store, clock, feed, self.functions)
        for name in functions:
            self.queue.add(name, EventInvokeConfig(configuration.account.function(name), concurrency=4))
        self.channels = Channels(configuration, store, clock, feed)
        self.services = EventServices(
            configuration,
            store=store,
            events=self.queue,
            channels=self.channels,
            clock=clock,
            feed=feed,
            chance=random.Random(5),
            topic_of=lambda arn: None,
        )
        self.facts: list[Fact] = []
        feed.tap(self.facts.append)
        self.url = ""
        self.events: Any = None
        self.scheduler: Any = None

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with boto3, in another thread."""
        method = partial(getattr(getattr(self, service), operation), **parameters)
        answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(None, method)
        answer.pop("ResponseMetadata")
        return answer

    async def post(self, operation: str, members: Any) -> Reply:
        """Send a request of EventBridge as it is."""
        headers = {"X-Amz-Target": f"AWSEvents.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        call = partial(request, self.url, "POST", "/", body, headers)
        return await asyncio.get_running_loop().run_in_executor(None, call)

    async def put(self, detail: Any, *, source: str = "shop", detail_type: str = "order", **more: Any) -> str:
        """Put one event; return its id."""
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), **more}
        answer = await self.call("events", "put_events", Entries=[entry])
        return str(answer["Entries"][0]["EventId"])

    async def bodies(self, queue: str) -> list[Any]:
        """Return the bodies of a queue's messages, read as JSON."""
        return [json.loads(message.body) for message in await self.channels.queues[queue].peek(100)]

    async def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        query = f"SELECT count(*) FROM {table}"
        return int(await self.store.read(lambda connection: connection.execute(query).fetchone()[0]))

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN of the account."""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"

    def payloads(self) -> list[Any]:
        """Return what the functions were called with."""
        return [json.loads(attempt.invocation.payload) for attempt in self.functions.attempts]


def _client(service: str, url: str) -> Any:
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


@asynccontextmanager
async def event_world(
    folder: Path, store: Store, clock: Clock, feed: Feed, text: str = "", *functions: str
) -> AsyncIterator[EventWorld]:
    """Run a world with the resources of HEAD and what `text` adds to them."""
    path = folder / "headrace.toml"
    path.write_text(HEAD + text)
    world = EventWorld(load(path, with_code=False), store, clock, feed, *functions)
    await world.channels.open()
    await world.services.open()
    await world.queue.release_leases()

    async def events(call: Any) -> Any:
        return await world.services.eventbridge.handle(call)

    async def scheduler(call: Any) -> Any:
        return await world.services.scheduler.handle(call)

    other = partial(name_the_handler, handler="other")
    handlers = Handlers(other, other, other, {"AWSEvents": events}, {"scheduler": scheduler})
    tasks = [asyncio.create_task(world.queue.run()), asyncio.create_task(world.services.run())]
    async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
        world.url = endpoint.url
        world.events, world.scheduler = (_client(name, endpoint.url) for name in ("events", "scheduler"))
        yield world
        world.events.close()
        world.scheduler.close()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
