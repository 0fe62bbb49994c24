"""Deduplication in FIFO queues: within five minutes a second message with the same id is not delivered.

Source: Amazon SQS developer guide, "Exactly-once processing in Amazon SQS".
"""

import hashlib
import sqlite3
from datetime import timedelta

from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message import OutgoingMessage

INTERVAL = timedelta(minutes=5)
WHOLE_QUEUE = ""  # stands for the group where an id counts for all groups


def deduplication_id(message: OutgoingMessage) -> str:
    """Return the id of a message: the one it was given, else the SHA-256 of its body alone."""
    if message.deduplication_id is not None:
        return message.deduplication_id
    return hashlib.sha256(message.body.encode()).hexdigest()


def forget_old(connection: sqlite3.Connection, now: int) -> None:
    """Forget what was sent before the interval; `now` is in milliseconds from 1970."""
    connection.execute(
        "DELETE FROM sqs_deduplication WHERE sent_at <= ?", (now - INTERVAL // timedelta(milliseconds=1),)
    )


def find(
    connection: sqlite3.Connection, queue: QueueAttributes, identity: str, group: str
) -> tuple[str, int] | None:
    """Return the message id and the number of the message that a new one would repeat.

    What was sent while the scope was the whole queue still counts for all groups afterwards
    [recorded: test_fifo_change_to_high_throughput_after_creation].
    """
    row: tuple[str, int] | None = connection.execute(
        "SELECT message_id, sequence_number FROM sqs_deduplication"
        " WHERE queue = ? AND deduplication_id = ? AND group_id IN (?, ?)",
        (queue.name, identity, WHOLE_QUEUE, _scope(queue, group)),
    ).fetchone()
    return row


def remember(
    connection: sqlite3.Connection,
    queue: QueueAttributes,
    identity: str,
    group: str,
    sent: tuple[str, int],
    now: int,
) -> None:
    """Remember a message that is sent at `now`, milliseconds from 1970."""
    connection.execute(
        "INSERT INTO sqs_deduplication"
        " (queue, deduplication_id, group_id, sent_at, message_id, sequence_number)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (queue.name, identity, _scope(queue, group), now, *sent),
    )


def _scope(queue: QueueAttributes, group: str) -> str:
    return group if queue.deduplication_scope == "messageGroup" else WHOLE_QUEUE
