"""Schedules and schedule groups of EventBridge Scheduler, as they are made, changed and deleted over the API.

Those of headrace.toml are among them, and cannot be changed.
Source: EventBridge Scheduler API reference and user guide; texts as recorded where they are.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.arn import Account
from engine.clock import Clock
from engine.store.database import Store
from triggers.eventbridge import bus_table
from triggers.schedule import schedule_table
from triggers.schedule.errors import InvalidSchedule, ScheduleConflict, ScheduleNotFound
from triggers.schedule.made_schedule import check_schedule, runnable
from triggers.schedule.position import Position
from triggers.schedule.schedule import Schedule
from triggers.schedule.schedule_table import MadeSchedule, ScheduleGroup
from triggers.schedule.timetable import Timetable

DEFAULT_GROUP = "default"
Key = tuple[str, str]  # of a schedule: its group and its name


class Schedules:
    """All schedules of the scheduler. `declared` are those of headrace.toml, `load()` adds the stored."""

    def __init__(
        self,
        declared: Sequence[MadeSchedule],
        store: Store,
        account: Account,
        clock: Clock,
        timetable: Timetable,
    ) -> None:
        self._store = store
        self._account = account
        self._clock = clock
        self._timetable = timetable
        self._changing = asyncio.Lock()
        now = clock.now()
        self._schedules = {(each.group, each.name): each for each in declared}
        self._groups = {
            name: ScheduleGroup(name, now, now)
            for name in (DEFAULT_GROUP, *(each.group for each in declared))
        }

    def load(self, groups: Sequence[ScheduleGroup], schedules: Sequence[MadeSchedule]) -> None:
        """Take over what was made before; headrace.toml has the last word."""
        self._groups |= {group.name: group for group in groups}
        for each in schedules:
            self._schedules.setdefault((each.group, each.name), each)

    def runnable(self) -> list[Schedule]:
        """Return what is to run of those that were made over the API."""
        return [self._runnable(each) for each in self._schedules.values() if not each.is_fixed]

    def schedules(self) -> list[MadeSchedule]:
        """Return all schedules, by group and name."""
        return [self._schedules[key] for key in sorted(self._schedules)]

    def groups(self) -> list[ScheduleGroup]:
        """Return all groups by name."""
        return [self._groups[name] for name in sorted(self._groups)]

    def schedule(self, name: str, group: str | None) -> MadeSchedule:
        """Return a schedule. Raises ScheduleNotFound."""
        found = self._schedules.get((group or DEFAULT_GROUP, name))
        if found is None:
            raise ScheduleNotFound("Schedule", name)
        return found

    def group(self, name: str) -> ScheduleGroup:
        """Return a group. Raises ScheduleNotFound."""
        if name not in self._groups:
            raise ScheduleNotFound("Schedule group", name)
        return self._groups[name]

    async def create(self, name: str, group: str | None, properties: Mapping[str, Any]) -> MadeSchedule:
        """Make a schedule and run it. Raises SchedulerError.

        The same request once more, known by its client token, is a success.
        """
        async with self._changing:
            group = self.group(group or DEFAULT_GROUP).name
            check_schedule(properties, self._clock.now())
            former = self._schedules.get((group, name))
            if former is not None:
                token = properties.get("ClientToken")
                if token is not None and former.properties.get("ClientToken") == token:
                    return former
                raise ScheduleConflict("Schedule", name)
            now = self._clock.now()
            return await self._put(MadeSchedule(group, name, dict(properties), now, now))

    async def update(self, name: str, group: str | None, properties: Mapping[str, Any]) -> MadeSchedule:
        """Replace all of a schedule. Raises SchedulerError."""
        async with self._changing:
            former = self._changeable(name, group)
            check_schedule(properties, self._clock.now())
            return await self._put(replace(former, properties=dict(properties), changed=self._clock.now()))

    async def delete(self, name: str, group: str | None) -> None:
        """Delete a schedule. Raises SchedulerError."""
        async with self._changing:
            former = self._changeable(name, group)
            key = self._runnable(former).key

            def operation(connection: sqlite3.Connection) -> None:
                schedule_table.delete_schedule(connection, former.group, name)
                self._timetable.forget_in(connection, key)

            await self._store.write(operation)
            self._forget((former.group, name), key)

    async def create_group(self, name: str, tags: Mapping[str, str]) -> ScheduleGroup:
        """Make a group. Raises ScheduleConflict."""
        async with self._changing:
            if name in self._groups:
                raise ScheduleConflict("Schedule group", name)
            now = self._clock.now()
            group = ScheduleGroup(name, now, now)

            def operation(connection: sqlite3.Connection) -> None:
                schedule_table.put_group(connection, group)
                bus_table.put_tags(connection, self._account.schedule_group(name), tags)

            await self._store.write(operation)
            self._groups[name] = group
            return group

    async def delete_group(self, name: str) -> None:
        """Delete a group with its schedules. Raises SchedulerError."""
        async with self._changing:
            self.group(name)
            if name == DEFAULT_GROUP:
                raise InvalidSchedule("The default schedule group cannot be deleted.")
            members = [each for each in self._schedules.values() if each.group == name]
            if any(each.is_fixed for each in members):
                raise InvalidSchedule(f"Schedule group {name} has schedules that headrace.toml declares.")
            keys = {(each.group, each.name): self._runnable(each).key for each in members}

            def operation(connection: sqlite3.Connection) -> None:
                schedule_table.delete_group(connection, name)
                bus_table.put_tags(connection, self._account.schedule_group(name), {})
                for key in keys.values():
                    self._timetable.forget_in(connection, key)

            await self._store.write(operation)
            del self._groups[name]
            for place, key in keys.items():
                self._forget(place, key)

    def _changeable(self, name: str, group: str | None) -> MadeSchedule:
        former = self.schedule(name, group)
        if former.is_fixed:
            raise InvalidSchedule(f"Schedule {name} is declared in headrace.toml: change it there.")
        return former

    async def _put(self, made: MadeSchedule) -> MadeSchedule:
        schedule = self._runnable(made)

        def operation(connection: sqlite3.Connection) -> Position:
            schedule_table.put_schedule(connection, made)
            return self._timetable.place_in(connection, schedule)

        position = await self._store.write(operation)
        self._schedules[made.group, made.name] = made
        self._timetable.take(schedule, position)
        return made

    def _forget(self, place: Key, key: str) -> None:
        self._schedules.pop(place, None)
        self._timetable.drop(key)

    def _runnable(self, made: MadeSchedule) -> Schedule:
        def completed() -> None:
            self._schedules.pop((made.group, made.name), None)

        return runnable(made, self._account, completed)
