"""Fair standard queues: a sender with a long backlog does not keep the others waiting.

A message group is noisy while ten or more of its messages are in flight. Where the oldest messages are of a
noisy group, visible messages of quiet groups are delivered first, the oldest of them at the front. Messages
without a group keep their place in time.

Source: Amazon SQS developer guide, "Amazon SQS fair queues", which leaves the figures open.
"""

import sqlite3
from collections.abc import Sequence

from triggers.sqs import message_table
from triggers.sqs.message_table import MessageRow

NOISY_IN_FLIGHT = 10
GROUPS_LOOKED_AT = 100  # of a queue with very many, those that follow the noisy one in the alphabet
OF_GROUPS = "queue = ? AND group_id IS NOT NULL AND sequence_number IS NULL"  # as the index says it


def quiet_first(
    connection: sqlite3.Connection, queue: str, oldest: Sequence[MessageRow], now: int
) -> list[MessageRow]:
    """Return what to deliver instead of the `oldest` visible messages of a queue: as many, quiet ones first.

    `now` is in milliseconds from 1970.
    """
    groups = {row.group_id for row in oldest if row.group_id is not None}
    noisy = {group for group in groups if _is_noisy(connection, queue, group, now)}
    if not noisy:
        return list(oldest)
    count = len(oldest)
    calm = {(row.visible_at, row.sequence) for row in oldest if row.group_id not in noisy}
    for group in _waiting_groups(connection, queue, min(noisy), now):
        if group not in noisy and not _is_noisy(connection, queue, group, now):
            calm.update(_visible(connection, queue, group, now, count))
    known = {row.sequence: row for row in oldest}
    chosen = [sequence for _, sequence in sorted(calm)[:count]]
    missing = [sequence for sequence in chosen if sequence not in known]
    marks = ", ".join("?" * len(missing))
    known |= {
        row.sequence: row for row in message_table.select(connection, f"sequence IN ({marks})", missing)
    }
    rest = [row for row in oldest if row.group_id in noisy]
    return [*(known[sequence] for sequence in chosen), *rest][:count]


def _is_noisy(connection: sqlite3.Connection, queue: str, group: str, now: int) -> bool:
    in_flight = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM sqs_messages WHERE {OF_GROUPS} AND group_id = ?"  # noqa: S608
        " AND visible_at > ? AND receive_count > 0 LIMIT ?)",
        (queue, group, now, NOISY_IN_FLIGHT),
    ).fetchone()[0]
    return bool(in_flight == NOISY_IN_FLIGHT)


def _waiting_groups(connection: sqlite3.Connection, queue: str, noisy: str, now: int) -> list[str]:
    """Return groups that have visible messages: those after the noisy one, then those from the beginning."""
    found: list[str] = []
    for after in (noisy, ""):
        rows = connection.execute(
            # One step of the recursion finds the next group, however many messages each has.
            f"WITH RECURSIVE walk (name) AS (SELECT min(group_id) FROM sqs_messages WHERE {OF_GROUPS}"  # noqa: S608
            " AND group_id > ?"
            " UNION ALL SELECT"
            f" (SELECT min(group_id) FROM sqs_messages WHERE {OF_GROUPS} AND group_id > name)"
            " FROM walk WHERE name IS NOT NULL LIMIT ?)"
            " SELECT name FROM walk WHERE name IS NOT NULL AND EXISTS"
            f" (SELECT 1 FROM sqs_messages WHERE {OF_GROUPS} AND group_id = name AND visible_at <= ?)",
            (queue, after, queue, GROUPS_LOOKED_AT - len(found), queue, now),
        ).fetchall()
        found += [name for (name,) in rows if name not in found]
        if len(found) >= GROUPS_LOOKED_AT:
            break
    return found


def _visible(
    connection: sqlite3.Connection, queue: str, group: str, now: int, limit: int
) -> list[tuple[int, int]]:
    """Return when the oldest messages of a group became visible, and their sequences."""
    return connection.execute(
        f"SELECT visible_at, sequence FROM sqs_messages WHERE {OF_GROUPS} AND group_id = ?"  # noqa: S608
        " AND visible_at <= ? ORDER BY visible_at, sequence LIMIT ?",
        (queue, group, now, limit),
    ).fetchall()
