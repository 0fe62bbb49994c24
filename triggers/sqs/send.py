"""Sending: messages become rows of the store."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.clock import to_millis
from engine.random_uuid import random_uuid
from triggers.sqs import fifo, message_table
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message import OutgoingMessage, SentMessage
from triggers.sqs.message_table import NewRow, attributes_text, system_attributes_text


def send(
    connection: sqlite3.Connection,
    queue: QueueAttributes,
    messages: Sequence[OutgoingMessage],
    now: datetime,
) -> list[SentMessage]:
    """Store messages, which have been checked, in their order; say what each sender is told."""
    if queue.is_fifo:
        return fifo.send(connection, queue, messages, now)
    millis = to_millis(now)
    rows = [_row(queue, message, millis) for message in messages]
    message_table.insert(connection, rows)
    return [SentMessage(row.message_id) for row in rows]


def _row(queue: QueueAttributes, message: OutgoingMessage, now: int) -> NewRow:
    delay = queue.delay if message.delay is None else message.delay
    return NewRow(
        queue.name,
        random_uuid(),
        now + delay // timedelta(milliseconds=1) if delay else now,
        now,
        message.group_id,
        None,
        None,
        system_attributes_text(message.system_attributes),
        attributes_text(message.attributes),
        message.body,
    )
