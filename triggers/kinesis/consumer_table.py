"""The registered consumers of streams as rows of the store. Moments are milliseconds from 1970."""

import sqlite3
from collections.abc import Mapping
from dataclasses import field

import orjson

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer of a stream, by their names."""

    stream: str
    name: str
    created_at: int
    tags: Mapping[str, str] = field(default_factory=dict)


def load(connection: sqlite3.Connection) -> list[Consumer]:
    """Return all consumers."""
    rows = connection.execute("SELECT stream, name, created_at, tags FROM kinesis_consumers")
    return [Consumer(stream, name, created, orjson.loads(tags)) for stream, name, created, tags in rows]


def save(connection: sqlite3.Connection, consumer: Consumer) -> None:
    """Store a consumer, or what its tags are now."""
    connection.execute(
        "INSERT INTO kinesis_consumers (stream, name, created_at, tags) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET tags = ?4",
        (consumer.stream, consumer.name, consumer.created_at, orjson.dumps(consumer.tags).decode()),
    )


def delete(connection: sqlite3.Connection, consumer: Consumer) -> None:
    """Forget a consumer."""
    connection.execute(
        "DELETE FROM kinesis_consumers WHERE stream = ? AND name = ?", (consumer.stream, consumer.name)
    )
