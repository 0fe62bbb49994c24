"""A user's database, written by other programs: what commits is noticed, and read as a stream."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.mapping.source import StreamRecord
from engine.watching import FolderWatcher
from triggers.dynamodb.settings import TableSettings
from triggers.dynamodb.table import Table

DEADLINE_SECONDS = 20


@asynccontextmanager
async def running(path: Path, clock: Clock, feed: Feed, **settings: Any) -> AsyncIterator[Table]:
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


async def records_of(table: Table, count: int, after: int = 0) -> list[StreamRecord]:
    """Return the records after a position as soon as there are `count`."""
    woken = asyncio.Event()
    stop = table.listen(woken.set)
    (shard,) = await table.shards()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            page = await table.read(shard.shard_id, after, 1000)
            if len(page.records) >= count:
                stop()
                return list(page.records)
            await woken.wait()
            woken.clear()


async def test_changes_of_another_process_are_noticed(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as writer:
        writer.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)")
        writer.execute("INSERT INTO orders VALUES (1, 'there before')")
    async with running(path, clock, feed) as table:
        script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
        for statement in ("INSERT INTO orders VALUES (2, 'lamp')", "DELETE FROM orders WHERE id = 1"):
            await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", script, path, statement], check=True
            )
        records = await records_of(table, 2)
    assert [record.record["eventName"] for record in records] == ["INSERT", "REMOVE"]
    assert records[0].record["dynamodb"]["NewImage"] == {"id": {"N": "2"}, "item": {"S": "lamp"}}
    writer.close()
