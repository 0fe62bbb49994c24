"""The statements on table `event_queue`, as plain functions of the connection inside a transaction."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from engine.clock import from_millis, to_millis
from engine.invocation.event import AsyncEvent
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """A row in hand. `response` is the function's answer to the last attempt, None before the first.

    `executed_version` is the version that gave it.
    """

    sequence: int
    request_id: str
    function: str
    qualifier: str | None
    source: str
    payload: bytes
    lineage: tuple[str, ...]
    accepted_at: datetime
    attempts: int
    refusals: int
    response: bytes | None
    executed_version: str | None = None

    def answered(self, response: bytes, version: str) -> "QueuedEvent":
        """Return the event after an attempt that a version of the function answered."""
        return self._after(self.attempts + 1, 0, response, version)

    def refused(self) -> "QueuedEvent":
        """Return the event after an attempt that could not be made."""
        return self._after(self.attempts, self.refusals + 1, self.response, self.executed_version)

    def _after(
        self, attempts: int, refusals: int, response: bytes | None, version: str | None
    ) -> "QueuedEvent":
        # Written out because dataclasses.replace takes ten times as long, and this is done for every event.
        return QueuedEvent(
            self.sequence,
            self.request_id,
            self.function,
            self.qualifier,
            self.source,
            self.payload,
            self.lineage,
            self.accepted_at,
            attempts,
            refusals,
            response,
            version,
        )


def insert(connection: sqlite3.Connection, events: Sequence[AsyncEvent], now: datetime) -> None:
    """Store events that are due at once, in their order."""
    millis = to_millis(now)
    connection.executemany(
        "INSERT INTO event_queue"
        " (request_id, function, qualifier, source, payload, lineage, accepted_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                event.request_id,
                event.function,
                event.qualifier,
                event.source,
                event.payload,
                orjson.dumps(event.lineage).decode() if event.lineage else "[]",
                millis,
                millis,
            )
            for event in events
        ],
    )


def claim(
    connection: sqlite3.Connection, function: str, now: datetime, limit: int
) -> tuple[list[QueuedEvent], datetime | None]:
    """Lease up to `limit` due events of `function`, oldest first; also say when the next one falls due."""
    rows = connection.execute(
        "UPDATE event_queue SET leased = 1 WHERE sequence IN ("
        "SELECT sequence FROM event_queue WHERE function = ? AND leased = 0 AND due_at <= ?"
        " ORDER BY due_at, sequence LIMIT ?)"
        " RETURNING due_at, sequence, request_id, function, qualifier, source, payload, lineage,"
        " accepted_at, attempts, refusals, response, executed_version",
        (function, to_millis(now), limit),
    ).fetchall()
    rows.sort(key=lambda row: (row[0], row[1]))
    next_due = connection.execute(
        "SELECT min(due_at) FROM event_queue WHERE function = ? AND leased = 0", (function,)
    ).fetchone()[0]
    return [_event(row[1:]) for row in rows], None if next_due is None else from_millis(next_due)


def remove(connection: sqlite3.Connection, event: QueuedEvent) -> None:
    """Forget an event that has ended."""
    connection.execute("DELETE FROM event_queue WHERE sequence = ?", (event.sequence,))


def postpone(connection: sqlite3.Connection, event: QueuedEvent, due_at: datetime) -> None:
    """Give an event back with its counts, to be tried again at `due_at`."""
    connection.execute(
        "UPDATE event_queue SET leased = 0, due_at = ?, attempts = ?, refusals = ?, response = ?,"
        " executed_version = ? WHERE sequence = ?",
        (
            to_millis(due_at),
            event.attempts,
            event.refusals,
            event.response,
            event.executed_version,
            event.sequence,
        ),
    )


def remove_all(connection: sqlite3.Connection, function: str) -> None:
    """Forget the events of a function that is deleted."""
    connection.execute("DELETE FROM event_queue WHERE function = ?", (function,))


def release_leases(connection: sqlite3.Connection) -> None:
    """Make everything available that a simulator had in hand when it ended."""
    connection.execute("UPDATE event_queue SET leased = 0 WHERE leased = 1")


def waiting_by_function(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many events are stored for each function that has any."""
    return dict(connection.execute("SELECT function, count(*) FROM event_queue GROUP BY function").fetchall())


def with_due(connection: sqlite3.Connection, functions: Sequence[str], now: datetime) -> list[str]:
    """Return which of the functions have events that are due and in nobody's hands."""
    sql = "SELECT EXISTS (SELECT 1 FROM event_queue WHERE function = ? AND leased = 0 AND due_at <= ?)"
    millis = to_millis(now)
    return [function for function in functions if connection.execute(sql, (function, millis)).fetchone()[0]]


def postponed_by_function(connection: sqlite3.Connection, now: datetime) -> list[tuple[str, int, datetime]]:
    """Return each function that has events to be tried later, how many, and when the first is due."""
    return [
        (function, count, from_millis(due_at))
        for function, count, due_at in connection.execute(
            "SELECT function, count(*), min(due_at) FROM event_queue WHERE leased = 0 AND due_at > ?"
            " GROUP BY function ORDER BY function",
            (to_millis(now),),
        )
    ]


def _event(row: Sequence[Any]) -> QueuedEvent:
    (
        sequence,
        request_id,
        function,
        qualifier,
        source,
        payload,
        lineage,
        accepted_at,
        attempts,
        refusals,
        response,
        executed_version,
    ) = row
    return QueuedEvent(
        sequence,
        request_id,
        function,
        qualifier,
        source,
        payload,
        () if lineage == "[]" else tuple(orjson.loads(lineage)),
        from_millis(accepted_at),
        attempts,
        refusals,
        response,
        executed_version,
    )
