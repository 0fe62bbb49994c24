"""Event source mappings in the store."""

import sqlite3

import orjson

from engine.clock import from_millis, to_millis
from engine.mapping import checkpoints
from engine.mapping.mapping_state import EventSourceMapping


def load(connection: sqlite3.Connection) -> list[EventSourceMapping]:
    """Return all mappings."""
    rows = connection.execute(
        "SELECT uuid, function_arn, parameters, state, last_modified, made_by FROM event_source_mappings"
    )
    return [
        EventSourceMapping(uuid, arn, orjson.loads(params), state, from_millis(modified), made_by)
        for uuid, arn, params, state, modified, made_by in rows
    ]


def save(connection: sqlite3.Connection, mapping: EventSourceMapping) -> None:
    """Store a mapping as it is now."""
    connection.execute(
        "INSERT OR REPLACE INTO event_source_mappings "
        "(uuid, function_arn, parameters, state, last_modified, made_by) VALUES (?, ?, ?, ?, ?, ?)",
        (
            mapping.uuid,
            mapping.function_arn,
            orjson.dumps(mapping.params).decode(),
            mapping.state,
            to_millis(mapping.last_modified),
            mapping.made_by,
        ),
    )


def delete(connection: sqlite3.Connection, uuid: str) -> None:
    """Remove a mapping and how far it has come."""
    connection.execute("DELETE FROM event_source_mappings WHERE uuid = ?", (uuid,))
    checkpoints.forget(connection, uuid)
