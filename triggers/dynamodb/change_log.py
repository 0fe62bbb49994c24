"""Reads and trims the change log in a user's database.

Every function takes a connection in autocommit mode, on the thread that owns it.
"""

import sqlite3
from collections.abc import Callable

from engine.value import dataclass
from triggers.dynamodb.capture import transaction
from triggers.dynamodb.capture_sql import Names

TRIM_STEP = 1000  # rows a transaction


@dataclass(frozen=True, slots=True)
class LogRow:
    """A change as it was logged. `values` has the old and the new value of each slot, in turn.

    `millis` is the writer's clock; `shape` is None when the table was altered and nobody has looked since.
    """

    position: int
    kind: int
    millis: int
    shape: int | None
    values: tuple[object, ...]


def newest_position(connection: sqlite3.Connection, names: Names) -> int:
    """Return the position up to which everything is committed."""
    newest: int = connection.execute(f"SELECT max(position) FROM {names.log}").fetchone()[0]  # noqa: S608
    return newest


def read_changes(
    connection: sqlite3.Connection, names: Names, slots: int, after: int, limit: int, size_limit: int
) -> list[LogRow]:
    """Return up to `limit` changes after a position, fewer when their values exceed `size_limit` bytes."""
    columns = ", ".join(f"old_{number}, new_{number}" for number in range(slots))
    cursor = connection.execute(
        f"SELECT position, kind, at, shape, {columns} FROM {names.log}"  # noqa: S608 - quoted
        " WHERE position > ? AND kind > 0 ORDER BY position LIMIT ?",
        (after, limit),
    )
    rows: list[LogRow] = []
    size = 0
    for position, kind, millis, shape, *values in cursor:
        size += sum(len(value) for value in values if isinstance(value, str | bytes))
        if size > size_limit and rows:
            break
        rows.append(LogRow(position, kind, millis, shape, tuple(values)))
    cursor.close()
    return rows


def position_before(
    connection: sqlite3.Connection, names: Names, is_early: Callable[[int, int], bool]
) -> int:
    """Return the position before the first change that is not `is_early(position, millis)`, at least 0."""
    last = 0
    rows = connection.execute(
        f"SELECT position, at FROM {names.log} WHERE kind > 0 ORDER BY position"  # noqa: S608 - quoted
    )
    for position, millis in rows:
        if not is_early(position, millis):
            break
        last = position
    rows.close()
    return last


def trim(connection: sqlite3.Connection, names: Names, is_expired: Callable[[int, int], bool]) -> bool:
    """Delete expired changes from the beginning, some at a time; return whether there may be more of them.

    The last row always stays: its position must not be used again.
    """
    rows = connection.execute(
        f"SELECT position, at FROM {names.log} WHERE position < (SELECT max(position) FROM {names.log})"  # noqa: S608
        " ORDER BY position LIMIT ?",
        (TRIM_STEP,),
    ).fetchall()
    expired = 0
    for position, millis in rows:
        if not is_expired(position, millis):
            break
        expired = position
    if expired:
        with transaction(connection):
            connection.execute(f"DELETE FROM {names.log} WHERE position <= ?", (expired,))  # noqa: S608 - quoted
    return len(rows) == TRIM_STEP and rows[-1][0] == expired
