"""What the holder of a receipt handle can do: delete the message, or say how long it stays hidden.

Source: Amazon SQS API reference, DeleteMessage and ChangeMessageVisibility.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from engine.clock import to_millis
from triggers.sqs import fifo
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message_table import oldest_kept
from triggers.sqs.receipt_handle import Receipt

MILLISECOND = timedelta(milliseconds=1)
LONGEST_HOLD = timedelta(hours=12)  # from a receipt to the end of its visibility timeout

NAMED = "(sequence = ? AND message_id = ?)"
ROWS_PER_DELETE = 100  # SQLite takes no expression that is much longer

DeleteOutcome = Literal["deleted", "expired"]  # what is gone already counts as deleted
ChangeOutcome = Literal["changed", "absent", "expired", "too_long"]


def delete(
    connection: sqlite3.Connection, queue: QueueAttributes, receipts: Sequence[Receipt], now: datetime
) -> list[DeleteOutcome]:
    """Delete messages for good; say of each what came of it.

    In a standard queue any receipt of a message will do, however old. In a FIFO queue it must be the last
    one, and the message still hidden by it [recorded: test_fifo_delete_after_visibility_timeout].
    """
    if not queue.is_fifo:
        _delete(connection, queue, receipts)
        return ["deleted"] * len(receipts)
    outcomes: list[DeleteOutcome] = []
    groups: set[str | None] = set()
    millis = to_millis(now)
    for receipt in receipts:
        deleted = connection.execute(
            "DELETE FROM sqs_messages WHERE sequence = ? AND message_id = ? AND queue = ?"
            " AND receive_count = ? AND visible_at > ? RETURNING group_id",
            (receipt.sequence, receipt.message_id, queue.name, receipt.count, millis),
        ).fetchone()
        if deleted is not None:
            groups.add(deleted[0])
            outcomes.append("deleted")
        else:
            outcomes.append("expired" if _exists(connection, queue, receipt, now) else "deleted")
    fifo.refresh(connection, queue.name, groups)
    return outcomes


def _delete(connection: sqlite3.Connection, queue: QueueAttributes, receipts: Sequence[Receipt]) -> None:
    for start in range(0, len(receipts), ROWS_PER_DELETE):
        chunk = receipts[start : start + ROWS_PER_DELETE]
        # The plus keeps SQLite from going through the whole queue. A sequence is used again, an id is not.
        connection.execute(
            f"DELETE FROM sqs_messages WHERE ({' OR '.join([NAMED] * len(chunk))}) AND +queue = ?",  # noqa: S608
            (*(value for each in chunk for value in (each.sequence, each.message_id)), queue.name),
        )


def change_visibility(
    connection: sqlite3.Connection,
    queue: QueueAttributes,
    receipt: Receipt,
    timeout: timedelta,
    now: datetime,
) -> ChangeOutcome:
    """Hide a message for `timeout` from now, zero shows it; in a FIFO queue only while it is still hidden.

    What was asked for holds after a restart, too, even if it is a mapping that has the message in hand.
    """
    millis = to_millis(now)
    until = millis + timeout // MILLISECOND
    if until - receipt.received_at > LONGEST_HOLD // MILLISECOND:
        return "too_long"
    still_held = " AND receive_count = ? AND visible_at > ?" if queue.is_fifo else ""
    of_message = "sequence = ? AND message_id = ? AND queue = ? AND sent_at > ?"
    changed = connection.execute(
        "UPDATE sqs_messages SET visible_at = ?, leased = 0"  # noqa: S608 - text of ours
        f" WHERE {of_message}{still_held} RETURNING group_id",
        (
            until,
            receipt.sequence,
            receipt.message_id,
            queue.name,
            oldest_kept(queue, now),
            *((receipt.count, millis) if queue.is_fifo else ()),
        ),
    ).fetchone()
    if changed is None:
        return "expired" if queue.is_fifo and _exists(connection, queue, receipt, now) else "absent"
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, [changed[0]])
    return "changed"


def hide_longer(
    connection: sqlite3.Connection,
    queue: QueueAttributes,
    receipts: Sequence[Receipt],
    timeout: timedelta,
    now: datetime,
) -> None:
    """Hide messages for `timeout` from now that are hidden by these receipts still."""
    millis = to_millis(now)
    groups: set[str | None] = set()
    for receipt in receipts:
        hidden = connection.execute(
            "UPDATE sqs_messages SET visible_at = max(visible_at, ?)"
            " WHERE sequence = ? AND message_id = ? AND receive_count = ? AND visible_at > ?"
            " RETURNING group_id",
            (millis + timeout // MILLISECOND, receipt.sequence, receipt.message_id, receipt.count, millis),
        ).fetchone()
        if hidden is not None:
            groups.add(hidden[0])
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, groups)


def leave_hidden(connection: sqlite3.Connection, queue: QueueAttributes, receipts: Sequence[Receipt]) -> None:
    """End a mapping's hold of messages: they stay hidden until their timeouts end, over a restart too."""
    connection.executemany(
        "UPDATE sqs_messages SET leased = 0"
        " WHERE sequence = ? AND message_id = ? AND queue = ? AND receive_count = ?",
        [(receipt.sequence, receipt.message_id, queue.name, receipt.count) for receipt in receipts],
    )


def give_back(connection: sqlite3.Connection, queue: QueueAttributes, receipts: Sequence[Receipt]) -> None:
    """Undo receipts that nobody has seen: the messages are visible again, in their old places."""
    groups: set[str | None] = set()
    for receipt in receipts:
        undone = connection.execute(
            "UPDATE sqs_messages SET visible_at = sent_at, receive_count = receive_count - 1, leased = 0"
            " WHERE sequence = ? AND message_id = ? AND receive_count = ? RETURNING group_id",
            (receipt.sequence, receipt.message_id, receipt.count),
        ).fetchone()
        if undone is not None:
            groups.add(undone[0])
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, groups)


def release_leases(connection: sqlite3.Connection, queue: QueueAttributes, now: datetime) -> None:
    """Show again what mappings of a simulator had in hand when it ended. Their receipts count.

    Messages that clients of the API hold stay hidden.
    """
    groups = connection.execute(
        "UPDATE sqs_messages SET visible_at = sent_at, leased = 0"
        " WHERE queue = ? AND visible_at > ? AND leased = 1 RETURNING group_id",
        (queue.name, to_millis(now)),
    ).fetchall()
    if queue.is_fifo:
        fifo.refresh(connection, queue.name, {group for (group,) in groups})


def _exists(connection: sqlite3.Connection, queue: QueueAttributes, receipt: Receipt, now: datetime) -> bool:
    return (
        connection.execute(
            "SELECT 1 FROM sqs_messages WHERE sequence = ? AND message_id = ? AND queue = ? AND sent_at > ?",
            (receipt.sequence, receipt.message_id, queue.name, oldest_kept(queue, now)),
        ).fetchone()
        is not None
    )
