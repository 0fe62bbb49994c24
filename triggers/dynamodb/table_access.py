"""One table as requests reach it: its database, and how items lie in it now.

Whatever goes wrong in the database becomes an error of the service.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.errors import ValidationFailed
from triggers.dynamodb import made_table
from triggers.dynamodb.database import UserDatabase
from triggers.dynamodb.errors import DatabaseUnusable, TableNotFound
from triggers.dynamodb.items.column_value import affinity_of
from triggers.dynamodb.items.definition import Index, KeyAttribute, KeyType, TableDefinition
from triggers.dynamodb.items.layout import Layout, item_column, read_columns
from triggers.dynamodb.settings import IndexSettings, TableSettings
from triggers.dynamodb.table_schema import CaptureImpossible, read_schema

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection, "TableAccess"], T]
PATIENCE_SECONDS = 5.0  # with programs that hold the database locked


class TableAccess:
    """A table. `definition` is that of one that the API made; one of the configuration is found as it is."""

    def __init__(
        self, name: str, settings: TableSettings, database: UserDatabase, definition: TableDefinition | None
    ) -> None:
        self.name = name
        self.database = database
        self.settings = settings
        self._table = settings.table or name
        self._definition = definition
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._layout: Layout | None = None

    async def run(self, operation: Operation[T]) -> T:
        """Run `operation` on the database's thread and return its result.

        Raises TableNotFound, ValidationFailed for what SQLite refuses, DatabaseUnusable, and what the
        operation raises.
        """
        return await run_on(self.database, partial(_call, operation=operation, access=self))

    def copied(self) -> "TableAccess":
        """Return the same access for another thread."""
        return TableAccess(self.name, self.settings, self.database, self._definition)

    def define(self, definition: TableDefinition) -> None:
        """Take another definition: an index was made or removed."""
        self._definition, self._version = definition, -1

    def layout(self, connection: sqlite3.Connection) -> Layout:
        """Return how items lie in the table now. Raises TableNotFound, CaptureImpossible."""
        if connection is not self._connection:
            self._connection, self._version = connection, -1
        version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
        if self._layout is None or version != self._version:
            self._layout = self._read(connection)
            self._version = version
        return self._layout

    def _read(self, connection: sqlite3.Connection) -> Layout:
        nulls_count = self.settings.nulls == "null"
        columns = read_columns(connection, self._table, nulls_count=nulls_count)
        if self._definition is not None:
            if not columns:  # somebody has removed the file, or the table
                made_table.create(connection, self._table, self._definition)
                columns = read_columns(connection, self._table, nulls_count=nulls_count)
            return Layout(self._table, columns, self._definition, nulls_count=nulls_count)
        schema = read_schema(connection, self._table, self.settings.key)
        if schema is None:
            raise TableNotFound(f"Table: {self._table} is not in {self.database.path}")
        if len(schema.key) > 2:
            raise ValidationFailed(
                f"The table {self._table} has a primary key of {len(schema.key)} columns, a table of "
                "DynamoDB has two at most: name the columns of another unique index with `key`"
            )
        declared = {column.name: column.declared for column in schema.columns}
        if schema.key[0] not in {column.name for column in columns}:  # the rowid
            columns.append(item_column(schema.key[0], "INTEGER", is_generated=False, nulls_count=nulls_count))
        key = tuple(KeyAttribute(name, _type_of(declared[name])) for name in schema.key[:2])
        indexes = (
            *self._indexes(self.settings.global_secondary_indexes, declared, is_global=True),
            *self._indexes(self.settings.local_secondary_indexes, declared, is_global=False),
        )
        return Layout(schema.table, columns, TableDefinition(key, indexes), nulls_count=nulls_count)

    def _indexes(
        self, settings: "dict[str, IndexSettings]", declared: dict[str, str], *, is_global: bool
    ) -> Iterator[Index]:
        for name, each in settings.items():
            if set(each.key) <= declared.keys():
                key = tuple(KeyAttribute(column, _type_of(declared[column])) for column in each.key)
                yield Index(name, key, is_global)


def _type_of(declared: str) -> KeyType:
    """Return the type of a key's attribute, by the declared type of its column."""
    affinity = affinity_of(declared)
    if affinity == "BLOB":
        return "N" if "NUMBER" in declared.upper() else "B" if declared else "S"
    if affinity == "TEXT" or declared.upper().startswith(("DATE", "TIME", "STRING", "UUID")):
        return "S"
    return "N"


def _call(connection: sqlite3.Connection, operation: Operation[T], access: TableAccess) -> T:
    try:
        return operation(connection, access)
    except sqlite3.OperationalError as error:
        if not str(error).startswith("Could not decode"):
            raise
        connection.text_factory = _text
        return operation(connection, access)


async def run_on(database: UserDatabase, operation: Callable[[sqlite3.Connection], T]) -> T:
    """Run `operation` on a database's thread; raises as `TableAccess.run` does."""
    with service_errors(database.path):
        return await database.run(operation)


@contextmanager
def service_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong in a database into errors of the service."""
    try:
        yield
    except FileNotFoundError as error:
        raise TableNotFound(f"the database {path} is not there") from error
    except CaptureImpossible as error:
        raise ValidationFailed(str(error)) from error
    except sqlite3.IntegrityError as error:
        raise ValidationFailed(f"SQLite refuses the item: {error}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DatabaseUnusable(f"{path} is locked by another program; try again") from error
        raise DatabaseUnusable(f"the database {path} failed: {error}") from error


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
