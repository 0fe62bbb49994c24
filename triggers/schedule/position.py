"""How far each schedule has come, in the store.

A run is settled when it fired, was skipped on purpose, or waits in the store for its moment within a flexible
window. `settled` moves in the same transaction that accepts a run's event or lets it wait, so that a crash
neither loses a run nor repeats one.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from engine.clock import from_millis, to_millis
from engine.value import dataclass
from triggers.schedule.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Position:
    """When a schedule was created, and up to which moment its runs are settled.

    `waiting` are the runs that wait in their flexible window: when each was due, and when it fires.
    """

    created: datetime
    settled: datetime
    waiting: tuple[tuple[datetime, datetime], ...] = ()


def resume(
    connection: sqlite3.Connection, schedules: Sequence[Schedule], now: datetime
) -> dict[str, Position]:
    """Return the positions of all schedules by key, having forgotten those that headrace.toml has no more."""
    positions = {schedule.key: place(connection, schedule, now) for schedule in schedules}
    known = connection.execute("SELECT name FROM schedules").fetchall()
    for (key,) in known:
        if key not in positions and "/" not in key:
            forget(connection, key)
    return positions


def place(connection: sqlite3.Connection, schedule: Schedule, now: datetime) -> Position:
    """Return a schedule's position, which is stored.

    A schedule whose definition changed is created anew. One that was or is disabled, or that skips missed
    runs, is settled up to `now`, which is in whole milliseconds. What waited in a window goes on
    waiting, unless its schedule is new, changed or disabled.
    """
    key = schedule.key
    row = connection.execute(
        "SELECT definition, created_at, settled_at, enabled FROM schedules WHERE name = ?", (key,)
    ).fetchone()
    if row is None or row[0] != schedule.definition:
        position = _created(schedule, now)
    else:
        settled = from_millis(row[2])
        if schedule.missed_runs == "skip" or not (row[3] == 1 and schedule.enabled):
            settled = max(settled, now)
        waiting = _waiting(connection, key) if schedule.enabled else ()
        position = Position(from_millis(row[1]), settled, tuple(waiting))
    if not position.waiting:
        connection.execute("DELETE FROM schedule_windows WHERE name = ?", (key,))
    connection.execute(
        "INSERT OR REPLACE INTO schedules (name, definition, created_at, settled_at, enabled)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            key,
            schedule.definition,
            to_millis(position.created),
            to_millis(position.settled),
            int(schedule.enabled),
        ),
    )
    return position


def forget(connection: sqlite3.Connection, key: str) -> None:
    """Delete a schedule's position, and the runs that wait in its window."""
    connection.execute("DELETE FROM schedules WHERE name = ?", (key,))
    connection.execute("DELETE FROM schedule_windows WHERE name = ?", (key,))


def settle(connection: sqlite3.Connection, settled: Mapping[str, datetime]) -> None:
    """Say that the named schedules are settled up to these moments, if they were not already."""
    connection.executemany(
        "UPDATE schedules SET settled_at = max(settled_at, ?) WHERE name = ?",
        [(to_millis(moment), name) for name, moment in settled.items()],
    )


def begin_window(connection: sqlite3.Connection, name: str, due: datetime, fires: datetime) -> None:
    """Let the run that was due wait in its flexible window; it is settled now."""
    settle(connection, {name: due})
    connection.execute(
        "INSERT OR REPLACE INTO schedule_windows (name, due_at, fires_at) VALUES (?, ?, ?)",
        (name, to_millis(due), to_millis(fires)),
    )


def end_windows(connection: sqlite3.Connection, runs: Sequence[tuple[str, datetime]]) -> None:
    """Forget runs that have waited: names of schedules, and when each run was due."""
    connection.executemany(
        "DELETE FROM schedule_windows WHERE name = ? AND due_at = ?",
        [(name, to_millis(due)) for name, due in runs],
    )


def windows_by_schedule(connection: sqlite3.Connection) -> list[tuple[str, int, datetime]]:
    """Return each schedule that has runs in its flexible window, how many, and when the first fires."""
    return [
        (key, count, from_millis(fires_at))
        for key, count, fires_at in connection.execute(
            "SELECT name, count(*), min(fires_at) FROM schedule_windows GROUP BY name ORDER BY name"
        )
    ]


def _waiting(connection: sqlite3.Connection, key: str) -> list[tuple[datetime, datetime]]:
    rows = connection.execute(
        "SELECT due_at, fires_at FROM schedule_windows WHERE name = ? ORDER BY fires_at", (key,)
    )
    return [(from_millis(due), from_millis(fires)) for due, fires in rows]


def _created(schedule: Schedule, now: datetime) -> Position:
    return Position(now, now - timedelta(milliseconds=1) if schedule.runs_at_once else now)
