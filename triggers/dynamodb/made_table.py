"""The SQLite tables that CreateTable makes.

A column for each attribute that is in a key, of the table or of an index, and `dynamodb_json` for the rest.
Items are sorted by their keys in the table itself, and by the keys of indexes in SQLite's indexes.
"""

# ruff: noqa: S608 - names are quoted here

import sqlite3

import orjson

from engine.errors import ValidationFailed
from triggers.dynamodb.attribute_value import NUMBER_TYPE, encoder
from triggers.dynamodb.capture import detach, transaction
from triggers.dynamodb.items.column_value import DoesNotFit, keeper
from triggers.dynamodb.items.definition import Index, KeyAttribute, KeyType, TableDefinition
from triggers.dynamodb.items.json_column import JSON_COLUMN, read_attributes, write_attributes
from triggers.dynamodb.table_schema import quoted

EXPIRY_INDEX = "time to live"  # no index of a table has a space in its name
DECLARED: dict[KeyType, str] = {"S": "TEXT", "N": NUMBER_TYPE, "B": "BLOB"}
_CHECKS: dict[KeyType, str] = {
    "S": "typeof({name}) = 'text'",
    "N": "typeof({name}) IN ('integer', 'real') OR (typeof({name}) = 'text' AND length({name}) > 15)",
    "B": "typeof({name}) = 'blob'",
}


def prepare(connection: sqlite3.Connection) -> None:
    """Set a connection to the database of these tables up: writers and readers do not wait for each other."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def create(connection: sqlite3.Connection, table: str, definition: TableDefinition) -> None:
    """Make a table; one of its name that nobody knows of is replaced. Raises sqlite3.Error."""
    detach(connection, table)
    key = {attribute.name for attribute in definition.key}
    columns = []
    for name, kind in definition.key_attributes().items():
        column = f"{quoted(name)} {DECLARED[kind]}"
        if name in key:
            column += f" NOT NULL CHECK ({_CHECKS[kind].format(name=quoted(name))})"
        columns.append(column)
    columns.append(quoted(JSON_COLUMN))
    primary_key = ", ".join(quoted(attribute.name) for attribute in definition.key)
    with transaction(connection):
        connection.execute(f"DROP TABLE IF EXISTS {quoted(table)}")
        connection.execute(
            f"CREATE TABLE {quoted(table)} ({', '.join(columns)}, PRIMARY KEY ({primary_key})) WITHOUT ROWID"
        )
        for index in definition.indexes:
            connection.execute(_create_index(table, index))


def drop(connection: sqlite3.Connection, table: str) -> None:
    """Remove a table and the capture of its changes. Raises sqlite3.Error."""
    detach(connection, table)
    connection.execute(f"DROP TABLE IF EXISTS {quoted(table)}")


def add_index(connection: sqlite3.Connection, table: str, index: Index) -> None:
    """Make an index; the attributes of its key get columns, and values move there.

    Raises ValidationFailed for a name that SQLite takes for that of another column, and sqlite3.Error.
    """
    with transaction(connection):
        for attribute in index.key:
            _make_column(connection, table, attribute)
        connection.execute(_create_index(table, index))


def add_expiry(connection: sqlite3.Connection, table: str, attribute: str) -> None:
    """Let items be found quickly by the time at which they expire, if the attribute can have a column.

    Raises sqlite3.Error.
    """
    drop_index(connection, table, EXPIRY_INDEX)
    declared = _columns(connection, table)
    if attribute not in declared and attribute.lower() not in map(str.lower, declared):
        add_index(connection, table, Index(EXPIRY_INDEX, (KeyAttribute(attribute, "N"),), is_global=True))


def drop_index(connection: sqlite3.Connection, table: str, index: str) -> None:
    """Remove an index; the columns of its key stay. Raises sqlite3.Error."""
    connection.execute(f"DROP INDEX IF EXISTS {_index_name(table, index)}")


def _create_index(table: str, index: Index) -> str:
    columns = ", ".join(quoted(attribute.name) for attribute in index.key)  # SQLite adds the primary key
    return f"CREATE INDEX {_index_name(table, index.name)} ON {quoted(table)} ({columns})"


def _index_name(table: str, index: str) -> str:
    return quoted(f"{table}/{index}")


def _make_column(connection: sqlite3.Connection, table: str, attribute: KeyAttribute) -> None:
    """Give an attribute a column of its type, and the values that it has had without one."""
    declared, present = DECLARED[attribute.type], _columns(connection, table)
    if present.get(attribute.name) == declared:
        return
    if attribute.name in present:  # of a former index, on values of another type
        _rewrite(connection, table, attribute.name, present[attribute.name], into_column=False)
        connection.execute(f"ALTER TABLE {quoted(table)} DROP COLUMN {quoted(attribute.name)}")
    elif attribute.name.lower() in map(str.lower, present):
        raise ValidationFailed(
            f"SQLite takes {attribute.name} for another column of {table}: choose another name"
        )
    connection.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(attribute.name)} {declared}")
    _rewrite(connection, table, attribute.name, declared, into_column=True)


def _rewrite(
    connection: sqlite3.Connection, table: str, name: str, declared: str, *, into_column: bool
) -> None:
    """Move the values of an attribute from `dynamodb_json` into its column, or from there back."""
    keep, encode = keeper(declared, keeps_null=False), encoder(declared)
    key = _primary_key(connection, table)
    found = f"instr({quoted(JSON_COLUMN)}, ?)" if into_column else f"{quoted(name)} IS NOT NULL OR ? IS NULL"
    rows = connection.execute(
        f"SELECT {quoted(name)}, {quoted(JSON_COLUMN)}, {', '.join(map(quoted, key))} FROM {quoted(table)}"
        f" WHERE {found}",
        (orjson.dumps(name).decode(),),
    ).fetchall()
    where = " AND ".join(f"{quoted(column)} = ?" for column in key)
    update = f"UPDATE {quoted(table)} SET {quoted(name)} = ?, {quoted(JSON_COLUMN)} = ? WHERE {where}"
    for value, text, *values in rows:
        attributes = read_attributes(text)
        if not into_column:
            attributes[name] = encode(value)[0]
            connection.execute(update, (None, write_attributes(attributes), *values))
            continue
        try:
            kept = keep(attributes.pop(name, {"NULL": True}))
        except DoesNotFit:
            continue
        connection.execute(update, (kept, write_attributes(attributes), *values))


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the declared types of columns by their names."""
    return {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")}


def _primary_key(connection: sqlite3.Connection, table: str) -> list[str]:
    columns = connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall()
    return [row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5]]
