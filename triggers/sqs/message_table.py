"""The messages of all queues as rows of the store."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from engine.clock import from_millis, to_millis
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


INSERT = (
    f"INSERT INTO sqs_messages ({', '.join(NewRow._fields)}, first_received_at)"  # noqa: S608 - names of ours
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?4)"
)


def insert(connection: sqlite3.Connection, rows: Sequence[NewRow]) -> None:
    """Store messages in their order."""
    connection.executemany(INSERT, rows)


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


def oldest_messages(connection: sqlite3.Connection, queue: str, limit: int) -> list[Message]:
    """Return up to `limit` messages of a queue, those that can be received first at the front."""
    rows: Sequence[Any] = connection.execute(
        f"SELECT {COLUMNS} FROM sqs_messages WHERE queue = ?"  # noqa: S608 - names of ours
        " ORDER BY visible_at, sequence LIMIT ?",
        (queue, limit),
    ).fetchall()
    return [to_message(MessageRow._make(row)) for row in rows]


def count_messages(connection: sqlite3.Connection, queue: str) -> int:
    """Return how many messages a queue holds, in flight and delayed ones too."""
    row = connection.execute("SELECT count(*) FROM sqs_messages WHERE queue = ?", (queue,)).fetchone()
    return int(row[0])


class Counts(NamedTuple):
    """How many messages of a queue can be received, are in the hands of receivers, or have not begun."""

    visible: int
    in_flight: int
    delayed: int


def counts(connection: sqlite3.Connection, queue: str, now: datetime) -> Counts:
    """Return the three numbers that GetQueueAttributes tells."""
    millis = to_millis(now)
    visible = connection.execute(
        "SELECT count(*) FROM sqs_messages WHERE queue = ? AND visible_at <= ?", (queue, millis)
    ).fetchone()[0]
    hidden, in_flight = connection.execute(
        "SELECT count(*), coalesce(sum(receive_count > 0), 0) FROM sqs_messages"
        " WHERE queue = ? AND visible_at > ?",
        (queue, millis),
    ).fetchone()
    return Counts(visible, in_flight, hidden - in_flight)
