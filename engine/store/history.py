"""What has been invoked: written beside the work, in batches, and kept to a limit.

A kill loses at most the last half second of history, never an event.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import orjson

from engine.clock import Clock, from_millis, to_millis
from engine.errors import StoreError
from engine.feed import Fact, Feed, InvocationFinished
from engine.store.database import Store
from engine.value import dataclass

WRITE_AFTER = timedelta(seconds=0.5)
WRITE_AFTER_SIMULATED = timedelta(minutes=30)  # which pass at once: nobody looks at the history meanwhile
MESSAGE_LIMIT = 500  # characters of an error message
COLUMNS = (
    "finished_at, function, source, request_id, attempt, duration_ms, memory_used_mb, init_ms, error_type,"
    " error_message"
)
# All rows in one step of SQLite's: between two the interpreter changes hands, while the loop is at work.
VALUES = ", ".join(f"json_extract(value, '$[{index}]')" for index in range(COLUMNS.count(",") + 1))
INSERT = f"INSERT INTO history ({COLUMNS}) SELECT {VALUES} FROM json_each(?)"  # noqa: S608 - text of ours


@dataclass(frozen=True, slots=True)
class PastInvocation:
    """One row of the history."""

    finished_at: datetime
    function: str
    source: str
    request_id: str
    attempt: int
    duration_ms: float
    memory_used_mb: int
    init_ms: float | None
    error_type: str | None
    error_message: str | None


class History:
    """Writes finished invocations to the store while it is entered; keeps the newest `limit`."""

    def __init__(self, store: Store, feed: Feed, clock: Clock, limit: int) -> None:
        self._store, self._feed, self._clock, self._limit = store, feed, clock, limit
        self._rows: list[tuple[object, ...]] = []
        self._writer: asyncio.Task[None] | None = None
        self._untap: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        if self._limit:
            self._untap = self._feed.tap(self._take)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left."""
        self._untap()
        if self._writer is not None:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        await self.write()

    def _take(self, fact: Fact) -> None:
        if not isinstance(fact, InvocationFinished):
            return
        message = None if fact.error_message is None else fact.error_message[:MESSAGE_LIMIT]
        self._rows.append(
            (
                to_millis(fact.time),
                fact.function,
                fact.source,
                fact.request_id,
                fact.attempt,
                fact.duration_ms,
                fact.memory_used_mb,
                fact.init_ms,
                fact.error_type,
                message,
            )
        )
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_soon(), name="history")

    async def _write_soon(self) -> None:
        after = WRITE_AFTER_SIMULATED if self._clock.runs_inline else WRITE_AFTER
        await self._clock.world.sleep(after.total_seconds())
        self._writer = None
        await self.write()

    async def write(self) -> None:
        """Write now what would be written soon."""
        rows, self._rows = self._rows[-self._limit :], []
        if not rows:
            return

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(INSERT, (orjson.dumps(rows).decode(),))
            connection.execute(
                "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?", (self._limit,)
            )

        with suppress(StoreError):  # a full disk costs history, not events
            await self._store.write(insert)


def past_invocations(
    connection: sqlite3.Connection, *, limit: int, function: str | None = None, failed: bool = False
) -> list[PastInvocation]:
    """Return the newest `limit` invocations, oldest first; of one function, or only those that failed."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM history"  # noqa: S608 - text of ours
        " WHERE (?1 IS NULL OR function = ?1) AND (NOT ?2 OR error_type IS NOT NULL)"
        " ORDER BY id DESC LIMIT ?3",
        (function, failed, limit),
    ).fetchall()
    return [PastInvocation(from_millis(finished), *rest) for finished, *rest in reversed(rows)]
