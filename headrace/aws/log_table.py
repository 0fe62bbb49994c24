"""Log groups, streams and events that were made over the API, in the store. All of it runs on its thread."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from engine.value import dataclass
from headrace.aws.log_files import EVENT_BYTES, PAGE_BYTES, LogEvent, Span

FORWARDS = """
SELECT moment, id, message, ingested FROM log_events
WHERE log_group = ? AND stream = ? AND moment >= ? AND moment < ? AND (moment, id) > (?, ?)
ORDER BY moment, id LIMIT ?
"""
BACKWARDS = """
SELECT moment, id, message, ingested FROM log_events
WHERE log_group = ? AND stream = ? AND moment >= ? AND moment < ? AND (moment, id) < (?, ?)
ORDER BY moment DESC, id DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group. `attributes` are those of the API: retentionInDays, kmsKeyId, logGroupClass, tags."""

    name: str
    created: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A stream; `first`, `last` and `ingested` are None as long as it has no events."""

    name: str
    created: int
    first: int | None
    last: int | None
    ingested: int | None


def load_groups(connection: sqlite3.Connection) -> list[GroupRow]:
    """Return all groups."""
    rows = connection.execute("SELECT name, created, attributes FROM log_groups")
    return [GroupRow(name, created, orjson.loads(attributes)) for name, created, attributes in rows]


def save_group(connection: sqlite3.Connection, row: GroupRow) -> None:
    """Store a group, new or changed."""
    attributes = orjson.dumps(row.attributes).decode()
    connection.execute(
        "INSERT OR REPLACE INTO log_groups VALUES (?, ?, ?)", (row.name, row.created, attributes)
    )


def delete_group(connection: sqlite3.Connection, name: str) -> None:
    """Forget a group with its streams and their events."""
    connection.execute("DELETE FROM log_groups WHERE name = ?", (name,))
    connection.execute("DELETE FROM log_streams WHERE log_group = ?", (name,))
    connection.execute("DELETE FROM log_events WHERE log_group = ?", (name,))


def load_streams(connection: sqlite3.Connection, group: str) -> list[StreamRow]:
    """Return the streams of a group."""
    rows = connection.execute(
        "SELECT name, created,"
        " (SELECT min(moment) FROM log_events AS e WHERE e.log_group = s.log_group AND e.stream = s.name),"
        " (SELECT max(moment) FROM log_events AS e WHERE e.log_group = s.log_group AND e.stream = s.name),"
        " (SELECT max(ingested) FROM log_events AS e WHERE e.log_group = s.log_group AND e.stream = s.name)"
        " FROM log_streams AS s WHERE log_group = ?",
        (group,),
    )
    return [StreamRow(*row) for row in rows]


def make_stream(connection: sqlite3.Connection, group: str, name: str, now: int) -> bool:
    """Store a new stream; say whether there was none of that name."""
    made = connection.execute("INSERT OR IGNORE INTO log_streams VALUES (?, ?, ?)", (group, name, now))
    return made.rowcount == 1


def delete_stream(connection: sqlite3.Connection, group: str, name: str) -> None:
    """Forget a stream and its events."""
    connection.execute("DELETE FROM log_streams WHERE log_group = ? AND name = ?", (group, name))
    connection.execute("DELETE FROM log_events WHERE log_group = ? AND stream = ?", (group, name))


def put_events(
    connection: sqlite3.Connection, group: str, stream: str, events: Sequence[tuple[int, str]], now: int
) -> None:
    """Store events, each a moment and a text."""
    connection.executemany(
        "INSERT INTO log_events (log_group, stream, moment, ingested, message) VALUES (?, ?, ?, ?, ?)",
        ((group, stream, moment, now, message) for moment, message in events),
    )


def read_events(
    connection: sqlite3.Connection, group: str, stream: str, span: Span, most: int
) -> list[LogEvent]:
    """Return at most so many events, and at most a megabyte of them, in the order of the span."""
    if span.forwards:
        sql, beyond = FORWARDS, span.beyond or (-(2**63), -1)
    else:
        sql, beyond = BACKWARDS, span.beyond or (2**63 - 1, 2**63 - 1)
    rows = connection.execute(sql, (group, stream, span.begin, span.end, *beyond, most))
    found: list[LogEvent] = []
    size = 0
    for row in rows:
        event = LogEvent(*row)
        size += len(event.message.encode()) + EVENT_BYTES
        if found and size > PAGE_BYTES:
            break
        found.append(event)
    return found


def stored_bytes(connection: sqlite3.Connection, group: str) -> int:
    """Return how much the events of a group take, as CloudWatch counts."""
    found = connection.execute(
        "SELECT total(length(CAST(message AS BLOB)) + ?) FROM log_events WHERE log_group = ?",
        (EVENT_BYTES, group),
    ).fetchone()
    return int(found[0])
