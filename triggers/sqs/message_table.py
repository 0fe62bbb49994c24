"""The messages of all queues as rows of the store."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from engine.clock import from_millis, to_millis
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message import Message, MessageAttribute, attributes_from_json, attributes_to_json
from triggers.sqs.receipt_handle import Receipt, to_handle

FIRST_SEQUENCE_NUMBER, SEQUENCE_NUMBER_STEP = 18_870_000_000_000_000_000, 256  # about what AWS hands out


class MessageRow(NamedTuple):
    """A stored message; times are milliseconds from 1970."""

    sequence: int
    message_id: str
    visible_at: int
    sent_at: int
    receive_count: int
    first_received_at: int
    group_id: str | None
    deduplication_id: str | None
    sequence_number: int | None
    dead_letter_source: str | None
    system_attributes: str
    attributes: str
    body: str


COLUMNS = ", ".join(MessageRow._fields)


class NewRow(NamedTuple):
    """A message that is sent; times are milliseconds from 1970."""

    queue: str
    message_id: str
    visible_at: int
    sent_at: int
    group_id: str | None
    deduplication_id: str | None
    sequence_number: int | None
    system_attributes: str
    attributes: str
    body: str


# Each step of a statement gives up the interpreter and has to win it back from the event loop's thread, so
# what is done for every message takes as few steps as can be: one INSERT for many rows, one row for many.
INSERT = f"INSERT INTO sqs_messages ({', '.join(NewRow._fields)}, first_received_at) VALUES "  # noqa: S608
VALUES = f"({', '.join('?' * (len(NewRow._fields) + 1))})"
ROWS_PER_INSERT = 100
SELECT = f"SELECT json_group_array(json_array({COLUMNS})) FROM (SELECT {COLUMNS} FROM sqs_messages WHERE "  # noqa: S608


def insert(connection: sqlite3.Connection, rows: Sequence[NewRow]) -> None:
    """Store messages in their order."""
    for start in range(0, len(rows), ROWS_PER_INSERT):
        chunk = rows[start : start + ROWS_PER_INSERT]
        values = [value for row in chunk for value in (*row, row.sent_at)]
        connection.execute(INSERT + ", ".join([VALUES] * len(chunk)), values)


def select(
    connection: sqlite3.Connection, condition: str, parameters: Sequence[str | int]
) -> list[MessageRow]:
    """Return the messages that a condition names; it may go on with ORDER BY and LIMIT."""
    text = connection.execute(f"{SELECT}{condition})", parameters).fetchone()[0]
    return [MessageRow._make(row) for row in orjson.loads(text)]


def delete(connection: sqlite3.Connection, rows: Sequence[MessageRow]) -> None:
    """Delete messages for good."""
    connection.executemany("DELETE FROM sqs_messages WHERE sequence = ?", [(row.sequence,) for row in rows])


def attributes_text(attributes: Mapping[str, MessageAttribute]) -> str:
    """Return attributes as they are stored."""
    return orjson.dumps(attributes_to_json(attributes)).decode() if attributes else "{}"


def system_attributes_text(attributes: Mapping[str, str]) -> str:
    """Return system attributes as they are stored."""
    return orjson.dumps(attributes).decode() if attributes else "{}"


def shown_sequence_number(number: int) -> str:
    """Return the 20 digits that stand for the `number`th message of a FIFO queue."""
    return str(FIRST_SEQUENCE_NUMBER + number * SEQUENCE_NUMBER_STEP)


def to_message(row: MessageRow) -> Message:
    """Return the message that a row holds."""
    return _message(row, None)


def to_received_message(row: MessageRow, now: int) -> Message:
    """Return the message of a row that was received at `now`, milliseconds from 1970, with its handle."""
    return _message(row, to_handle(Receipt(row.sequence, row.receive_count, now, row.message_id)))


def _message(row: MessageRow, receipt_handle: str | None) -> Message:
    number = row.sequence_number
    return Message(
        row.message_id,
        row.body,
        {} if row.attributes == "{}" else attributes_from_json(orjson.loads(row.attributes)),
        {} if row.system_attributes == "{}" else orjson.loads(row.system_attributes),
        from_millis(row.sent_at),
        from_millis(row.visible_at),
        row.receive_count,
        from_millis(row.first_received_at) if row.receive_count else None,
        row.group_id,
        row.deduplication_id,
        None if number is None else shown_sequence_number(number),
        row.dead_letter_source,
        receipt_handle,
    )


def oldest_messages(
    connection: sqlite3.Connection, queue: str, limit: int, sent_after: int = 0
) -> list[Message]:
    """Return up to `limit` messages of a queue, those that can be received first at the front.

    Leaves out what was sent at `sent_after`, milliseconds from 1970, or before.
    """
    rows = select(
        connection,
        "queue = ? AND sent_at > ? ORDER BY visible_at, sequence LIMIT ?",
        (queue, sent_after, limit),
    )
    return [to_message(row) for row in rows]


class Counts(NamedTuple):
    """How many messages of a queue can be received, are in the hands of receivers, or have not begun."""

    visible: int
    in_flight: int
    delayed: int


def counts(connection: sqlite3.Connection, queue: QueueAttributes, now: datetime) -> Counts:
    """Return the three numbers that GetQueueAttributes tells.

    They are approximate here too: a message that was received counts until somebody finds it past the
    retention period.
    """
    millis = to_millis(now)
    visible = connection.execute(
        "SELECT count(*) FROM sqs_messages WHERE queue = ? AND visible_at > ? AND visible_at <= ?",
        (queue.name, oldest_kept(queue, now), millis),
    ).fetchone()[0]
    hidden, in_flight = connection.execute(
        "SELECT count(*), coalesce(sum(receive_count > 0), 0) FROM sqs_messages"
        " WHERE queue = ? AND visible_at > ?",
        (queue.name, millis),
    ).fetchone()
    return Counts(visible, in_flight, hidden - in_flight)


def soonest_visible(connection: sqlite3.Connection, queue: str) -> datetime | None:
    """Return when the first message of a queue shows, or has shown; None when there are none.

    In a FIFO queue it may still wait for others of its group.
    """
    sql = "SELECT min(visible_at) FROM sqs_messages WHERE queue = ?"
    moment = connection.execute(sql, (queue,)).fetchone()[0]
    return None if moment is None else from_millis(moment)


def hidden_by_queue(connection: sqlite3.Connection, now: datetime) -> list[tuple[str, int, datetime]]:
    """Return, for each queue with hidden or delayed messages, how many and when the first will show.

    What a mapping has in hand is not counted.
    """
    return [
        (queue, count, from_millis(visible_at))
        for queue, count, visible_at in connection.execute(
            "SELECT queue, count(*), min(visible_at) FROM sqs_messages WHERE leased = 0 AND visible_at > ?"
            " GROUP BY queue ORDER BY queue",
            (to_millis(now),),
        )
    ]


def oldest_kept(queue: QueueAttributes, now: datetime) -> int:
    """Return up to when, in milliseconds from 1970, what was sent is past the retention period."""
    return to_millis(now - queue.message_retention_period)
