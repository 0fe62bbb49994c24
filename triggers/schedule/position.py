"""How far each schedule has come, in the store.

A run is settled when it fired or was skipped on purpose. `settled` moves in the same transaction that accepts
a run's event, so that a crash neither loses a run nor repeats one.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from engine.clock import from_millis, to_millis
from engine.value import dataclass
from triggers.schedule.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Position:
    """When a schedule was created, and up to which moment its runs are settled."""

    created: datetime
    settled: datetime


def resume(
    connection: sqlite3.Connection, schedules: Sequence[Schedule], now: datetime
) -> dict[str, Position]:
    """Return every schedule's position, having created new ones and forgotten those that are gone.

    A schedule whose definition changed is created anew. One that was or is disabled, or that skips missed
    runs, is settled up to `now`, which is in whole milliseconds.
    """
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
        positions[schedule.name] = Position(created, settled)
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
    return positions


def settle(connection: sqlite3.Connection, settled: Mapping[str, datetime]) -> None:
    """Say that the named schedules are settled up to these moments."""
    connection.executemany(
        "UPDATE schedules SET settled_at = ? WHERE name = ?",
        [(to_millis(moment), name) for name, moment in settled.items()],
    )


def _created(schedule: Schedule, now: datetime) -> Position:
    return Position(now, now - timedelta(milliseconds=1) if schedule.runs_at_once else now)
