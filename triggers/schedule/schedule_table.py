"""The statements on the schedules and groups that were made over the API, as plain functions."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from engine.clock import from_millis, to_millis
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class MadeSchedule:
    """A schedule as it was made. `properties` are the members that CreateSchedule was given."""

    group: str
    name: str
    properties: Mapping[str, Any]
    created: datetime
    changed: datetime
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleGroup:
    """A group of schedules."""

    name: str
    created: datetime
    changed: datetime


def load(connection: sqlite3.Connection) -> tuple[list[ScheduleGroup], list[MadeSchedule]]:
    """Return everything, by name."""
    groups = [
        ScheduleGroup(name, from_millis(created), from_millis(changed))
        for name, created, changed in connection.execute(
            "SELECT name, created_at, changed_at FROM schedule_groups ORDER BY name"
        )
    ]
    schedules = [
        MadeSchedule(group, name, orjson.loads(text), from_millis(created), from_millis(changed))
        for group, name, text, created, changed in connection.execute(
            "SELECT schedule_group, name, properties, created_at, changed_at FROM made_schedules"
            " ORDER BY schedule_group, name"
        )
    ]
    return groups, schedules


def put_group(connection: sqlite3.Connection, group: ScheduleGroup) -> None:
    """Make a group."""
    connection.execute(
        "INSERT OR REPLACE INTO schedule_groups (name, created_at, changed_at) VALUES (?, ?, ?)",
        (group.name, to_millis(group.created), to_millis(group.changed)),
    )


def delete_group(connection: sqlite3.Connection, name: str) -> None:
    """Delete a group with its schedules."""
    connection.execute("DELETE FROM made_schedules WHERE schedule_group = ?", (name,))
    connection.execute("DELETE FROM schedule_groups WHERE name = ?", (name,))


def put_schedule(connection: sqlite3.Connection, schedule: MadeSchedule) -> None:
    """Make or replace a schedule."""
    connection.execute(
        "INSERT OR REPLACE INTO made_schedules (schedule_group, name, properties, created_at, changed_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            schedule.group,
            schedule.name,
            orjson.dumps(schedule.properties).decode(),
            to_millis(schedule.created),
            to_millis(schedule.changed),
        ),
    )


def delete_schedule(connection: sqlite3.Connection, group: str, name: str) -> None:
    """Delete a schedule."""
    connection.execute("DELETE FROM made_schedules WHERE schedule_group = ? AND name = ?", (group, name))
