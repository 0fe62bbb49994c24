"""A table of a real SQLite database, captured for as long as a test runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.watching import FolderWatcher
from triggers.dynamodb.settings import TableSettings
from triggers.dynamodb.table import Table


@asynccontextmanager
async def running(path: Path, clock: Clock, feed: Feed, **settings: Any) -> AsyncIterator[Table]:
    """Run the table `orders` of a database meanwhile."""
    async with FolderWatcher(clock, feed) as watcher, asyncio.TaskGroup() as group:
        table = Table(
            "orders",
            TableSettings(database=path, **settings),
            account=Account(),
            watcher=watcher,
            clock=clock,
            feed=feed,
        )
        task = group.create_task(table.run())
        await table.ready.wait()
        yield table
        task.cancel()
