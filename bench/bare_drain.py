"""The bare limits of event source mappings: store statements and Runtime API round trips, nothing else."""

import asyncio
import base64
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

# What the function gets of each, as large as it is: the number stands for the row.
MESSAGE = orjson.dumps(
    {
        "messageId": "2cb48186-47f7-4e20-a03b-802ebafb3d1e",
        "receiptHandle": "AQEBMjoxOjE3OTUyNzA2ODA1NTE6ZjZmYThiZjEtNjMzMC00NDg3LTg4NjktNWNlZmJhOGIxMWUw",
        "body": BODY,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "NUMBER",
            "SenderId": "AIDAHEADRACE000000001",
            "ApproximateFirstReceiveTimestamp": "1795270680551",
        },
        "messageAttributes": {},
        "md5OfBody": "0cc175b9c0f1b6a831c399e269772661",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:jobs",
        "awsRegion": "us-east-1",
    }
).replace(b"NUMBER", b"%013d")
RECORD = orjson.dumps(
    {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "key",
            "sequenceNumber": "NUMBER",
            "data": base64.b64encode(BODY.encode()).decode(),
            "approximateArrivalTimestamp": 1795270680.551,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000000:49680430969839554416401739356313583973827627766450749458",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/lambda-role",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
    }
).replace(b"NUMBER", b"%056d")

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

    def __init__(
        self, ask: "Callable[[Rows], asyncio.Future[Rows]]", record: bytes, finished: asyncio.Future[None]
    ) -> None:
        super().__init__(b"", sys.maxsize, finished)
        self._ask = ask
        self._record = record
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
        self._event = b'{"Records":[%b]}' % b",".join([self._record % row[0] for row in self._hand])
        super()._answer(True)


async def _drain(count: int, environments: int, step: Step, record: bytes) -> float:
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
                    await _start(stack, partial(_DrainingApi, ask, record, finished))
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
    return asyncio.run(_drain(count, environments, settle_messages(batch), MESSAGE))


def records_per_second(count: int = 60_000, batch: int = 100) -> float:
    """Return how quickly a shard's records can, one batch after the other."""
    return asyncio.run(_drain(count, 1, settle_records(batch), RECORD))
