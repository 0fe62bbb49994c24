"""Brings the capture in a user's database into line with the table, and removes it.

Every function takes a connection in autocommit mode, on the thread that owns it. What writes is one short
transaction: it is there as a whole or not at all.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.value import dataclass
from triggers.dynamodb import capture_sql
from triggers.dynamodb.capture_sql import MARK, Names, names_for
from triggers.dynamodb.late_columns import fill_in
from triggers.dynamodb.shape import Shape, columns_from_json, columns_to_json, shape_of
from triggers.dynamodb.table_schema import CaptureImpossible, TableSchema, quoted, read_schema

POSITIONS_PER_MILLISECOND = 1000
_READ_COLUMN = re.compile(r'SELECT OLD\.("(?:[^"]|"")*"|\w+)\)')


@dataclass(frozen=True, slots=True)
class Plan:
    """What to capture. `label` and `now_millis` are used when the stream is new.

    `was_missing`: the table was looked for and not there, so the rows of one that is there now are new.
    """

    resource: str
    table: str
    key: tuple[str, ...] | None
    label: str
    now_millis: int
    was_missing: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """The capture as it is in the database; `slots` columns of the table have had room in its log.

    `is_active` is False while there is no table. `change` says what was done just now, None for nothing.
    """

    label: str
    shapes: dict[int, Shape]
    slots: int
    is_active: bool
    change: str | None = None


@dataclass(frozen=True, slots=True)
class _Installed:
    """The shape that the triggers were made for, their text, and where the table was then."""

    shape: Shape
    master_row: int
    triggers: str


def bring_into_line(connection: sqlite3.Connection, plan: Plan) -> Capture | None:
    """Capture the table as it is now; return None when there is neither a table nor a log of it.

    Raises CaptureImpossible, having put away what is left, and sqlite3.Error when the database cannot be
    written: nothing has changed then.
    """
    names = names_for(plan.resource)
    try:
        capture = _as_needed(connection, plan)
        if capture is not None:
            return capture
        if not _exists(connection, names) and read_schema(connection, plan.table) is None:
            return None
        with transaction(connection):
            # Again, now that nobody else can change it.
            return _as_needed(connection, plan) or _install(connection, plan)
    except CaptureImpossible:
        if _triggers_on(connection, names):
            with transaction(connection):
                _put_away(connection, names)
        raise


def detach(connection: sqlite3.Connection, resource: str) -> bool:
    """Remove every trace of a capture; return whether there was any. Raises sqlite3.Error when it cannot."""
    names = names_for(resource)
    with transaction(connection):
        before = _count(connection)
        _run(connection, capture_sql.drop_triggers(names))
        _run(connection, capture_sql.drop_tables(names))
        return before != _count(connection)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Enclose a write transaction; what is raised inside undoes it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _as_needed(connection: sqlite3.Connection, plan: Plan) -> Capture | None:
    """Return the capture when its triggers are just what the table needs, or it rests without a table."""
    names = names_for(plan.resource)
    if not _exists(connection, names):
        return None
    installed = _installed(connection, names)
    schema = read_schema(connection, plan.table, plan.key)
    on = _triggers_on(connection, names)
    if schema is None:
        return None if on else _read(connection, names, is_active=False)
    columns = [(column.name, column.slot) for column in installed.shape.columns]
    shape = shape_of(schema, installed.shape.number, columns, used=0)
    if len(columns) != len(shape.columns) or {*dict(columns)} != {column.name for column in shape.columns}:
        return None
    if on != [schema.table] * len(names.triggers) or installed.triggers != _text(names, schema, shape):
        return None
    return _read(connection, names, is_active=True)


def _install(connection: sqlite3.Connection, plan: Plan) -> Capture:
    names = names_for(plan.resource)
    schema = read_schema(connection, plan.table, plan.key)
    is_new = not _exists(connection, names)
    if is_new:
        _create(connection, names, plan)
    installed = None if is_new else _installed(connection, names)
    on = _triggers_on(connection, names)
    if schema is None:
        _put_away(connection, names)
        return _read(connection, names, is_active=False, change="not there any more: waiting for it")
    used = _slots(connection, names)
    present: Sequence[tuple[str, int]] = ()
    if installed is not None:
        present = _present_columns(connection, names, installed.shape)
    shape = shape_of(schema, 1 if installed is None else installed.shape.number + 1, present, used)
    added = [column.slot for column in shape.columns if column.slot >= used]
    _run(connection, capture_sql.add_slots(names, added))
    if installed is not None:
        fill_in(connection, names, schema, shape, added)
    _run(connection, capture_sql.drop_triggers(names))
    _run(connection, capture_sql.create_nulls(names, shape))
    _run(connection, capture_sql.create_triggers(names, schema, shape))
    connection.execute(f"DELETE FROM {names.replaced}")  # noqa: S608 - quoted
    connection.execute(
        f"INSERT INTO {names.shapes} (number, master_row, columns, triggers) VALUES (?, ?, ?, ?)",  # noqa: S608
        (shape.number, schema.master_row, columns_to_json(shape.columns), _text(names, schema, shape)),
    )
    change = "its changes are captured from now on" if is_new else "its capture follows its new form"
    if _is_new_table(schema, installed, on, plan):
        change = "a new table: its changes are captured"
        if not _was_renamed(schema):
            rows = connection.execute(capture_sql.log_existing_rows(names, schema, shape)).rowcount
            change += f", beginning with the {'row' if rows == 1 else f'{rows} rows'} in it" if rows else ""
    return _read(connection, names, is_active=True, change=change)


def _create(connection: sqlite3.Connection, names: Names, plan: Plan) -> None:
    _run(connection, capture_sql.drop_triggers(names))
    _run(connection, capture_sql.drop_tables(names))
    _run(connection, capture_sql.create_tables(names))
    connection.execute(f"INSERT INTO {names.stream} (label) VALUES (?)", (plan.label,))  # noqa: S608 - quoted
    move_on(connection, names, plan.now_millis)


def move_on(connection: sqlite3.Connection, names: Names, now_millis: int) -> None:
    """Let positions go on from the present moment, so that they also grow from one log to the next.

    A database may be deleted, or an older copy put in its place, while readers remember positions.
    The last row of a log is never deleted, and so its numbers are never used again.
    """
    position = now_millis * POSITIONS_PER_MILLISECOND
    connection.execute(
        f"INSERT INTO {names.log} (position, kind, at)"  # noqa: S608 - quoted
        f" SELECT ?, {MARK}, ? WHERE ? > (SELECT coalesce(max(position), 0) FROM {names.log})",
        (position, now_millis, position),
    )


def rename_stream(connection: sqlite3.Connection, names: Names, label: str) -> None:
    """Give the stream another label."""
    connection.execute(f"UPDATE {names.stream} SET label = ?", (label,))  # noqa: S608 - quoted


def _present_columns(connection: sqlite3.Connection, names: Names, shape: Shape) -> list[tuple[str, int]]:
    """Return the name by which the table has each column of `shape` now, and its slot.

    ALTER TABLE RENAME COLUMN writes the new name into the triggers. Triggers that went with their table leave
    the names as they were.
    """
    text = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (_plain(names.triggers[-1]),)
    ).fetchone()
    if text is None:
        return [(column.name, column.slot) for column in shape.columns]
    found = _READ_COLUMN.findall(text[0])[-len(shape.columns) :]
    return [
        (_plain(name) if name.startswith('"') else name, column.slot)
        for name, column in zip(found, shape.columns, strict=True)
    ]


def _put_away(connection: sqlite3.Connection, names: Names) -> None:
    """Log no more; what was logged can still be read."""
    if _exists(connection, names):
        number = _installed(connection, names).shape.number
        connection.execute(f"UPDATE {names.log} SET shape = ? WHERE shape IS NULL AND kind > 0", (number,))  # noqa: S608
    _run(connection, capture_sql.drop_triggers(names))


def _is_new_table(
    schema: TableSchema, installed: _Installed | None, triggers_on: Sequence[str], plan: Plan
) -> bool:
    """Say whether the table was made since somebody looked last, so that all its rows are new."""
    if installed is None:
        return plan.was_missing
    moved = installed.master_row != schema.master_row
    return schema.table not in triggers_on and (moved or plan.was_missing)


def _was_renamed(schema: TableSchema) -> bool:
    """Say whether the table looks as if it was built under another name and then renamed, as migrations do.

    Its rows are then those of the table that it replaces. ALTER TABLE RENAME writes the name in quotes.
    """
    return schema.definition.startswith(f"CREATE TABLE {quoted(schema.table)}")


def _read(
    connection: sqlite3.Connection, names: Names, *, is_active: bool, change: str | None = None
) -> Capture:
    label = connection.execute(f"SELECT label FROM {names.stream}").fetchone()[0]  # noqa: S608 - quoted
    shapes = {
        number: Shape(number, columns_from_json(columns))
        for number, columns in connection.execute(
            f"SELECT number, columns FROM {names.shapes}"  # noqa: S608 - quoted
        )
    }
    return Capture(label, shapes, _slots(connection, names), is_active, change)


def _installed(connection: sqlite3.Connection, names: Names) -> _Installed:
    number, master_row, columns, triggers = connection.execute(
        f"SELECT number, master_row, columns, triggers FROM {names.shapes}"  # noqa: S608 - quoted
        " ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return _Installed(Shape(number, columns_from_json(columns)), master_row, triggers)


def _exists(connection: sqlite3.Connection, names: Names) -> bool:
    return len(_found(connection, "table", names.tables)) == len(names.tables)


def _triggers_on(connection: sqlite3.Connection, names: Names) -> list[str]:
    """Return the table of each trigger that is there."""
    return _found(connection, "trigger", names.triggers)


def _found(connection: sqlite3.Connection, kind: str, objects: Sequence[str]) -> list[str]:
    marks = ", ".join("?" * len(objects))
    return [
        table
        for (table,) in connection.execute(
            f"SELECT tbl_name FROM sqlite_master WHERE type = ? AND name IN ({marks})",  # noqa: S608 - marks
            (kind, *map(_plain, objects)),
        )
    ]


def _slots(connection: sqlite3.Connection, names: Names) -> int:
    columns = connection.execute(f"PRAGMA table_info({names.replaced})").fetchall()
    return sum(column[1].startswith("old_") for column in columns)


def _count(connection: sqlite3.Connection) -> int:
    count: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return count


def _run(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement)


def _text(names: Names, schema: TableSchema, shape: Shape) -> str:
    return "\n".join(capture_sql.create_triggers(names, schema, shape))


def _plain(quoted_name: str) -> str:
    return quoted_name[1:-1].replace('""', '"')
