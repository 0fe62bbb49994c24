"""The bare limits of event source mappings: store statements and Runtime API round trips, nothing else."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
import orjson

from bench.bare import NOOP, BareRuntimeApi

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE records (id INTEGER PRIMARY KEY, body TEXT NOT NULL, hidden INTEGER NOT NULL) STRICT;
CREATE INDEX visible ON records (hidden, id);
CREATE TABLE place (number INTEGER PRIMARY KEY, position INTEGER NOT NULL) STRICT;
"""
INSERT = "INSERT INTO records (body, hidden) VALUES (?, 0)"
BODY = '{"n": 12345, "text": "some body that is not long"}'
CLAIM = (
    "UPDATE records SET hidden = 1 WHERE id IN"
    " (SELECT id FROM records WHERE hidden = 0 ORDER BY id LIMIT ?) RETURNING id, body"
)
DELETE = "DELETE FROM records WHERE id IN (SELECT value FROM json_each(?))"
READ = "SELECT id, body FROM records WHERE id > ? ORDER BY id LIMIT ?"
CHECKPOINT = "INSERT OR REPLACE INTO place VALUES (1, ?)"

Rows = list[tuple[int, str]]
Step = Callable[[sqlite3.Connection, Rows], Rows]  # settle what is done, return what comes next


def settle_messages(batch: int) -> Step:
    """Return the step of a queue: delete what is done, hide what comes next."""

    def step(connection: sqlite3.Connection, done: Rows) -> Rows:
        if done:
            connection.execute(DELETE, (orjson.dumps([row[0] for row in done]),))
        return connection.execute(CLAIM, (batch,)).fetchall()

    return step


def settle_records(batch: int) -> Step:
    """Return the step of a stream: write the checkpoint, read on."""
    position = 0

    def step(connection: sqlite3.Connection, done: Rows) -> Rows:
        nonlocal position
        if done:
            connection.execute(CHECKPOINT, (done[-1][0],))
        rows: Rows = connection.execute(READ, (position, batch)).fetchall()
        position = rows[-1][0] if rows else position
        return rows

    return step


class _DrainingApi(BareRuntimeApi):
    """Asks for the next batch when the function does, and settles the one before it in the same step."""

    def __init__(self, ask: "Callable[[Rows], asyncio.Future[Rows]]", finished: asyncio.Future[None]) -> None:
        super().__init__(b"", sys.maxsize, finished)
        self._ask = ask
        self._hand: Rows = []

    def _answer(self, asks_for_next: bool) -> None:
        if asks_for_next:
            self._ask(self._hand).add_done_callback(self._go_on)
        else:
            super()._answer(asks_for_next)

    def _go_on(self, claimed: "asyncio.Future[Rows]") -> None:
        self._hand = claimed.result()
        if not self._hand:
            if not self._finished.done():
                self._finished.set_result(None)
            return
        self._event = orjson.dumps({"Records": [{"messageId": row[0], "body": row[1]} for row in self._hand]})
        super()._answer(True)


async def _drain(count: int, environments: int, step: Step) -> float:
    """Return the records a second, from the moment when a tenth of them has been handed out."""
    loop = asyncio.get_running_loop()
    handed, tenth_at = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        async with aiosqlite.connect(Path(folder) / "bare.db", isolation_level=None) as connection:
            await connection.executescript(
                f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {TABLES}"
            )
            await connection.execute("BEGIN")
            await connection.executemany(INSERT, ((BODY,) for _ in range(count)))
            await connection.execute("COMMIT")

            def transaction(done: Rows) -> Rows:
                nonlocal handed, tenth_at
                raw = connection._conn  # noqa: SLF001 - one hop for a transaction, as the store does it
                raw.execute("BEGIN IMMEDIATE")
                rows = step(raw, done)
                raw.execute("COMMIT")
                handed += len(rows)
                if not tenth_at and handed >= count / 10:
                    tenth_at = time.perf_counter()
                return rows

            hop: Any = connection._execute  # noqa: SLF001

            def ask(done: Rows) -> "asyncio.Future[Rows]":
                return loop.create_task(hop(partial(transaction, done)))

            waits: list[asyncio.Future[None]] = [loop.create_future() for _ in range(environments)]
            async with AsyncExitStack() as stack:
                for finished in waits:
                    await _start(stack, partial(_DrainingApi, ask, finished))
                await asyncio.gather(*waits)
                return count * 0.9 / (time.perf_counter() - tenth_at)


async def _start(stack: AsyncExitStack, protocol: Callable[[], asyncio.Protocol]) -> None:
    """Start an awslambdaric against a listener of its own; both end with the stack."""
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    stack.callback(server.close)
    port = server.sockets[0].getsockname()[1]
    variables = os.environ | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", "awslambdaric", "handler.handler"]
    child = subprocess.Popen(command, cwd=NOOP, env=variables)
    stack.callback(child.wait)
    stack.callback(child.kill)


def messages_per_second(count: int = 20_000, batch: int = 10, environments: int = 5) -> float:
    """Return how quickly a queue's messages can go through a function that does nothing."""
    return asyncio.run(_drain(count, environments, settle_messages(batch)))


def records_per_second(count: int = 60_000, batch: int = 100) -> float:
    """Return how quickly a shard's records can, one batch after the other."""
    return asyncio.run(_drain(count, 1, settle_records(batch)))
