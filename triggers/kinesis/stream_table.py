"""The statements on the tables of Kinesis streams, as plain functions of the connection inside a transaction.

Moments are milliseconds from 1970. A stream's records have one sequence of positions, so that they grow along
every shard, and from a shard to its children.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

import orjson

from engine.value import dataclass
from triggers.kinesis.description import StreamDescription
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.routing import HashKeyRange, even_ranges
from triggers.kinesis.shard import StreamShard

HOUR = timedelta(hours=1)
TRIMMED_AT_ONCE = 5_000  # records of a shard, so that no write takes long


@dataclass(frozen=True, slots=True)
class StoredStream:
    """A stream as the store has it."""

    created_at: int
    retention: timedelta
    shards: tuple[StreamShard, ...]
    description: StreamDescription


NewRecord = tuple[int, int, str, bytes]  # the shard's row, arrival, partition key, data
StoredRecord = tuple[int, int, str, bytes]  # position, arrival, partition key, data


@dataclass(frozen=True, slots=True)
class RecordRun:
    """Records of a shard that follow each other. `more`: there are others after them."""

    records: Sequence[StoredRecord]
    more: bool


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What is left after trimming. `more`: there is more to trim."""

    shards: tuple[StreamShard, ...]
    more: bool


def open_stream(
    connection: sqlite3.Connection, name: str, properties: StreamProperties, now: int
) -> StoredStream:
    """Return the stream, made now if it was missing. A configured retention counts when it has changed."""
    hours = properties.retention // HOUR
    created = connection.execute(
        "INSERT INTO kinesis_streams"
        " (name, created_at, retention_hours, configured_hours, last_position, next_shard)"
        " VALUES (?1, ?2, ?3, ?3, 0, 0) ON CONFLICT (name) DO NOTHING",
        (name, now, hours),
    ).rowcount
    if created:
        _insert_shards(connection, name, now, ((keys, None, None) for keys in even_ranges(properties.shards)))
    connection.execute(
        "UPDATE kinesis_streams SET retention_hours = ?2, configured_hours = ?2"
        " WHERE name = ?1 AND configured_hours <> ?2",
        (name, hours),
    )
    return load(connection, name)


def load(connection: sqlite3.Connection, name: str) -> StoredStream:
    """Return a stream that is in the store."""
    created_at, retention_hours, described = connection.execute(
        "SELECT created_at, retention_hours, described FROM kinesis_streams WHERE name = ?", (name,)
    ).fetchone()
    description = StreamDescription(**orjson.loads(described))
    return StoredStream(created_at, retention_hours * HOUR, load_shards(connection, name), description)


def made_by_api(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the streams that were made over the API."""
    rows = connection.execute("SELECT name FROM kinesis_streams WHERE made_by_api ORDER BY name")
    return [name for (name,) in rows]


def create_stream(
    connection: sqlite3.Connection,
    name: str,
    properties: StreamProperties,
    description: StreamDescription,
    now: int,
) -> None:
    """Store a stream that is made over the API. What was left of a namesake goes."""
    delete_stream(connection, name)
    open_stream(connection, name, properties, now)
    connection.execute("UPDATE kinesis_streams SET made_by_api = 1 WHERE name = ?", (name,))
    describe(connection, name, description)


def describe(connection: sqlite3.Connection, name: str, description: StreamDescription) -> None:
    """Store what is said of a stream from now on."""
    values: dict[str, Any] = {
        field.name: getattr(description, field.name)
        for field in fields(description)
        if getattr(description, field.name)
    }
    connection.execute(
        "UPDATE kinesis_streams SET described = ? WHERE name = ?", (orjson.dumps(values).decode(), name)
    )


def delete_some_records(connection: sqlite3.Connection, name: str) -> bool:
    """Delete records of a stream, up to a number; say whether there may be more."""
    more = False
    for shard in load_shards(connection, name):
        deleted = connection.execute(
            "DELETE FROM kinesis_records WHERE shard = ?1 AND position IN"
            " (SELECT position FROM kinesis_records WHERE shard = ?1 ORDER BY position LIMIT ?2)",
            (shard.row_id, TRIMMED_AT_ONCE),
        ).rowcount
        more |= deleted == TRIMMED_AT_ONCE
    return more


def delete_stream(connection: sqlite3.Connection, name: str) -> None:
    """Delete a stream with all that belongs to it."""
    connection.execute(
        "DELETE FROM kinesis_records WHERE shard IN (SELECT row_id FROM kinesis_shards WHERE stream = ?)",
        (name,),
    )
    for table, column in (
        ("kinesis_shards", "stream"),
        ("kinesis_consumers", "stream"),
        ("kinesis_streams", "name"),
    ):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))  # noqa: S608


def load_shards(connection: sqlite3.Connection, name: str) -> tuple[StreamShard, ...]:
    """Return the shards of a stream in the order of their numbers, so parents first."""
    rows = connection.execute(
        "SELECT row_id, number, first_hash_key, last_hash_key, created_at, closed_at, parent, adjacent_parent"
        " FROM kinesis_shards WHERE stream = ? ORDER BY number",
        (name,),
    )
    return tuple(
        StreamShard(row_id, number, HashKeyRange(int(first), int(last)), created, closed, parent, adjacent)
        for row_id, number, first, last, created, closed, parent, adjacent in rows
    )


def set_retention(connection: sqlite3.Connection, name: str, retention: timedelta) -> None:
    """Keep records for this long from now on."""
    connection.execute(
        "UPDATE kinesis_streams SET retention_hours = ? WHERE name = ?", (retention // HOUR, name)
    )


def insert_records(connection: sqlite3.Connection, name: str, records: Sequence[NewRecord]) -> int:
    """Store records in their order; return the position of the first, which the others follow."""
    ((last,),) = connection.execute(
        "UPDATE kinesis_streams SET last_position = last_position + ? WHERE name = ? RETURNING last_position",
        (len(records), name),
    ).fetchall()
    first: int = last - len(records) + 1
    connection.executemany(
        "INSERT INTO kinesis_records (shard, position, arrived_at, partition_key, data)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (shard, position, arrived_at, partition_key, data)
            for position, (shard, arrived_at, partition_key, data) in enumerate(records, start=first)
        ],
    )
    return first


def read_records(
    connection: sqlite3.Connection, shard: int, after: int, limit: int, max_bytes: int, horizon: int
) -> RecordRun:
    """Return up to `limit` records of a shard after a position, none that came before `horizon`.

    They end with the one that reaches `max_bytes` of data.
    """
    rows = connection.execute(
        "SELECT position, arrived_at, partition_key, data FROM kinesis_records"
        " WHERE shard = ? AND position > ? AND arrived_at >= ? ORDER BY position LIMIT ?",
        (shard, after, horizon, limit + 1),
    )
    records: list[StoredRecord] = []
    size = 0
    for row in rows:
        if len(records) == limit or size >= max_bytes:
            rows.close()
            return RecordRun(records, more=True)
        records.append(row)
        size += len(row[3])
    return RecordRun(records, more=False)


def last_position(connection: sqlite3.Connection, name: str) -> int:
    """Return the position of a stream's newest record."""
    row = connection.execute("SELECT last_position FROM kinesis_streams WHERE name = ?", (name,)).fetchone()
    return int(row[0])


def position_before(connection: sqlite3.Connection, name: str, shard: int, moment: int) -> int:
    """Return the position after which the records of a shard come that arrived at `moment` or later.

    The records of a shard lie in the order of their arrival, so halving finds it: their arrival has no index.
    """
    low, high = 0, last_position(connection, name)  # it is in between, both included
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(
            "SELECT position, arrived_at FROM kinesis_records WHERE shard = ? AND position > ?"
            " ORDER BY position LIMIT 1",
            (shard, middle),
        ).fetchone()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0]
    return low


def next_arrival(connection: sqlite3.Connection, shard: int, after: int, horizon: int = 0) -> int | None:
    """Return when the first record after a position arrived, of those not before `horizon`; None without."""
    row = connection.execute(
        "SELECT arrived_at FROM kinesis_records WHERE shard = ? AND position > ? AND arrived_at >= ?"
        " ORDER BY position LIMIT 1",
        (shard, after, horizon),
    ).fetchone()
    return None if row is None else int(row[0])


def trim(connection: sqlite3.Connection, name: str, horizon: int) -> Trimmed:
    """Delete records that came before `horizon`, up to a number, and closed shards that have none left."""
    more = False
    for shard in load_shards(connection, name):
        oldest = next_arrival(connection, shard.row_id, 0)
        if oldest is not None and oldest < horizon:
            more |= _trim_records(connection, shard.row_id, horizon)
        elif oldest is None and shard.closed_at is not None and shard.closed_at < horizon:
            connection.execute("DELETE FROM kinesis_shards WHERE row_id = ?", (shard.row_id,))
    return Trimmed(load_shards(connection, name), more)


def _trim_records(connection: sqlite3.Connection, shard: int, horizon: int) -> bool:
    last, looked_at, expired = connection.execute(
        "SELECT max(position) FILTER (WHERE arrived_at < ?2), count(*),"
        " count(*) FILTER (WHERE arrived_at < ?2) FROM"
        " (SELECT position, arrived_at FROM kinesis_records WHERE shard = ?1 ORDER BY position LIMIT ?3)",
        (shard, horizon, TRIMMED_AT_ONCE),
    ).fetchone()
    connection.execute("DELETE FROM kinesis_records WHERE shard = ? AND position <= ?", (shard, last))
    return bool(looked_at == expired)


def reshard(
    connection: sqlite3.Connection,
    name: str,
    closing: Sequence[StreamShard],
    children: Sequence[HashKeyRange],
    now: int,
) -> tuple[StreamShard, ...]:
    """Close shards and open their children; return the stream's shards."""
    connection.executemany(
        "UPDATE kinesis_shards SET closed_at = ? WHERE row_id = ?", [(now, shard.row_id) for shard in closing]
    )
    # A second later than the parents', so that sequence numbers grow from parent to child.
    created_at = max(now, *(shard.created_at + 1000 for shard in closing))
    parent, *others = (shard.number for shard in closing)
    adjacent = others[0] if others else None
    _insert_shards(connection, name, created_at, ((keys, parent, adjacent) for keys in children))
    return load_shards(connection, name)


def _insert_shards(
    connection: sqlite3.Connection,
    name: str,
    created_at: int,
    shards: Iterable[tuple[HashKeyRange, int | None, int | None]],
) -> None:
    rows = [
        (name, str(keys.first), str(keys.last), created_at, parent, adjacent)
        for keys, parent, adjacent in shards
    ]
    ((following,),) = connection.execute(
        "UPDATE kinesis_streams SET next_shard = next_shard + ? WHERE name = ? RETURNING next_shard",
        (len(rows), name),
    ).fetchall()
    connection.executemany(
        "INSERT INTO kinesis_shards"
        " (stream, first_hash_key, last_hash_key, created_at, parent, adjacent_parent, number)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(*row, number) for number, row in enumerate(rows, start=following - len(rows))],
    )
