"""What the store keeps of tables: what the API was told about them."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table. `properties` are members of CreateTable by their names, and those that others have set.

    The latter are `Tags` (values by key), `TimeToLive` (the attribute's name) and `TableId`. `created_at` is
    in milliseconds from 1970. A table that is not `made_by_api` is one of the configuration.
    """

    name: str
    made_by_api: bool
    created_at: int
    properties: Mapping[str, Any]

    def having(self, **properties: Any) -> "TableRecord":
        """Return the record with other properties; those that are None are left out."""
        changed = {**self.properties, **properties}
        return replace(self, properties={name: each for name, each in changed.items() if each is not None})


def load(connection: sqlite3.Connection) -> list[TableRecord]:
    """Return all records, by name."""
    rows = connection.execute(
        "SELECT name, made_by_api, created_at, properties FROM dynamodb_tables ORDER BY name"
    )
    return [
        TableRecord(name, bool(made), created, orjson.loads(properties))
        for name, made, created, properties in rows
    ]


def save(connection: sqlite3.Connection, record: TableRecord) -> None:
    """Keep a record, in place of the one of this name."""
    connection.execute(
        "INSERT INTO dynamodb_tables (name, made_by_api, created_at, properties) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET properties = excluded.properties,"
        " created_at = excluded.created_at, made_by_api = excluded.made_by_api",
        (record.name, record.made_by_api, record.created_at, orjson.dumps(record.properties).decode()),
    )


def forget(connection: sqlite3.Connection, name: str) -> None:
    """Keep nothing of a table any more."""
    connection.execute("DELETE FROM dynamodb_tables WHERE name = ?", (name,))
