"""Schedules that come and go while others run, as those who make them see it."""

import sqlite3
from typing import Protocol

from triggers.schedule.position import Position
from triggers.schedule.schedule import Schedule


class Timetable(Protocol):
    """Runs schedules. A change is one transaction of its maker's, and a word here once it is committed."""

    def place_in(self, connection: sqlite3.Connection, schedule: Schedule) -> Position:
        """Store a schedule's position: a new one, or that of the schedule it replaces if both are alike."""

    def take(self, schedule: Schedule, position: Position) -> None:
        """Run a schedule that was placed, instead of the one of the same key."""

    def forget_in(self, connection: sqlite3.Connection, key: str) -> None:
        """Delete a schedule's position, and the runs that wait."""

    def drop(self, key: str) -> None:
        """Run a schedule no more."""
