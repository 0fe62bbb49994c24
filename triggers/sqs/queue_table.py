"""Queues as rows of the store: those made over the API, and what was changed of the configured ones.

The rows of `sqs_queues` also hold what the messages of any queue need: see `fifo.py` and `removal.py`.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta

import orjson

from engine.clock import to_millis
from engine.value import dataclass
from triggers.sqs.errors import QueueDeletedRecently

RECENTLY = timedelta(seconds=60)
ROWS_AT_ONCE = 10_000  # others wait for the store meanwhile


@dataclass(frozen=True, slots=True)
class StoredQueue:
    """A queue as the store has it. `attributes` are those that were given, by their names in the API.

    Moments are milliseconds from 1970.
    """

    name: str
    made_by_api: bool
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: int | None = None
    changed_at: int | None = None


def load(connection: sqlite3.Connection) -> list[StoredQueue]:
    """Return what is stored of queues, in the order of their names."""
    rows = connection.execute(
        "SELECT name, made_by_api, attributes, tags, created_at, changed_at FROM sqs_queues"
        " WHERE made_by_api OR attributes <> '{}' OR tags <> '{}' ORDER BY name"
    )
    return [
        StoredQueue(name, bool(made), orjson.loads(attributes), orjson.loads(tags), created, changed)
        for name, made, attributes, tags, created, changed in rows
    ]


def create(connection: sqlite3.Connection, queue: StoredQueue, now: datetime) -> None:
    """Store a new queue. Raises QueueDeletedRecently within a minute of the deletion of its namesake."""
    row = connection.execute("SELECT deleted_at FROM sqs_queues WHERE name = ?", (queue.name,)).fetchone()
    if row is not None and row[0] is not None and to_millis(now - RECENTLY) < row[0]:
        raise QueueDeletedRecently
    save(connection, queue)


def save(connection: sqlite3.Connection, queue: StoredQueue) -> None:
    """Store what a queue is now."""
    connection.execute(
        "INSERT INTO sqs_queues (name, made_by_api, attributes, tags, created_at, changed_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"
        " made_by_api = ?2, attributes = ?3, tags = ?4, created_at = ?5, changed_at = ?6",
        (
            queue.name,
            queue.made_by_api,
            orjson.dumps(queue.attributes).decode(),
            orjson.dumps(queue.tags).decode(),
            queue.created_at,
            queue.changed_at,
        ),
    )


def delete_messages(connection: sqlite3.Connection, name: str) -> bool:
    """Delete many messages of a queue; say whether there may be more."""
    deleted = connection.execute(
        "DELETE FROM sqs_messages WHERE sequence IN"
        " (SELECT sequence FROM sqs_messages WHERE queue = ? LIMIT ?)",
        (name, ROWS_AT_ONCE),
    ).rowcount
    return deleted == ROWS_AT_ONCE


def delete(connection: sqlite3.Connection, name: str, now: datetime) -> None:
    """Delete a queue with all that belongs to it, and note when that was."""
    for table in ("sqs_messages", "sqs_groups", "sqs_deduplication"):
        connection.execute(f"DELETE FROM {table} WHERE queue = ?", (name,))  # noqa: S608
    connection.execute("DELETE FROM sqs_queues WHERE name = ?", (name,))
    connection.execute("INSERT INTO sqs_queues (name, deleted_at) VALUES (?, ?)", (name, to_millis(now)))
