"""Moving messages to dead-letter queues, and back.

Source: Amazon SQS developer guide, "Using dead-letter queues" and "Configuring a dead-letter queue redrive".
"""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from engine.clock import to_millis
from engine.random_uuid import random_uuid
from engine.value import dataclass
from triggers.sqs import fifo, message_table
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidParameter
from triggers.sqs.message_table import MessageRow

MOVED_AT_ONCE = 1000  # others wait for the store meanwhile


def to_dead_letter_queue(
    connection: sqlite3.Connection, queue: QueueAttributes, row: MessageRow, now: int
) -> MessageRow:
    """Move a message that has been received as often as it may; return it.

    Id, body and attributes stay, and the count of receipts goes on. The time of sending stays in standard
    queues; in FIFO queues it begins anew, and the message's id becomes its deduplication id.
    `now` is in milliseconds from 1970.
    """
    policy = queue.redrive_policy
    assert policy is not None
    target = policy.dead_letter_queue
    number = fifo.next_number(connection, target) if queue.is_fifo else None
    connection.execute(
        "UPDATE sqs_messages SET sequence = (SELECT max(sequence) + 1 FROM sqs_messages), queue = ?,"
        " visible_at = ?, sent_at = ?, leased = 0, deduplication_id = ?,"
        " sequence_number = ?, dead_letter_source = ? WHERE sequence = ?",
        (
            target,
            now,
            now if queue.is_fifo else row.sent_at,
            row.message_id if queue.is_fifo else None,
            number,
            queue.arn,
            row.sequence,
        ),
    )
    if queue.is_fifo:
        fifo.refresh(connection, target, [row.group_id])
    return row


@dataclass(frozen=True, slots=True)
class MoveTask:
    """Messages of a dead-letter queue are to go to `destination`, or each to where it came from.

    `origins` are the queues that they may have come from, by ARN.
    """

    source: QueueAttributes
    destination: QueueAttributes | None
    origins: Mapping[str, QueueAttributes]


def check_destination(source: QueueAttributes, destination: QueueAttributes) -> None:
    """Raise InvalidParameter when messages cannot be moved from one queue to the other."""
    if source.name == destination.name:
        raise InvalidParameter("Source and destination queues cannot be the same.")
    if source.is_fifo != destination.is_fifo:
        raise InvalidParameter("Source and destination queues must be of the same type, standard or FIFO.")


def move_some(connection: sqlite3.Connection, task: MoveTask, limit: int, now: datetime) -> list[str]:
    """Move up to `limit` visible messages, oldest first; return the name of each one's new queue.

    Messages that came from nowhere, or from a queue that is no more, stay unless there is a destination.
    A moved message is a new one: its id, its time of sending and its count of receipts begin anew. It is not
    deduplicated.
    """
    known: tuple[str, ...] = () if task.destination is not None else tuple(task.origins)
    from_known = f" AND dead_letter_source IN ({', '.join('?' * len(known))})"
    millis = to_millis(now)
    rows = message_table.select(
        connection,
        "queue = ? AND visible_at <= ? AND sent_at > ?"
        + ("" if task.destination is not None else from_known)
        + (" ORDER BY sequence" if task.source.is_fifo else " ORDER BY visible_at, sequence")
        + " LIMIT ?",
        (task.source.name, millis, message_table.oldest_kept(task.source, now), *known, limit),
    )
    targets = [task.destination or task.origins[row.dead_letter_source or ""] for row in rows]
    for row, target in zip(rows, targets, strict=True):
        _move(connection, row, target, millis)
    if task.source.is_fifo:
        fifo.refresh(connection, task.source.name, {row.group_id for row in rows})
    return [target.name for target in targets]


def _move(connection: sqlite3.Connection, row: MessageRow, target: QueueAttributes, now: int) -> None:
    connection.execute(
        "UPDATE sqs_messages SET sequence = (SELECT max(sequence) + 1 FROM sqs_messages), queue = ?1,"
        " message_id = ?2, visible_at = ?3, sent_at = ?3, receive_count = 0, first_received_at = ?3,"
        " leased = 0, sequence_number = ?4, dead_letter_source = NULL WHERE sequence = ?5",
        (
            target.name,
            random_uuid(),
            now,
            fifo.next_number(connection, target.name) if target.is_fifo else None,
            row.sequence,
        ),
    )
    if target.is_fifo:
        fifo.refresh(connection, target.name, [row.group_id])
