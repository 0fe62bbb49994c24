"""Reads and trims the change log in a user's database.

Every function takes a connection in autocommit mode, on the thread that owns it.
"""

import itertools
import sqlite3
from collections.abc import Callable
from typing import Any

from triggers.dynamodb.capture import transaction
from triggers.dynamodb.capture_sql import MARK, Names

TRIM_STEP = 1000  # rows a transaction


LogRow = tuple[Any, ...]
"""A change as it was logged: position, kind, the writer's clock in milliseconds from 1970, shape, then the
old and the new value of each slot. There is no shape when the table was altered and nobody has looked."""

VALUES_AT = 4


def newest_position(connection: sqlite3.Connection, names: Names) -> int:
    """Return the position up to which everything is committed."""
    newest: int = connection.execute(f"SELECT max(position) FROM {names.log}").fetchone()[0]  # noqa: S608
    return newest


def read_changes(
    connection: sqlite3.Connection, names: Names, slots: int, after: int, limit: int
) -> list[LogRow]:
    """Return up to `limit` changes after a position. Text that is not UTF-8 is read as well as it can be."""
    columns = ", ".join(f"old_{number}, new_{number}" for number in range(slots))
    sql = (
        f"SELECT position, kind, at, shape, {columns} FROM {names.log}"  # noqa: S608 - quoted
        " WHERE position > ? AND kind > 0 ORDER BY position LIMIT ?"
    )
    try:
        return connection.execute(sql, (after, limit)).fetchall()
    except sqlite3.OperationalError as error:
        if not str(error).startswith("Could not decode"):
            raise
    connection.text_factory = _text
    try:
        return connection.execute(sql, (after, limit)).fetchall()
    finally:
        connection.text_factory = str


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


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

    One row always stays, a mark in the end, so that no position is used again.
    """
    rows = connection.execute(
        f"SELECT position, at, kind FROM {names.log} ORDER BY position LIMIT ?",  # noqa: S608 - quoted
        (TRIM_STEP,),
    ).fetchall()
    expired = [
        (position, kind)
        for position, _, kind in itertools.takewhile(lambda row: is_expired(row[0], row[1]), rows)
    ]
    newest = newest_position(connection, names)
    if expired and expired[-1] == (newest, MARK):
        expired.pop()
    if expired:
        last = expired[-1][0]
        with transaction(connection):
            if last == newest_position(connection, names):
                connection.execute(
                    f"INSERT INTO {names.log} (kind, at) SELECT {MARK}, max(at) FROM {names.log}"  # noqa: S608
                )
            connection.execute(f"DELETE FROM {names.log} WHERE position <= ?", (last,))  # noqa: S608 - quoted
    return len(expired) == TRIM_STEP
