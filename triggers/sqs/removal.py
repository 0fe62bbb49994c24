"""How messages leave a queue without being received: purged by a user, or past the retention period.

Source: Amazon SQS API reference, PurgeQueue; developer guide, "Message retention period".
"""

import sqlite3
from datetime import datetime, timedelta

from engine.clock import to_millis
from triggers.sqs import fifo
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import PurgeQueueInProgress
from triggers.sqs.message_table import oldest_kept

PURGE_INTERVAL = timedelta(seconds=60)
ROWS_AT_ONCE = 10_000  # others wait for the store meanwhile


def begin_purge(connection: sqlite3.Connection, queue: QueueAttributes, now: datetime) -> int:
    """Note that the queue is purged now; return the sequence up to which messages are to go.

    Raises PurgeQueueInProgress when it was purged within the last minute.
    """
    row = connection.execute("SELECT purged_at FROM sqs_queues WHERE name = ?", (queue.name,)).fetchone()
    if row is not None and row[0] is not None and to_millis(now - PURGE_INTERVAL) < row[0]:
        raise PurgeQueueInProgress(queue.name)
    connection.execute(
        "INSERT INTO sqs_queues (name, purged_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET purged_at = ?2",
        (queue.name, to_millis(now)),
    )
    last: int = connection.execute("SELECT coalesce(max(sequence), 0) FROM sqs_messages").fetchone()[0]
    return last


def purge_some(connection: sqlite3.Connection, queue: QueueAttributes, last: int, now: datetime) -> int:
    """Delete many messages up to sequence `last` that were sent until `now`; return how many."""
    groups = connection.execute(
        "DELETE FROM sqs_messages WHERE sequence IN (SELECT sequence FROM sqs_messages"
        " WHERE queue = ? AND sequence <= ? AND sent_at <= ? LIMIT ?) RETURNING group_id",
        (queue.name, last, to_millis(now), ROWS_AT_ONCE),
    ).fetchall()
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, {group for (group,) in groups})
    return len(groups)


def drop_expired_heads(connection: sqlite3.Connection, queue: QueueAttributes, now: datetime) -> bool:
    """Delete messages past the retention period that somebody has in hand, and that keep others of their FIFO
    groups back; say whether there were any.
    """
    groups = connection.execute(
        "DELETE FROM sqs_messages WHERE sequence IN (SELECT head FROM sqs_groups WHERE queue = ?)"
        " AND sent_at <= ? RETURNING group_id",
        (queue.name, oldest_kept(queue, now)),
    ).fetchall()
    fifo.refresh(connection, queue.name, {group for (group,) in groups})
    return bool(groups)


def drop_expired(connection: sqlite3.Connection, queue: QueueAttributes, now: datetime) -> None:
    """Delete messages past the retention period, as far as they have not been received."""
    groups = connection.execute(
        # A message that is visible since before that moment was sent before it.
        "DELETE FROM sqs_messages WHERE sequence IN (SELECT sequence FROM sqs_messages"
        " WHERE queue = ? AND visible_at <= ? LIMIT ?) RETURNING group_id",
        (queue.name, oldest_kept(queue, now), ROWS_AT_ONCE),
    ).fetchall()
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, {group for (group,) in groups})
