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
    """Return every schedule's position, having created new ones and forgotten those that are gone.

    A schedule whose definition changed is created anew. One that was or is disabled, or that skips missed
    runs, is settled up to `now`, which is in whole milliseconds. What waited in a window goes on
    waiting, unless its schedule is new, changed or disabled.
    """
    waiting = _waiting(connection)
    rows = {
        name: (definition, from_millis(created), from_millis(settled), enabled == 1)
        for name, definition, created, settled, enabled in connection.execute(
            "SELECT name, definition, created_at, settled_at, enabled FROM schedules"
        )
    }
    positions = {}
    for schedule in schedules:
        row = rows.get(schedule.name)
        if row is None or row[0] != schedule.definition:
            positions[schedule.name] = _created(schedule, now)
            continue
        _, created, settled, was_enabled = row
        if schedule.missed_runs == "skip" or not (was_enabled and schedule.enabled):
            settled = max(settled, now)
        kept = waiting.get(schedule.name, ()) if schedule.enabled else ()
        positions[schedule.name] = Position(created, settled, tuple(kept))
    connection.execute("DELETE FROM schedules")
    connection.executemany(
        "INSERT INTO schedules (name, definition, created_at, settled_at, enabled) VALUES (?, ?, ?, ?, ?)",
        [
            (
                schedule.name,
                schedule.definition,
                to_millis(positions[schedule.name].created),
                to_millis(positions[schedule.name].settled),
                int(schedule.enabled),
            )
            for schedule in schedules
        ],
    )
    connection.execute("DELETE FROM schedule_windows")
    for name, position in positions.items():
        for due, fires in position.waiting:
            _let_wait(connection, name, due, fires)
    return positions


def settle(connection: sqlite3.Connection, settled: Mapping[str, datetime]) -> None:
    """Say that the named schedules are settled up to these moments, if they were not already."""
    connection.executemany(
        "UPDATE schedules SET settled_at = max(settled_at, ?) WHERE name = ?",
        [(to_millis(moment), name) for name, moment in settled.items()],
    )


def begin_window(connection: sqlite3.Connection, name: str, due: datetime, fires: datetime) -> None:
    """Let the run that was due wait in its flexible window; it is settled now."""
    settle(connection, {name: due})
    _let_wait(connection, name, due, fires)


def end_windows(connection: sqlite3.Connection, runs: Sequence[tuple[str, datetime]]) -> None:
    """Forget runs that have waited: names of schedules, and when each run was due."""
    connection.executemany(
        "DELETE FROM schedule_windows WHERE name = ? AND due_at = ?",
        [(name, to_millis(due)) for name, due in runs],
    )


def _let_wait(connection: sqlite3.Connection, name: str, due: datetime, fires: datetime) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO schedule_windows (name, due_at, fires_at) VALUES (?, ?, ?)",
        (name, to_millis(due), to_millis(fires)),
    )


def _waiting(connection: sqlite3.Connection) -> dict[str, list[tuple[datetime, datetime]]]:
    waiting: dict[str, list[tuple[datetime, datetime]]] = {}
    for name, due, fires in connection.execute(
        "SELECT name, due_at, fires_at FROM schedule_windows ORDER BY fires_at"
    ):
        waiting.setdefault(name, []).append((from_millis(due), from_millis(fires)))
    return waiting


def _created(schedule: Schedule, now: datetime) -> Position:
    return Position(now, now - timedelta(milliseconds=1) if schedule.runs_at_once else now)
