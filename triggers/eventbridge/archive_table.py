"""The statements on the tables of archives and replays, as plain functions of the connection."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import orjson

from engine.clock import from_millis, to_millis
from engine.value import dataclass
from triggers.eventbridge.bus_table import text
from triggers.eventbridge.event import BusEvent

ReplayState = Literal["STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED"]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive of a bus. `properties` are the members that CreateArchive was given."""

    name: str
    bus: str
    properties: Mapping[str, Any]
    created: datetime

    @property
    def retention_days(self) -> int:
        """For how long events are kept; 0 for ever."""
        return int(self.properties.get("RetentionDays", 0))


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay. `properties` are what StartReplay was given; `replayed_to` is when its last event came."""

    name: str
    properties: Mapping[str, Any]
    state: ReplayState
    started: datetime
    ended: datetime | None = None
    sequence: int = 0
    replayed_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """Some events of a replay, in their order, with where the last of them stands."""

    events: Sequence[BusEvent] = ()
    sequence: int = 0
    last: datetime | None = None


def archives(connection: sqlite3.Connection) -> list[Archive]:
    """Return all archives by name."""
    return [
        Archive(name, bus, orjson.loads(properties), from_millis(created))
        for name, bus, properties, created in connection.execute(
            "SELECT name, bus, properties, created_at FROM event_archives ORDER BY name"
        )
    ]


def put_archive(connection: sqlite3.Connection, archive: Archive) -> None:
    """Make or change an archive."""
    connection.execute(
        "INSERT OR REPLACE INTO event_archives (name, bus, properties, created_at) VALUES (?, ?, ?, ?)",
        (archive.name, archive.bus, text(archive.properties), to_millis(archive.created)),
    )


def delete_archive(connection: sqlite3.Connection, name: str) -> None:
    """Delete an archive with its events."""
    connection.execute("DELETE FROM event_archives WHERE name = ?", (name,))
    connection.execute("DELETE FROM archived_events WHERE archive = ?", (name,))


def keep(connection: sqlite3.Connection, archive: str, events: Sequence[BusEvent], now: datetime) -> None:
    """Put events into an archive."""
    connection.executemany(
        "INSERT INTO archived_events (archive, put_at, event) VALUES (?, ?, ?)",
        [(archive, to_millis(now), event.text.decode()) for event in events],
    )


def drop_before(connection: sqlite3.Connection, archive: str, horizon: datetime) -> None:
    """Delete events that came before `horizon`."""
    connection.execute(
        "DELETE FROM archived_events WHERE archive = ? AND put_at < ?", (archive, to_millis(horizon))
    )


def figures(connection: sqlite3.Connection, archive: str) -> tuple[int, int]:
    """Return how many events an archive holds, and their size in bytes."""
    count, size = connection.execute(
        "SELECT count(*), coalesce(sum(length(CAST(event AS BLOB))), 0) FROM archived_events"
        " WHERE archive = ?",
        (archive,),
    ).fetchone()
    return count, size


def portion(
    connection: sqlite3.Connection, archive: str, start: datetime, end: datetime, after: int, limit: int
) -> Portion:
    """Return up to `limit` events that were put from `start` and before `end`, after a sequence."""
    rows = connection.execute(
        "SELECT sequence, put_at, event FROM archived_events"
        " WHERE archive = ? AND put_at >= ? AND put_at < ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (archive, to_millis(start), to_millis(end), after, limit),
    ).fetchall()
    if not rows:
        return Portion()
    sequence, put_at, _ = rows[-1]
    return Portion([BusEvent(event.encode()) for _, _, event in rows], sequence, from_millis(put_at))


def replays(connection: sqlite3.Connection) -> list[Replay]:
    """Return all replays by name."""
    return [
        Replay(
            name,
            orjson.loads(properties),
            state,
            from_millis(started),
            None if ended is None else from_millis(ended),
            sequence,
            None if replayed_to is None else from_millis(replayed_to),
        )
        for name, properties, state, started, ended, sequence, replayed_to in connection.execute(
            "SELECT name, properties, state, started_at, ended_at, sequence, replayed_to FROM event_replays"
            " ORDER BY name"
        )
    ]


def put_replay(connection: sqlite3.Connection, replay: Replay) -> None:
    """Store a replay as it is now."""
    connection.execute(
        "INSERT OR REPLACE INTO event_replays"
        " (name, properties, state, started_at, ended_at, sequence, replayed_to)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            replay.name,
            text(replay.properties),
            replay.state,
            to_millis(replay.started),
            None if replay.ended is None else to_millis(replay.ended),
            replay.sequence,
            None if replay.replayed_to is None else to_millis(replay.replayed_to),
        ),
    )
