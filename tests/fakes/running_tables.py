"""Tables on a real endpoint, for as long as a test runs, and a boto3 client of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from engine.watching import FolderWatcher
from headrace.aws.dynamodb import DynamodbWire
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from tests.fakes.endpoint import Reply, name_the_handler, request
from triggers.dynamodb.catalog import Catalog
from triggers.dynamodb.settings import TableSettings
from triggers.dynamodb.tables import Tables

ACCOUNT = Account()
SESSION = boto3.Session()  # reads the service's model once
DYNAMODB, STREAMS = "DynamoDB_20120810", "DynamoDBStreams_20120810"


@dataclass(frozen=True, slots=True)
class RunningTables:
    """What a test works with. `resource` is boto3's resource for its tables."""

    url: str
    tables: Tables
    client: Any
    streams: Any
    resource: Any

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with boto3, in another thread."""
        client = self.streams if hasattr(self.streams, operation) else self.client
        answer: dict[str, Any] = await self.run(partial(getattr(client, operation), **parameters))
        answer.pop("ResponseMetadata")
        return answer

    async def run(self, call: Any) -> Any:
        """Call something in another thread."""
        return await asyncio.get_running_loop().run_in_executor(None, call)

    async def post(self, operation: str, body: bytes, service: str = DYNAMODB) -> Reply:
        """Send a request as it is."""
        headers = {"X-Amz-Target": f"{service}.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        return await asyncio.get_running_loop().run_in_executor(
            None, partial(request, self.url, "POST", "/", body, headers)
        )


@asynccontextmanager
async def running_tables(
    state: Path,
    clock: Clock,
    store: Store,
    feed: Feed,
    configured: Mapping[str, TableSettings] | None = None,
) -> AsyncIterator[RunningTables]:
    """Run tables whose state is in a folder, and answer for them."""
    other = partial(name_the_handler, handler="other")
    async with FolderWatcher(clock, feed) as watcher, asyncio.TaskGroup() as group:
        tables = Tables(
            configured or {},
            state=state,
            account=ACCOUNT,
            store=store,
            watcher=watcher,
            clock=clock,
            feed=feed,
        )
        await tables.open()
        catalog = Catalog(tables)
        await catalog.open()
        running = group.create_task(tables.run())
        await tables.ready.wait()

        async def opened() -> Catalog:
            return catalog

        handle = DynamodbWire(opened).handle
        handlers = Handlers(other, other, other, {DYNAMODB: handle, STREAMS: handle})
        async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
            make = partial(
                SESSION.client,
                endpoint_url=endpoint.url,
                region_name="us-east-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",
                config=Config(retries={"total_max_attempts": 1}),
            )
            resource = SESSION.resource(
                "dynamodb",
                endpoint_url=endpoint.url,
                region_name="us-east-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
            client, streams = make("dynamodb"), make("dynamodbstreams")
            yield RunningTables(endpoint.url, tables, client, streams, resource)
            for each in (client, streams, resource.meta.client):
                each.close()
        running.cancel()
        await asyncio.wait([running])
        await catalog.close()
