"""How the items of a table lie in the columns of its SQLite table.

An attribute is in the column of its name, when there is one that gives it back as it was put; all others are
together in the column `dynamodb_json`, when there is one.
"""

# ruff: noqa: S608 - names are quoted here

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.errors import ValidationFailed
from engine.value import dataclass
from triggers.dynamodb.attribute_value import AttributeValue, Encoded, NotRepresentable, encoder
from triggers.dynamodb.items.column_value import DoesNotFit, Keeper, Stored, keeper
from triggers.dynamodb.items.definition import KeyAttribute, TableDefinition
from triggers.dynamodb.items.json_column import JSON_COLUMN, read_attributes, write_attributes
from triggers.dynamodb.items.value_order import tag_of
from triggers.dynamodb.table_schema import ROWID_NAMES, quoted

Item = dict[str, AttributeValue]
_GENERATED = (2, 3)  # in table_xinfo


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """A column as an attribute: its declared type, and how values are read and kept."""

    name: str
    declared: str
    is_generated: bool
    encode: Callable[[Any], Encoded]
    keep: Keeper


class Layout:
    """The columns of one SQLite table, as they are at one time.

    `nulls_count`: a NULL is an attribute NULL, not a missing one.
    """

    def __init__(
        self, table: str, columns: Sequence[ItemColumn], definition: TableDefinition, *, nulls_count: bool
    ) -> None:
        self.table = table
        self.definition = definition
        self.nulls_count = nulls_count
        self.has_json = any(column.name == JSON_COLUMN for column in columns)
        self._columns = {column.name: column for column in columns if column.name != JSON_COLUMN}
        names = [*self._columns, *([JSON_COLUMN] if self.has_json else [])]
        self.select = f"SELECT {', '.join(map(quoted, names))} FROM {quoted(table)}"
        self._key = tuple(attribute.name for attribute in definition.key)
        where = " AND ".join(f"{quoted(name)} = ?" for name in self._key)
        self._get = f"{self.select} WHERE {where}"
        self._delete = f"DELETE FROM {quoted(table)} WHERE {where}"
        self._where = where
        self._writable = [
            name for name in names if name == JSON_COLUMN or not self._columns[name].is_generated
        ]
        self._puts: dict[tuple[str, ...], str] = {}
        self._reading = [(column.name, column.encode) for column in self._columns.values()]

    def has_column(self, name: str) -> bool:
        """Say whether an attribute has a column."""
        return name in self._columns

    def column(self, name: str) -> ItemColumn:
        """Return the column of an attribute of a key."""
        return self._columns[name]

    def kept(self, attribute: KeyAttribute, value: AttributeValue) -> Stored:
        """Return what the column of a key's attribute holds. Raises ValidationFailed for what it cannot."""
        column = self._columns[attribute.name]
        try:
            return column.keep(value)
        except DoesNotFit:
            raise self._refusal(column, value) from None

    def item(self, row: Sequence[Any]) -> Item:
        """Return the item of a row that `select` has found."""
        item = read_attributes(row[-1]) if self.has_json else {}
        for (name, encode), value in zip(self._reading, row, strict=False):
            if value is None and (not self.nulls_count or name in item):
                continue
            try:
                item[name] = encode(value)[0]
            except NotRepresentable:
                item.pop(name, None)
        return item

    def get(self, connection: sqlite3.Connection, key: Mapping[str, AttributeValue]) -> Item | None:
        """Return the item with a key, None when there is none."""
        row = connection.execute(self._get, self._key_values(key)).fetchone()
        return None if row is None else self.item(row)

    def delete(self, connection: sqlite3.Connection, key: Mapping[str, AttributeValue]) -> None:
        """Delete the item with a key, if there is one."""
        connection.execute(self._delete, self._key_values(key))

    def put(self, connection: sqlite3.Connection, item: Item) -> None:
        """Write an item, in place of the one with its key. Raises ValidationFailed for what does not fit."""
        row = self._row(item)
        if not self._puts_in_one_statement():
            if self._change(
                connection, item, row, [name for name in self._writable if name not in self._key]
            ):
                return
            connection.execute(self._insert(tuple(row)), tuple(row.values()))
            return
        names = tuple(row)
        statement = self._puts.get(names)
        if statement is None:
            statement = self._puts[names] = self._insert(names) + self._on_conflict()
        connection.execute(statement, tuple(row.values()))

    def change(self, connection: sqlite3.Connection, old: Item, new: Item) -> None:
        """Write what is new in an item that is there. Raises ValidationFailed for what does not fit."""
        before, after = self._row(old, strict=False), self._row(new, old)
        changed = [name for name in self._writable if before.get(name) != after.get(name)]
        if changed:
            self._change(connection, new, after, changed)

    def _change(
        self, connection: sqlite3.Connection, item: Item, row: Mapping[str, Stored], names: Sequence[str]
    ) -> bool:
        """Set columns of a row that is there; return whether it is."""
        if not names:
            return connection.execute(self._get, self._key_values(item)).fetchone() is not None
        assignments = ", ".join(f"{quoted(name)} = ?" for name in names)
        found = connection.execute(
            f"UPDATE {quoted(self.table)} SET {assignments} WHERE {self._where}",
            (*(row.get(name) for name in names), *self._key_values(item)),
        )
        return found.rowcount > 0

    def _row(self, item: Item, old: Item | None = None, *, strict: bool = True) -> dict[str, Stored]:
        """Return the values of columns. What `old` has as well may stand where nothing is written."""
        row: dict[str, Stored] = {}
        rest: Item = {}
        for name, value in item.items():
            column = self._columns.get(name)
            if column is not None and column.is_generated:
                if strict and (old is None or old.get(name) != value):
                    raise ValidationFailed(f"The column {name} of {self.table} is generated: leave it out")
                continue
            try:
                if column is None:
                    raise DoesNotFit(name)
                row[name] = column.keep(value)
            except DoesNotFit:
                if name in self._key:
                    raise self._refusal(self._columns[name], value) from None
                if not self.has_json and strict and (old is None or old.get(name) != value):
                    raise self._no_place(name, value) from None
                rest[name] = value
        if self.has_json:
            row[JSON_COLUMN] = write_attributes(rest)
        return row

    def _insert(self, names: Sequence[str]) -> str:
        columns = ", ".join(map(quoted, names))
        return f"INSERT INTO {quoted(self.table)} ({columns}) VALUES ({', '.join('?' * len(names))})"

    def _on_conflict(self) -> str:
        others = [quoted(name) for name in self._writable if name not in self._key]
        action = (
            f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}" if others else "NOTHING"
        )
        return f" ON CONFLICT ({', '.join(map(quoted, self._key))}) DO {action}"

    def _puts_in_one_statement(self) -> bool:
        """Say whether the key is more than the rowid, which no ON CONFLICT can name."""
        return not (len(self._key) == 1 and self._key[0].lower() in ROWID_NAMES)

    def _key_values(self, key: Mapping[str, AttributeValue]) -> list[Stored]:
        return [self.kept(attribute, key[attribute.name]) for attribute in self.definition.key]

    def _no_place(self, name: str, value: AttributeValue) -> ValidationFailed:
        column = self._columns.get(name)
        if column is not None:
            return self._refusal(column, value)
        return ValidationFailed(
            f"The table {self.table} has no column {name}: add one, or a column {JSON_COLUMN} for all "
            "attributes that have none"
        )

    def _refusal(self, column: ItemColumn, value: AttributeValue) -> ValidationFailed:
        declared = f", which is declared {column.declared}" if column.declared else ""
        return ValidationFailed(
            f"The column {column.name} of {self.table}{declared}, cannot hold this value of type "
            f"{tag_of(value)} as it is"
        )


def read_columns(connection: sqlite3.Connection, table: str, *, nulls_count: bool) -> list[ItemColumn]:
    """Return the columns of a table; none when there is no such table."""
    return [
        item_column(name, declared or "", is_generated=hidden in _GENERATED, nulls_count=nulls_count)
        for _, name, declared, _, _, _, hidden in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")
    ]


def item_column(name: str, declared: str, *, is_generated: bool, nulls_count: bool) -> ItemColumn:
    """Return a column as an attribute."""
    return ItemColumn(
        name, declared, is_generated, encoder(declared), keeper(declared, keeps_null=nulls_count)
    )
