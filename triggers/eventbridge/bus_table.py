"""The statements on the tables of buses, rules, targets and tags, as plain functions of the connection."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from engine.clock import from_millis, to_millis
from engine.value import dataclass

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredBus:
    """A bus as the store has it."""

    name: str
    properties: Properties
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """All that was made over the API: buses, rules by bus and name, targets by bus and rule."""

    buses: Sequence[StoredBus]
    rules: Mapping[tuple[str, str], Properties]
    targets: Mapping[tuple[str, str], Sequence[Properties]]


def load(connection: sqlite3.Connection) -> Stored:
    """Return everything."""
    buses = [
        StoredBus(name, orjson.loads(text), from_millis(created), from_millis(changed))
        for name, text, created, changed in connection.execute(
            "SELECT name, properties, created_at, changed_at FROM event_buses ORDER BY name"
        )
    ]
    rules = {
        (bus, name): orjson.loads(text)
        for bus, name, text in connection.execute(
            "SELECT bus, name, properties FROM event_rules ORDER BY bus, name"
        )
    }
    targets: dict[tuple[str, str], list[Properties]] = {}
    for bus, rule, text in connection.execute(
        "SELECT bus, rule, properties FROM event_targets ORDER BY bus, rule, id"
    ):
        targets.setdefault((bus, rule), []).append(orjson.loads(text))
    return Stored(buses, rules, targets)


def put_bus(
    connection: sqlite3.Connection, name: str, properties: Mapping[str, Any], created: datetime, now: datetime
) -> None:
    """Make or change a bus."""
    connection.execute(
        "INSERT INTO event_buses (name, properties, created_at, changed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET properties = excluded.properties, changed_at = excluded.changed_at",
        (name, text(properties), to_millis(created), to_millis(now)),
    )


def delete_bus(connection: sqlite3.Connection, name: str) -> None:
    """Forget a bus, which has no rules any more."""
    connection.execute("DELETE FROM event_buses WHERE name = ?", (name,))


def put_rule(connection: sqlite3.Connection, bus: str, name: str, properties: Mapping[str, Any]) -> None:
    """Make or change a rule."""
    connection.execute(
        "INSERT INTO event_rules (bus, name, properties) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET properties = excluded.properties",
        (bus, name, text(properties)),
    )


def delete_rule(connection: sqlite3.Connection, bus: str, name: str) -> None:
    """Forget a rule, which has no targets any more."""
    connection.execute("DELETE FROM event_rules WHERE bus = ? AND name = ?", (bus, name))


def put_targets(
    connection: sqlite3.Connection, bus: str, rule: str, targets: Sequence[Mapping[str, Any]]
) -> None:
    """Add targets to a rule; one of the same id is replaced."""
    connection.executemany(
        "INSERT OR REPLACE INTO event_targets (bus, rule, id, properties) VALUES (?, ?, ?, ?)",
        [(bus, rule, target["Id"], text(target)) for target in targets],
    )


def remove_targets(connection: sqlite3.Connection, bus: str, rule: str, ids: Sequence[str]) -> None:
    """Take targets from a rule."""
    connection.executemany(
        "DELETE FROM event_targets WHERE bus = ? AND rule = ? AND id = ?",
        [(bus, rule, target_id) for target_id in ids],
    )


def tags(connection: sqlite3.Connection, arn: str) -> dict[str, str]:
    """Return the tags of a resource."""
    row = connection.execute("SELECT tags FROM event_tags WHERE arn = ?", (arn,)).fetchone()
    return {} if row is None else orjson.loads(row[0])


def put_tags(connection: sqlite3.Connection, arn: str, wanted: Mapping[str, str]) -> None:
    """Let these be the tags of a resource."""
    if wanted:
        connection.execute("INSERT OR REPLACE INTO event_tags (arn, tags) VALUES (?, ?)", (arn, text(wanted)))
    else:
        connection.execute("DELETE FROM event_tags WHERE arn = ?", (arn,))


def text(properties: Mapping[str, Any]) -> str:
    """Return the JSON text of properties."""
    return orjson.dumps(properties).decode()
