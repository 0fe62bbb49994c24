"""Topics and subscriptions in the store. All operations run on the store's thread."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from engine.clock import to_millis
from engine.value import dataclass

DEDUPLICATION_INTERVAL = timedelta(minutes=5)
FIRST_SEQUENCE_NUMBER, SEQUENCE_STEP = 10**19, 1000  # 20 digits that grow, with gaps


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A stored topic; `is_configured`: the configuration declared it when the row was made."""

    name: str
    is_configured: bool
    attributes: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A stored subscription; `topic` is a name."""

    arn: str
    topic: str
    protocol: str
    endpoint: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Repeated:
    """What the sender of a repeated message is told: the answer to the first."""

    message_id: str
    sequence_number: str


def load(connection: sqlite3.Connection) -> tuple[list[TopicRow], list[SubscriptionRow]]:
    """Return everything; subscriptions in the order in which they were made."""
    topics = connection.execute("SELECT name, made_by, attributes, tags FROM sns_topics ORDER BY name")
    subscriptions = connection.execute(
        "SELECT arn, topic, protocol, endpoint, attributes FROM sns_subscriptions ORDER BY sequence"
    )
    return (
        [
            TopicRow(name, made_by == "configuration", orjson.loads(attributes), orjson.loads(tags))
            for name, made_by, attributes, tags in topics
        ],
        [
            SubscriptionRow(arn, topic, protocol, endpoint, orjson.loads(attributes))
            for arn, topic, protocol, endpoint, attributes in subscriptions
        ],
    )


def save_topic(connection: sqlite3.Connection, row: TopicRow) -> None:
    """Store a topic, or what has changed of it; who made it first stays."""
    connection.execute(
        "INSERT INTO sns_topics (name, made_by, attributes, tags) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET attributes = excluded.attributes, tags = excluded.tags",
        (row.name, _maker(is_configured=row.is_configured), _text(row.attributes), _text(row.tags)),
    )


def replace_topic(connection: sqlite3.Connection, row: TopicRow) -> None:
    """Store a new topic, without anything of one that had its name before."""
    delete_topic(connection, row.name)
    save_topic(connection, row)


def delete_topic(connection: sqlite3.Connection, name: str) -> None:
    """Forget a topic, its subscriptions and what was published to it."""
    connection.execute("DELETE FROM sns_topics WHERE name = ?", (name,))
    connection.execute("DELETE FROM sns_subscriptions WHERE topic = ?", (name,))
    connection.execute("DELETE FROM sns_deduplication WHERE topic = ?", (name,))


def save_subscription(connection: sqlite3.Connection, row: SubscriptionRow) -> None:
    """Store a subscription, or its attributes when it is there."""
    connection.execute(
        "INSERT INTO sns_subscriptions (arn, topic, protocol, endpoint, attributes) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (arn) DO UPDATE SET attributes = excluded.attributes",
        (row.arn, row.topic, row.protocol, row.endpoint, _text(row.attributes)),
    )


def delete_subscription(connection: sqlite3.Connection, arn: str) -> None:
    """Forget a subscription."""
    connection.execute("DELETE FROM sns_subscriptions WHERE arn = ?", (arn,))


def next_sequence_number(connection: sqlite3.Connection, topic: str, *, is_configured: bool) -> int:
    """Return the count of messages of a FIFO topic, with the one that is being published."""
    number: int = connection.execute(
        "INSERT INTO sns_topics (name, made_by, last_sequence_number) VALUES (?, ?, 1)"
        " ON CONFLICT DO UPDATE SET last_sequence_number = last_sequence_number + 1"
        " RETURNING last_sequence_number",
        (topic, _maker(is_configured=is_configured)),
    ).fetchone()[0]
    return number


def shown_sequence_number(number: int) -> str:
    """Return a sequence number as SNS writes it."""
    return str(FIRST_SEQUENCE_NUMBER + number * SEQUENCE_STEP)


def find_repeated(
    connection: sqlite3.Connection, topic: str, deduplication_id: str, group_id: str, now: datetime
) -> Repeated | None:
    """Return the answer to a message of this id within the last five minutes; forget older ones."""
    connection.execute(
        "DELETE FROM sns_deduplication WHERE published_at <= ?", (to_millis(now - DEDUPLICATION_INTERVAL),)
    )
    found = connection.execute(
        "SELECT message_id, sequence_number FROM sns_deduplication"
        " WHERE topic = ? AND deduplication_id = ? AND group_id = ?",
        (topic, deduplication_id, group_id),
    ).fetchone()
    return None if found is None else Repeated(found[0], shown_sequence_number(found[1]))


def remember(
    connection: sqlite3.Connection,
    topic: str,
    deduplication_id: str,
    group_id: str,
    answer: tuple[str, int],
    now: datetime,
) -> None:
    """Remember the id and the number that a message got."""
    connection.execute(
        "INSERT INTO sns_deduplication VALUES (?, ?, ?, ?, ?, ?)",
        (topic, deduplication_id, group_id, to_millis(now), *answer),
    )


def _maker(*, is_configured: bool) -> str:
    return "configuration" if is_configured else "api"


def _text(value: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(value)).decode()
