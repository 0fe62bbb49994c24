"""A stream mapping for tests: with a destination that remembers, and a handler that is scripted."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from engine.clock import Clock
from engine.faults import Faults
from engine.feed import Feed
from engine.functions.invocation import FunctionRunner, Invocation
from engine.mapping.failure_destination import FailureDestination
from engine.mapping.failure_record import FailureRecord
from engine.mapping.filter_criteria import compile_criteria
from engine.mapping.source import StreamSource
from engine.mapping.stream_job import StreamJob
from engine.mapping.stream_mapping import StreamMapping
from engine.mapping.stream_settings import StreamMappingSettings
from engine.store.database import Store

UUID = "5bd5b4a5-0000-4000-8000-000000000001"


class Failures:
    """An on-failure destination. Records count once their transaction is committed.

    While `trouble` is an error, none is kept; while `refusal` is one, none is stored.
    """

    arn = "arn:aws:sqs:us-east-1:000000000000:failures"

    def __init__(self) -> None:
        self.records: list[FailureRecord] = []
        self.trouble: Exception | None = None
        self.refusal: Exception | None = None
        self._sent: list[FailureRecord] = []

    async def keep(self, record: FailureRecord) -> None:
        """Fail, or leave it to `send`."""
        if self.trouble is not None:
            raise self.trouble

    def send(self, connection: sqlite3.Connection, record: FailureRecord) -> None:
        """Take the record of a transaction."""
        assert connection.in_transaction
        if self.refusal is not None:
            raise self.refusal
        self._sent.append(record)

    def wake(self) -> None:
        """The transaction is committed."""
        sent, self._sent = self._sent, []
        self.records += sent

    def documents(self) -> list[dict[str, Any]]:
        """Return what a queue would hold."""
        return [json.loads(record.document()) for record in self.records]

    def labels(self) -> list[list[str]]:
        """Return the labels of the records that each failure record is about."""
        return [[record.sequence_number for record in failure.records] for failure in self.records]


def labels(invocation: Invocation) -> list[str]:
    """Return the labels of the records of an event."""
    return [record["label"] for record in json.loads(invocation.payload)["Records"]]


def stream_mapping(
    source: StreamSource,
    runner: FunctionRunner,
    store: Store,
    clock: Clock,
    feed: Feed | None = None,
    *,
    on_failure: FailureDestination | None = None,
    patterns: Sequence[str] = (),
    uuid: str = UUID,
    faults: Faults | None = None,
    **settings: Any,
) -> StreamMapping:
    """Return a mapping of `source` to the function `fn`; it begins with the oldest record."""
    settings.setdefault("starting_position", "TRIM_HORIZON")
    return StreamMapping(
        StreamJob(
            uuid,
            source,
            "fn",
            "arn:aws:lambda:us-east-1:000000000000:function:fn",
            StreamMappingSettings(**settings),
            runner=runner,
            on_failure=on_failure,
            store=store,
            clock=clock,
            feed=feed or Feed(),
            criteria=compile_criteria(source.kind, patterns),
            faults=faults,
        )
    )


@asynccontextmanager
async def running(*mappings: StreamMapping) -> AsyncIterator[None]:
    """Run mappings meanwhile; then cancel them and wait for their orderly end."""
    tasks = [asyncio.create_task(mapping.run()) for mapping in mappings]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()
