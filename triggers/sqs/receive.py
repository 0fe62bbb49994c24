"""Receiving: visible messages are hidden for the visibility timeout and handed out.

Messages that are past the retention period are dropped on the way, and those that have been received as often
as they may go to the dead-letter queue.

Source: Amazon SQS developer guide, "Visibility timeout" and "Dead-letter queues".
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta

import orjson

from engine.clock import from_millis, to_millis
from engine.faults import shuffled
from engine.value import dataclass
from triggers.sqs import fairness, fifo, message_table, redrive
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message_table import MessageRow, oldest_kept
from triggers.sqs.removal import drop_expired, drop_expired_heads

MILLISECOND = timedelta(milliseconds=1)
ROWS_AT_ONCE = 100  # each may hold a megabyte
RECORD_BYTES = 700  # of a record's JSON, about, besides body and attributes
LONGEST_CHARACTER = 4  # bytes, as JSON in UTF-8


@dataclass(frozen=True, slots=True)
class Receiving:
    """A request for up to `limit` messages; `leased` when a mapping of the running simulator makes it.

    With `most_bytes`, no more are wanted than make about so many bytes of JSON, but one. Declared faults say
    at which indexes messages that are received for the first time stay visible, and that messages come in
    another order, which follows from `order_seed`; both mean nothing in a FIFO queue.
    """

    limit: int
    visibility_timeout: timedelta
    leased: bool = False
    most_bytes: int | None = None
    stay_visible: frozenset[int] = frozenset()
    order_seed: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """What a receive came to; times are milliseconds from 1970.

    Without messages, `next_at` is when there may be some, None when there are none at all. `duplicated` are
    the ids of messages that have stayed visible.
    """

    rows: list[MessageRow]
    received_at: int
    redriven: list[MessageRow] = field(default_factory=list)
    next_at: datetime | None = None
    duplicated: Sequence[str] = ()
    is_reordered: bool = False


@dataclass(frozen=True, slots=True)
class Sorted:
    """Candidates of a receive, told apart by what becomes of them."""

    deliverable: list[MessageRow]
    expired: list[MessageRow]
    exhausted: list[MessageRow]


def receive(
    connection: sqlite3.Connection, queue: QueueAttributes, wanted: Receiving, now: datetime
) -> Received:
    """Hide and return visible messages; what may not be delivered any more makes room for others."""
    millis = to_millis(now)
    redriven: list[MessageRow] = []
    while candidates := _candidates(connection, queue, wanted, now):
        found = sort_out(candidates, queue, now)
        redriven.extend(
            redrive.to_dead_letter_queue(connection, queue, row, millis) for row in found.exhausted
        )
        if found.expired:
            message_table.delete(connection, found.expired)
            drop_expired(connection, queue, now)
        if found.deliverable:
            fitting = found.deliverable[: _count_within(found.deliverable, wanted.most_bytes)]
            rows = _hide(connection, fitting, wanted, millis)
            _settle(connection, queue, candidates)
            duplicated = _show(connection, rows, wanted, millis) if wanted.stay_visible else ()
            is_reordered = wanted.order_seed is not None and len(rows) > 1
            return Received(rows, millis, redriven, duplicated=duplicated, is_reordered=is_reordered)
        _settle(connection, queue, candidates)
    return Received([], millis, redriven, _next_at(connection, queue, millis))


def sort_out(candidates: Sequence[MessageRow], queue: QueueAttributes, now: datetime) -> Sorted:
    """Decide what becomes of visible messages at `now`."""
    too_old = oldest_kept(queue, now)
    policy = queue.redrive_policy
    found = Sorted([], [], [])
    for row in candidates:
        if row.sent_at <= too_old:
            found.expired.append(row)
        elif policy is not None and row.receive_count >= policy.max_receive_count:
            found.exhausted.append(row)
        else:
            found.deliverable.append(row)
    return found


def _candidates(
    connection: sqlite3.Connection, queue: QueueAttributes, wanted: Receiving, now: datetime
) -> list[MessageRow]:
    """Return visible messages, oldest first, of FIFO groups only what may be delivered next."""
    millis = to_millis(now)
    if queue.is_fifo:
        rows = _next_of_groups(connection, queue.name, wanted.limit, millis)
        while not rows and drop_expired_heads(connection, queue, now):
            rows = _next_of_groups(connection, queue.name, wanted.limit, millis)
        return rows
    rows = _oldest_visible(connection, queue.name, wanted, millis)
    if any(row.group_id is not None for row in rows):
        rows = fairness.quiet_first(connection, queue.name, rows, millis)
    rows.sort()
    return rows if wanted.order_seed is None else shuffled(rows, wanted.order_seed)[: wanted.limit]


def _next_of_groups(connection: sqlite3.Connection, queue: str, limit: int, now: int) -> list[MessageRow]:
    found: list[MessageRow] = []
    for group in fifo.ready_groups(connection, queue, now, limit):
        if len(found) < limit:
            found += fifo.visible_in_order(connection, queue, group, now, limit - len(found))
    return found


def _oldest_visible(
    connection: sqlite3.Connection, queue: str, wanted: Receiving, now: int
) -> list[MessageRow]:
    """Read so many messages as are wanted, and stop when they are more than enough bytes."""
    rows: list[MessageRow] = []
    limit = wanted.limit if wanted.order_seed is None else 2 * wanted.limit  # to choose from
    following, place = "", tuple[int, ...]()
    while (missing := min(ROWS_AT_ONCE, limit - len(rows))) > 0:
        chunk = message_table.select(
            connection,
            f"queue = ? AND visible_at <= ?{following} ORDER BY visible_at, sequence LIMIT ?",
            (queue, now, *place, missing),
        )
        rows += chunk
        if len(chunk) < missing or _count_within(rows, wanted.most_bytes) < len(rows):
            break
        following = " AND (visible_at, sequence) > (?, ?)"
        place = chunk[-1].visible_at, chunk[-1].sequence
    return rows


def _count_within(rows: Sequence[MessageRow], most_bytes: int | None) -> int:
    """Return how many messages at the head make about `most_bytes` of JSON at most, but one."""
    characters = sum([len(row.body) + len(row.attributes) for row in rows])
    if most_bytes is None or characters * LONGEST_CHARACTER + len(rows) * RECORD_BYTES <= most_bytes:
        return len(rows)
    total = 0
    for index, row in enumerate(rows):
        total += RECORD_BYTES + len(orjson.dumps(row.body)) + 2 * len(row.attributes)
        if total > most_bytes:
            return max(1, index)
    return len(rows)


def _hide(
    connection: sqlite3.Connection, rows: Sequence[MessageRow], wanted: Receiving, now: int
) -> list[MessageRow]:
    """Hide messages and return them as they are then."""
    until = now + wanted.visibility_timeout // MILLISECOND
    marks = ", ".join("?" * len(rows))
    connection.execute(
        "UPDATE sqs_messages SET visible_at = ?1, receive_count = receive_count + 1, leased = ?2,"  # noqa: S608
        " first_received_at = CASE receive_count WHEN 0 THEN ?3 ELSE first_received_at END"
        f" WHERE sequence IN ({marks})",
        (until, wanted.leased, now, *(row.sequence for row in rows)),
    )
    return [
        MessageRow(
            row.sequence,
            row.message_id,
            until,
            row.sent_at,
            row.receive_count + 1,
            row.first_received_at if row.receive_count else now,
            *row[6:],
        )
        for row in rows
    ]


def _show(
    connection: sqlite3.Connection, rows: Sequence[MessageRow], wanted: Receiving, now: int
) -> list[str]:
    """Leave messages visible that were received for the first time; return their ids."""
    staying = [
        row for index, row in enumerate(rows) if index in wanted.stay_visible and row.receive_count == 1
    ]
    connection.executemany(
        "UPDATE sqs_messages SET visible_at = ?, leased = 0 WHERE sequence = ?",
        [(now, row.sequence) for row in staying],
    )
    return [row.message_id for row in staying]


def _settle(connection: sqlite3.Connection, queue: QueueAttributes, rows: Sequence[MessageRow]) -> None:
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, {row.group_id for row in rows})


def _next_at(connection: sqlite3.Connection, queue: QueueAttributes, now: int) -> datetime | None:
    if queue.is_fifo:
        moment = fifo.next_ready_at(connection, queue.name)
    else:
        moment = connection.execute(
            "SELECT min(visible_at) FROM sqs_messages WHERE queue = ? AND visible_at > ?", (queue.name, now)
        ).fetchone()[0]
    return None if moment is None else from_millis(moment)
