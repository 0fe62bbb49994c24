"""A user's database, written by other programs: what commits is noticed, and read as a stream."""

import asyncio
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest

from engine.clock import Clock
from engine.feed import Feed
from engine.mapping.source import StreamRecord
from tests.fakes.running_table import running
from triggers.dynamodb.table import Table

DEADLINE_SECONDS = 20
JOURNAL_MODES = ["wal", "delete", "truncate", "persist", "memory"]

# Runs the statements that come on its standard input, and says when each is done.
WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
for statement in sys.stdin:
    connection.execute(statement)
    print(repr(time.time()), flush=True)
"""


class Writer:
    """Another process, which writes to the database."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(self._path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()

    async def execute(self, statement: str) -> float:
        """Return when the statement was done, in seconds from 1970."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{statement}\n".encode())
        return float(await self.process.stdout.readline())


def make(path: Path, journal_mode: str = "delete") -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)")


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


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
async def test_commits_of_another_process_are_noticed_at_once(
    tmp_path: Path, clock: Clock, feed: Feed, journal_mode: str
) -> None:
    path = tmp_path / "shop.db"
    make(path, journal_mode)
    async with running(path, clock, feed) as table, Writer(path) as writer:
        await writer.execute(f"PRAGMA journal_mode = {journal_mode}")
        woken = asyncio.Event()
        moments: list[float] = []

        def wake() -> None:
            moments.append(time.time())
            woken.set()

        table.listen(wake)
        delays = []
        for number in range(20):
            await asyncio.sleep(0.05)
            woken.clear()
            done = await writer.execute(f"INSERT INTO orders VALUES ({number}, 'lamp')")
            async with asyncio.timeout(DEADLINE_SECONDS):
                await woken.wait()
            delays.append(moments[-1] - done)
        assert len(await records_of(table, 20)) == 20
    with closing(sqlite3.connect(path)) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert mode == ("wal" if journal_mode == "wal" else "delete")  # the others are of a connection
    assert statistics.median(delays) < 0.05


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
async def test_a_long_transaction_is_seen_when_it_commits_and_disturbs_nobody(
    tmp_path: Path, clock: Clock, feed: Feed, journal_mode: str
) -> None:
    path = tmp_path / "shop.db"
    make(path, journal_mode)
    async with running(path, clock, feed) as table, Writer(path) as writer:
        await writer.execute("PRAGMA cache_size = 10")  # so that it spills
        await writer.execute("BEGIN")
        (shard,) = await table.shards()
        for number in range(300):
            await writer.execute(f"INSERT INTO orders VALUES ({number}, hex(randomblob(500)))")
            if number % 50 == 49:
                assert list((await table.read(shard.shard_id, 0, 10)).records) == []
        await writer.execute("SAVEPOINT s")
        await writer.execute("DELETE FROM orders")
        await writer.execute("ROLLBACK TO s")
        await writer.execute("COMMIT")
        records = await records_of(table, 300)
    assert [record.record["dynamodb"]["Keys"]["id"]["N"] for record in records] == [
        str(n) for n in range(300)
    ]


async def test_what_a_killed_writer_had_not_committed_is_not_captured(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    path = tmp_path / "shop.db"
    make(path)
    async with running(path, clock, feed) as table:
        async with Writer(path) as writer:
            await writer.execute("INSERT INTO orders VALUES (1, 'committed')")
            await writer.execute("PRAGMA cache_size = 1")
            await writer.execute("BEGIN")
            for number in range(2, 200):
                await writer.execute(f"INSERT INTO orders VALUES ({number}, hex(randomblob(500)))")
            writer.process.kill()
        async with Writer(path) as writer:
            await writer.execute("INSERT INTO orders VALUES (1000, 'afterwards')")
        records = await records_of(table, 2)
    assert [record.record["dynamodb"]["Keys"]["id"]["N"] for record in records] == ["1", "1000"]


async def test_several_writers_at_once_lose_nothing(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    path = tmp_path / "shop.db"
    make(path, "wal")
    async with running(path, clock, feed) as table, Writer(path) as one, Writer(path) as two:

        async def write(writer: Writer, first: int) -> None:
            for number in range(first, first + 100):
                await writer.execute(f"REPLACE INTO orders VALUES ({number % 150}, '{number}')")
                await writer.execute(
                    f"UPDATE OR REPLACE orders SET id = -id - 1 WHERE id = {number % 150} AND id % 3 = 0"
                )

        read: list[StreamRecord] = []

        async def follow() -> None:
            while True:
                read.extend(await records_of(table, 1, read[-1].position if read else 0))

        following = asyncio.create_task(follow())
        await asyncio.gather(write(one, 0), write(two, 100))
        following.cancel()
        read += await records_of(table, 0, read[-1].position if read else 0)
    items: dict[str, str] = {}
    for record in read:
        change = record.record["dynamodb"]
        key = change["Keys"]["id"]["N"]
        assert items.get(key) == change.get("OldImage", {}).get("item", {}).get("S")
        items.pop(key, None)
        if "NewImage" in change:
            items[key] = change["NewImage"]["item"]["S"]
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT CAST(id AS TEXT), item FROM orders").fetchall()
    assert items == dict(rows)


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 command")
async def test_the_sqlite3_command_is_captured(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    path = tmp_path / "shop.db"
    make(path, "wal")
    async with running(path, clock, feed) as table:
        for script, count in (
            ("INSERT INTO orders VALUES (1, 'lamp'); REPLACE INTO orders VALUES (1, 'desk')", 2),
            ("ALTER TABLE orders ADD COLUMN note; UPDATE orders SET note = 'n'", 3),
            ("ALTER TABLE orders DROP COLUMN item; DELETE FROM orders", 4),
        ):
            await asyncio.to_thread(subprocess.run, ["sqlite3", str(path), script], check=True)
            records = await records_of(table, count)
    assert [record.record["eventName"] for record in records] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    assert records[2].record["dynamodb"]["OldImage"] == {"id": {"N": "1"}, "item": {"S": "desk"}}
    assert "item" not in records[3].record["dynamodb"]["OldImage"]
