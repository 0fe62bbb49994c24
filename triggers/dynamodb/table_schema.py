"""What capture needs to know of a table: its columns, its item key, and what makes its rows unique."""

import sqlite3
from collections.abc import Sequence

from engine.value import dataclass
from triggers.dynamodb.index_text import take_apart

ROWID_NAMES = ("rowid", "_rowid_", "oid")
_HIDDEN = 1  # in table_xinfo: a hidden column of a virtual table; 2 and 3 are generated columns


class CaptureImpossible(Exception):
    """The table cannot be captured as it is; the text says why and what would help."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table. `declared` is its type as it was written, `default` the SQL text of DEFAULT."""

    name: str
    declared: str
    default: str | None = None
    is_not_null: bool = False


@dataclass(frozen=True, slots=True)
class UniqueTerm:
    """A part of something unique: a column, or an expression (`column` is None), and its collation."""

    column: str | None
    expression: str
    collation: str


@dataclass(frozen=True, slots=True)
class Unique:
    """No two rows have the same values for all terms, among those for which `where` holds."""

    terms: tuple[UniqueTerm, ...]
    where: str | None = None


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table as it is now.

    `definition` is its CREATE TABLE text and `master_row` the row of it in sqlite_master. `key` names the
    columns of the item key; where that is the rowid, the rowid is one of `columns`.
    """

    table: str
    definition: str
    master_row: int
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    unique: tuple[Unique, ...]


def quoted(name: str) -> str:
    """Return an identifier for SQL text."""
    return '"' + name.replace('"', '""') + '"'


def read_schema(
    connection: sqlite3.Connection, table: str, key: Sequence[str] | None = None
) -> TableSchema | None:
    """Return what `table` looks like, None when there is no such table.

    `key` names the columns of the item key, by default the primary key, or the rowid where there is none.
    Raises CaptureImpossible for a view, a virtual table, and a key that does not tell rows apart.
    """
    found = connection.execute(
        "SELECT rowid, name, sql, type FROM sqlite_master"
        " WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')",
        (table,),
    ).fetchone()
    if found is None:
        return None
    master_row, name, definition, kind = found
    if kind == "view" or definition.upper().startswith("CREATE VIRTUAL"):
        raise CaptureImpossible(f"{name} is a {'view' if kind == 'view' else 'virtual table'}: name a table")
    described = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    columns = [
        Column(column, declared or "", default, bool(not_null))
        for _, column, declared, not_null, default, _, hidden in described
        if hidden != _HIDDEN
    ]
    primary_key = [row[1] for row in sorted(described, key=lambda row: row[5]) if row[5]]
    unique, primary_key_has_index = _unique_indexes(connection, name)
    rowid = _rowid_name(connection, name, columns)
    if rowid is not None:
        is_alias = primary_key and not primary_key_has_index  # INTEGER PRIMARY KEY
        term = primary_key[0] if is_alias else rowid
        unique.append(Unique((UniqueTerm(term, quoted(term), "BINARY"),)))
    chosen = _item_key(name, key, columns, primary_key or ([rowid] if rowid else []), unique)
    if rowid is not None and chosen == (rowid,):
        columns.append(Column(rowid, "INTEGER"))
    return TableSchema(name, definition, master_row, tuple(columns), chosen, tuple(unique))


def _unique_indexes(connection: sqlite3.Connection, table: str) -> tuple[list[Unique], bool]:
    """Return what the unique indexes say, and whether one of them is the primary key's."""
    groups: list[Unique] = []
    primary_key = False
    for _, index, is_unique, *rest in connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
        primary_key = primary_key or rest[:1] == ["pk"]
        if not is_unique:
            continue
        described = connection.execute(f"PRAGMA index_xinfo({quoted(index)})").fetchall()
        text = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        expressions, where = take_apart(text[0]) if text and text[0] else ((), None)
        terms = [
            UniqueTerm(name, expressions[number] if name is None else quoted(name), collation)
            for number, _, name, _, collation, in_key in described
            if in_key
        ]
        groups.append(Unique(tuple(terms), where))
    return groups, primary_key


def _rowid_name(connection: sqlite3.Connection, table: str, columns: Sequence[Column]) -> str | None:
    """Return a name under which the rowid can be read, None when there is none."""
    taken = {column.name.lower() for column in columns}
    free = next((name for name in ROWID_NAMES if name not in taken), None)
    if free is None:
        return None
    try:
        connection.execute(f"SELECT {free} FROM {quoted(table)} LIMIT 0")  # noqa: S608 - quoted
    except sqlite3.OperationalError:
        return None  # WITHOUT ROWID
    return free


def _item_key(
    table: str,
    wanted: Sequence[str] | None,
    columns: Sequence[Column],
    default: Sequence[str],
    unique: Sequence[Unique],
) -> tuple[str, ...]:
    if wanted is None:
        if not default:
            raise CaptureImpossible(f"{table} has neither a primary key nor a rowid that can be named")
        return tuple(default)
    names = {column.name.lower(): column.name for column in columns}
    missing = [name for name in wanted if name.lower() not in names]
    if missing:
        raise CaptureImpossible(f"key: {table} has no column {', '.join(missing)}")
    key = tuple(names[name.lower()] for name in wanted)
    groups = [{term.column for term in group.terms} for group in unique if group.where is None]
    if set(key) not in groups:
        raise CaptureImpossible(
            f"key: {', '.join(key)} does not tell the rows of {table} apart: "
            "a primary key or a unique index over just these columns is needed"
        )
    return key
