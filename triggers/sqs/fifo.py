"""FIFO queues: numbers, order within groups, and which groups can be received from.

A table of groups knows the oldest message of each, so that neither a long group nor many busy ones are
searched. It is brought up to date by `refresh` whenever the messages of a group change.

Source: Amazon SQS developer guide, "FIFO queue delivery logic".
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from engine.clock import to_millis
from engine.random_uuid import random_uuid
from triggers.sqs import deduplication, message_table
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message import OutgoingMessage, SentMessage
from triggers.sqs.message_table import (
    MessageRow,
    NewRow,
    attributes_text,
    shown_sequence_number,
    system_attributes_text,
)

OF_GROUP = "queue = ? AND group_id = ? AND sequence_number IS NOT NULL"  # as the index says it


def send(
    connection: sqlite3.Connection,
    queue: QueueAttributes,
    messages: Sequence[OutgoingMessage],
    now: datetime,
) -> list[SentMessage]:
    """Store messages in their order, except those that repeat one; repeating is a success."""
    millis = to_millis(now)
    deduplication.forget_old(connection, millis)
    return [_send(connection, queue, message, millis) for message in messages]


def _send(
    connection: sqlite3.Connection, queue: QueueAttributes, message: OutgoingMessage, now: int
) -> SentMessage:
    group = message.group_id
    assert group is not None, "a message to a FIFO queue has a group"
    identity = deduplication.deduplication_id(message)
    repeated = deduplication.find(connection, queue, identity, group)
    if repeated is not None:
        return SentMessage(repeated[0], shown_sequence_number(repeated[1]))
    message_id, number = random_uuid(), next_number(connection, queue.name)
    deduplication.remember(connection, queue, identity, group, (message_id, number), now)
    row = NewRow(
        queue.name,
        message_id,
        now + queue.delay // timedelta(milliseconds=1),
        now,
        group,
        identity,
        number,
        system_attributes_text(message.system_attributes),
        attributes_text(message.attributes),
        message.body,
    )
    message_table.insert(connection, [row])
    append(connection, queue.name, group, row.visible_at)
    return SentMessage(message_id, shown_sequence_number(number))


def next_number(connection: sqlite3.Connection, queue: str) -> int:
    """Return the number of the next message of a queue."""
    number: int = connection.execute(
        "INSERT INTO sqs_queues (name, last_sequence_number) VALUES (?, 1)"
        " ON CONFLICT DO UPDATE SET last_sequence_number = last_sequence_number + 1"
        " RETURNING last_sequence_number",
        (queue,),
    ).fetchone()[0]
    return number


def append(connection: sqlite3.Connection, queue: str, group: str, visible_at: int) -> None:
    """Note that a message has just been inserted at the end of a group, which it may begin."""
    connection.execute(
        "INSERT INTO sqs_groups (queue, group_id, ready_at, head) VALUES (?, ?, ?, last_insert_rowid())"
        " ON CONFLICT DO NOTHING",
        (queue, group, visible_at),
    )


def refresh(connection: sqlite3.Connection, queue: str, groups: Iterable[str | None]) -> None:
    """Note what the oldest messages of groups are now."""
    for group in groups:
        head = connection.execute(
            f"SELECT visible_at, sequence FROM sqs_messages WHERE {OF_GROUP} ORDER BY sequence LIMIT 1",  # noqa: S608
            (queue, group),
        ).fetchone()
        if head is None:
            connection.execute("DELETE FROM sqs_groups WHERE queue = ? AND group_id = ?", (queue, group))
        else:
            connection.execute(
                "INSERT INTO sqs_groups (queue, group_id, ready_at, head) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET ready_at = excluded.ready_at, head = excluded.head",
                (queue, group, *head),
            )


def ready_groups(connection: sqlite3.Connection, queue: str, now: int, limit: int) -> list[str]:
    """Return groups that can be received from, the one that has waited longest first."""
    rows = connection.execute(
        "SELECT group_id FROM sqs_groups WHERE queue = ? AND ready_at <= ? ORDER BY ready_at, head LIMIT ?",
        (queue, now, limit),
    ).fetchall()
    return [group for (group,) in rows]


def visible_in_order(
    connection: sqlite3.Connection, queue: str, group: str, now: int, limit: int
) -> list[MessageRow]:
    """Return the oldest messages of a group, up to the first that is hidden: nothing overtakes it."""
    rows = message_table.select(connection, f"{OF_GROUP} ORDER BY sequence LIMIT ?", (queue, group, limit))
    return list(takewhile(lambda row: row.visible_at <= now, rows))


def next_ready_at(connection: sqlite3.Connection, queue: str) -> int | None:
    """Return when the next group can be received from, None when there are no messages."""
    moment: int | None = connection.execute(
        "SELECT min(ready_at) FROM sqs_groups WHERE queue = ?", (queue,)
    ).fetchone()[0]
    return moment
