"""Receiving: visible messages are hidden for the visibility timeout and handed out.

Messages that are past the retention period are dropped on the way, and those that have been received too
often go to the dead-letter queue.

Source: Amazon SQS developer guide, "Visibility timeout" and "Dead-letter queues".
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta

from engine.clock import from_millis, to_millis
from engine.value import dataclass
from triggers.sqs import fifo, redrive
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message_table import COLUMNS, MessageRow

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Receiving:
    """A request for up to `limit` messages; `leased` when a mapping of the running simulator makes it."""

    limit: int
    visibility_timeout: timedelta
    leased: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """What a receive came to. Without messages, `next_at` is when there may be some, None for never."""

    rows: list[MessageRow]
    received_at: int
    redriven: list[MessageRow] = field(default_factory=list)
    next_at: datetime | None = None


def receive(
    connection: sqlite3.Connection, queue: QueueAttributes, wanted: Receiving, now: datetime
) -> Received:
    """Hide and return visible messages; what may not be delivered any more makes room for others."""
    claim = _claim_in_order if queue.is_fifo else _claim
    millis = to_millis(now)
    redriven: list[MessageRow] = []
    while True:
        claimed = claim(connection, queue, wanted, millis)
        rows = _deliverable(connection, queue, claimed, millis, redriven)
        if rows or not claimed:
            break
    next_at = None if rows else _next_at(connection, queue, millis)
    return Received(rows, millis, redriven, next_at)


def _claim(
    connection: sqlite3.Connection, queue: QueueAttributes, wanted: Receiving, now: int
) -> list[MessageRow]:
    rows = connection.execute(
        "UPDATE sqs_messages SET visible_at = ?1, receive_count = receive_count + 1, leased = ?5,"  # noqa: S608
        " first_received_at = CASE receive_count WHEN 0 THEN ?2 ELSE first_received_at END"
        " WHERE sequence IN (SELECT sequence FROM sqs_messages WHERE queue = ?3 AND visible_at <= ?2"
        f" ORDER BY visible_at, sequence LIMIT ?4) RETURNING {COLUMNS}",
        (now + wanted.visibility_timeout // MILLISECOND, now, queue.name, wanted.limit, wanted.leased),
    ).fetchall()
    rows.sort()
    return [MessageRow._make(row) for row in rows]


def _claim_in_order(
    connection: sqlite3.Connection, queue: QueueAttributes, wanted: Receiving, now: int
) -> list[MessageRow]:
    until = now + wanted.visibility_timeout // MILLISECOND
    claimed: list[MessageRow] = []
    for group in fifo.ready_groups(connection, queue.name, now, wanted.limit):
        room = wanted.limit - len(claimed)
        if not room:
            break
        for row in fifo.visible_in_order(connection, queue.name, group, now, room):
            first = row.first_received_at if row.receive_count else now
            connection.execute(
                "UPDATE sqs_messages SET visible_at = ?, receive_count = receive_count + 1, leased = ?,"
                " first_received_at = ? WHERE sequence = ?",
                (until, wanted.leased, first, row.sequence),
            )
            claimed.append(
                row._replace(visible_at=until, receive_count=row.receive_count + 1, first_received_at=first)
            )
        fifo.refresh(connection, queue.name, [group])
    return claimed


def _deliverable(
    connection: sqlite3.Connection,
    queue: QueueAttributes,
    claimed: list[MessageRow],
    now: int,
    redriven: list[MessageRow],
) -> list[MessageRow]:
    """Return what may be delivered; add to `redriven` what went to the dead-letter queue instead."""
    too_old = now - queue.message_retention_period // MILLISECOND
    most = queue.redrive_policy.max_receive_count if queue.redrive_policy is not None else None
    expired = [row for row in claimed if row.sent_at <= too_old]
    exhausted = [
        row for row in claimed if most is not None and row.receive_count > most and row.sent_at > too_old
    ]
    if not expired and not exhausted:
        return claimed
    if expired:
        drop_expired(connection, queue, expired, too_old)
    redriven.extend(redrive.to_dead_letter_queue(connection, queue, row, now) for row in exhausted)
    gone = {row.sequence for row in expired} | {row.sequence for row in exhausted}
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, {row.group_id for row in claimed if row.sequence in gone})
    return [row for row in claimed if row.sequence not in gone]


def drop_expired(
    connection: sqlite3.Connection, queue: QueueAttributes, found: Sequence[MessageRow], too_old: int
) -> None:
    """Delete messages that were `found` to have been sent up to `too_old`, and more like them."""
    connection.executemany("DELETE FROM sqs_messages WHERE sequence = ?", [(row.sequence,) for row in found])
    groups = connection.execute(
        # A message that is visible since before then was sent before then.
        "DELETE FROM sqs_messages WHERE queue = ? AND visible_at <= ? RETURNING group_id",
        (queue.name, too_old),
    ).fetchall()
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, {group for (group,) in groups})


def _next_at(connection: sqlite3.Connection, queue: QueueAttributes, now: int) -> datetime | None:
    if queue.is_fifo:
        moment = fifo.next_ready_at(connection, queue.name)
    else:
        moment = connection.execute(
            "SELECT min(visible_at) FROM sqs_messages WHERE queue = ? AND visible_at > ?", (queue.name, now)
        ).fetchone()[0]
    return None if moment is None else from_millis(moment)
