"""Completes what was logged between an ALTER TABLE and the moment it was noticed.

Triggers do not know a column that was added after them. Rows that they logged meanwhile have no shape. The
column's value after the last change of an item is in the table itself; before its first change it was the
column's default; in between, as far as anybody can say, it stayed what it was.
"""

import sqlite3
from collections.abc import Sequence

from triggers.dynamodb.capture_sql import EXPIRY, INSERT, REMOVE, Names
from triggers.dynamodb.shape import LoggedColumn, Shape
from triggers.dynamodb.table_schema import TableSchema, quoted

Values = tuple[object, ...]


def fill_in(
    connection: sqlite3.Connection, names: Names, schema: TableSchema, shape: Shape, added: Sequence[int]
) -> None:
    """Give rows without a shape this `shape`, and values for the columns that were `added` (their slots)."""
    columns = [column for column in shape.columns if column.slot in added]
    if columns:
        _fill_in_values(connection, names, schema, shape, columns)
    connection.execute(f"UPDATE {names.log} SET shape = ? WHERE shape IS NULL AND kind > 0", (shape.number,))  # noqa: S608


def _fill_in_values(
    connection: sqlite3.Connection,
    names: Names,
    schema: TableSchema,
    shape: Shape,
    columns: Sequence[LoggedColumn],
) -> None:
    key = [column for column in shape.columns if column.is_key]
    rows = connection.execute(
        f"SELECT position, kind, {', '.join(f'old_{each.slot}, new_{each.slot}' for each in key)}"  # noqa: S608
        f" FROM {names.log} WHERE shape IS NULL AND kind > 0 ORDER BY position"
    ).fetchall()
    if not rows:
        return
    keys = [row[2::2] if row[1] in (REMOVE, EXPIRY) else row[3::2] for row in rows]
    last = {item: number for number, item in enumerate(keys)}
    known: dict[Values, Values] = {}
    defaults = _defaults(connection, schema, columns)
    update = (
        f"UPDATE {names.log} SET {', '.join(f'old_{each.slot} = ?, new_{each.slot} = ?' for each in columns)}"  # noqa: S608
        " WHERE position = ?"
    )
    for number, ((position, kind, *_), item) in enumerate(zip(rows, keys, strict=True)):
        before = known.get(item, defaults)
        after = before if kind != INSERT else defaults
        if last[item] == number:
            after = _in_table(connection, schema, key, columns, item) or after
        known[item] = after
        nothing: Values = (None,) * len(columns)
        old = nothing if kind == INSERT else before
        new = nothing if kind in (REMOVE, EXPIRY) else after
        values = [value for pair in zip(old, new, strict=True) for value in pair]
        connection.execute(update, (*values, position))


def _in_table(
    connection: sqlite3.Connection,
    schema: TableSchema,
    key: Sequence[LoggedColumn],
    columns: Sequence[LoggedColumn],
    item: Values,
) -> Values | None:
    found = connection.execute(
        f"SELECT {', '.join(quoted(column.name) for column in columns)} FROM {quoted(schema.table)}"  # noqa: S608
        f" WHERE {' AND '.join(f'{quoted(column.name)} IS ?' for column in key)}",
        item,
    ).fetchone()
    return None if found is None else tuple(found)


def _defaults(connection: sqlite3.Connection, schema: TableSchema, columns: Sequence[LoggedColumn]) -> Values:
    by_name = {column.name: column.default for column in schema.columns}
    expressions = ", ".join(by_name[column.name] or "NULL" for column in columns)
    return tuple(connection.execute(f"SELECT {expressions}").fetchone())
