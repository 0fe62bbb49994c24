"""EventBridge and EventBridge Scheduler in a simulator: made when there is something of theirs, or asked for.

What headrace.toml declares and what the store has is there from the start; a simulator with neither loads
nothing of this before the first request.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any

from engine.clock import Clock
from engine.feed import Feed
from engine.invocation.destination import Destination
from engine.invocation.event_queue import EventQueue
from engine.store.database import Store
from headrace.channels import Channels
from headrace.config import Configuration
from headrace.references import TARGET_KINDS, resolve

if TYPE_CHECKING:
    from headrace.aws.json_protocol import JsonService
    from headrace.aws.scheduler import SchedulerWire
    from triggers.delivery.courier import Courier
    from triggers.eventbridge.archives import Archives
    from triggers.eventbridge.buses import EventBuses
    from triggers.eventbridge.rule import Rule
    from triggers.eventbridge.rules import Rules
    from triggers.schedule.runner import ScheduleRunner
    from triggers.schedule.schedule_table import MadeSchedule
    from triggers.schedule.schedules import Schedules

DEFAULT_BUS = "default"
_TABLES = (
    "event_buses",
    "event_rules",
    "event_archives",
    "event_replays",
    "schedule_groups",
    "made_schedules",
    "deliveries",
)


class EventServices:
    """`open()` comes first; keep `run()` running. `topic_of` finds topics by ARN."""

    name = "schedules"

    def __init__(
        self,
        configuration: Configuration,
        *,
        store: Store,
        events: EventQueue,
        channels: Channels,
        clock: Clock,
        feed: Feed,
        chance: Random,
        topic_of: Callable[[str], Destination | None],
    ) -> None:
        self._configuration = configuration
        self._account = configuration.account
        self._store = store
        self._events = events
        self._channels = channels
        self._clock = clock
        self._feed = feed
        self._chance = chance
        self._topic_of = topic_of
        self._is_used = asyncio.Event()
        self._has_buses = asyncio.Event()

    async def open(self) -> None:
        """Take over what is configured and what is in the store. Raises StoreError."""
        if await self._store.read(_has_rows):
            await self._load()
        if self._configuration.file.event_buses or self._configuration.file.schedules:
            self._is_used.set()

    async def run(self) -> None:
        """Run schedules, replays and what is delivered once more, until cancelled."""
        await self._is_used.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.courier.run(), name=self.courier.name)
            group.create_task(self.runner.run(), name=self.runner.name)
            await self._has_buses.wait()
            group.create_task(self.archives.run(), name="replays")

    def next_runs(self) -> dict[str, datetime | None]:
        """Return when each schedule comes due next."""
        return self.runner.next_runs() if self._is_used.is_set() else {}

    def rule_counts(self) -> dict[str, int]:
        """Return how many rules with a pattern each bus has; the default bus is left out when it has none."""
        if not self._has_buses.is_set():
            return {name: len(bus.rules) for name, bus in self._configuration.file.event_buses.items()}
        counts = {
            bus.name: sum(rule.pattern is not None for rule in bus.rules.values()) for bus in self.buses.all()
        }
        return {name: count for name, count in counts.items() if count or name != DEFAULT_BUS}

    def bus(self, name: str, *, takes_records: bool) -> Destination:
        """Return a bus as a destination: of functions' records, or of what is an event already."""
        from triggers.eventbridge.destination import BusDestination

        return BusDestination(name, self.buses, self._clock, takes_records=takes_records)

    @cached_property
    def eventbridge(self) -> "JsonService":
        """What answers for EventBridge."""
        from headrace.aws.eventbridge import EventBridgeWire

        return EventBridgeWire(self.buses, self.rules, self.archives, self._store).service()

    @cached_property
    def scheduler(self) -> "SchedulerWire":
        """What answers for EventBridge Scheduler."""
        from headrace.aws.scheduler import SchedulerWire

        return SchedulerWire(self.schedules, self._account, self._store)

    @cached_property
    def courier(self) -> "Courier":
        """What brings payloads to targets."""
        from headrace.event_targets import EventTargets
        from triggers.delivery.courier import Courier

        self._is_used.set()
        targets = EventTargets(
            self._account,
            self._events,
            self._channels,
            self._clock,
            self._topic_of,
            lambda: self.buses,
        )
        return Courier(targets, self._store, self._clock, self._feed, self._chance)

    @cached_property
    def runner(self) -> "ScheduleRunner":
        """What runs schedules."""
        from triggers.schedule.runner import ScheduleRunner
        from triggers.schedule.schedule import Schedule

        configured = (
            Schedule.configured(name, settings, self._account)
            for name, settings in self._configuration.file.schedules.items()
        )
        schedules = [
            replace(schedule, function=resolve(schedule.function, ("functions",))[1])
            for schedule in configured
        ]
        return ScheduleRunner(
            schedules,
            self._store,
            self._events,
            self._feed,
            self._clock,
            self._chance,
            courier=self.courier,
        )

    @cached_property
    def buses(self) -> "EventBuses":
        """The buses."""
        from triggers.eventbridge.buses import EventBuses

        self._has_buses.set()
        file = self._configuration.file
        declared: dict[str, dict[str, Rule]] = {name: self._declared_rules(name) for name in file.event_buses}
        declared.setdefault(DEFAULT_BUS, {})
        declared[DEFAULT_BUS] |= self._scheduled_rules()
        described = {
            name: bus.description for name, bus in file.event_buses.items() if bus.description is not None
        }
        return EventBuses(
            self._account,
            self._store,
            self.courier,
            self._clock,
            declared=declared,
            descriptions=described,
        )

    @cached_property
    def rules(self) -> "Rules":
        """The rules of the buses."""
        from triggers.eventbridge.rules import Rules

        return Rules(self.buses, self._store, self._account, self.runner)

    @cached_property
    def archives(self) -> "Archives":
        """Archives and replays."""
        from triggers.eventbridge.archives import Archives

        return Archives(self.buses, self._store, self._clock, self._feed)

    @cached_property
    def schedules(self) -> "Schedules":
        """The schedules and groups of the scheduler."""
        from triggers.schedule.schedules import Schedules

        return Schedules(self._declared_schedules(), self._store, self._account, self._clock, self.runner)

    async def _load(self) -> None:
        from triggers.eventbridge import archive_table, bus_table
        from triggers.schedule import schedule_table

        self.buses.load(await self._store.read(bus_table.load))
        self.archives.load(
            await self._store.read(archive_table.archives), await self._store.read(archive_table.replays)
        )
        groups, schedules = await self._store.read(schedule_table.load)
        self.schedules.load(groups, schedules)
        self.runner.add([*self.rules.schedules(), *self.schedules.runnable()])

    def _declared_rules(self, bus: str) -> "dict[str, Rule]":
        from triggers.eventbridge.rule import Rule, read_pattern
        from triggers.eventbridge.target import read_target

        rules = {}
        for settings in self._configuration.file.event_buses[bus].rules:
            targets = [
                read_target(
                    target.properties(
                        f"target-{number}",
                        self._arn(target.target, TARGET_KINDS),
                        None if target.dead_letter is None else self._arn(target.dead_letter, ("queues",)),
                    )
                )
                for number, target in enumerate(settings.targets, start=1)
            ]
            properties = {"EventPattern": settings.pattern, "State": settings.state}
            if settings.description is not None:
                properties["Description"] = settings.description
            rules[settings.name] = Rule(
                bus,
                settings.name,
                self._account.rule(settings.name, bus),
                properties,
                read_pattern(settings.pattern),
                {target.id: target for target in targets},
                is_fixed=True,
            )
        return rules

    def _scheduled_rules(self) -> "dict[str, Rule]":
        """Return the rules that `[schedules]` declares, as EventBridge lists them."""
        from triggers.eventbridge.rule import Rule
        from triggers.eventbridge.target import read_target

        rules = {}
        for name, settings in self._configuration.file.schedules.items():
            if settings.resolved_kind == "rule":
                properties = {"ScheduleExpression": settings.expression, "State": settings.state}
                target: dict[str, Any] = {"Id": "1", "Arn": self._arn(settings.function, ("functions",))}
                if settings.input is not None:
                    target["Input"] = settings.input
                rules[name] = Rule(
                    DEFAULT_BUS,
                    name,
                    self._account.rule(name),
                    properties,
                    None,
                    {"1": read_target(target)},
                    is_fixed=True,
                )
        return rules

    def _declared_schedules(self) -> "list[MadeSchedule]":
        """Return the schedules that `[schedules]` declares, as the scheduler lists them."""
        from triggers.schedule.schedule_table import MadeSchedule

        now = self._clock.now()
        schedules = []
        for name, settings in self._configuration.file.schedules.items():
            if settings.resolved_kind == "scheduler":
                minutes = settings.flexible_time_window_in_minutes
                target = {
                    "Arn": self._arn(settings.function, ("functions",)),
                    "RoleArn": self._account.role("headrace"),
                    "Input": settings.input,
                }
                properties: dict[str, Any] = {
                    "ScheduleExpression": settings.expression,
                    "ScheduleExpressionTimezone": settings.timezone or "UTC",
                    "State": settings.state,
                    "StartDate": None if settings.start_date is None else settings.start_date.isoformat(),
                    "EndDate": None if settings.end_date is None else settings.end_date.isoformat(),
                    "FlexibleTimeWindow": {"Mode": "OFF"}
                    if minutes is None
                    else {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes},
                    "Target": {key: value for key, value in target.items() if value is not None},
                }
                given = {key: value for key, value in properties.items() if value is not None}
                group = settings.group or "default"
                schedules.append(MadeSchedule(group, name, given, now, now, is_fixed=True))
        return schedules

    def _arn(self, reference: str, kinds: tuple[str, ...]) -> str:
        if reference.startswith("arn:"):
            return reference
        kind, name = resolve(reference, kinds)
        account = self._account
        arns = {
            "functions": account.function,
            "queues": account.queue,
            "topics": account.topic,
            "streams": account.stream,
            "event_buses": account.event_bus,
        }
        return arns[kind](name)


def _has_rows(connection: sqlite3.Connection) -> bool:
    query = " OR ".join(f"EXISTS (SELECT 1 FROM {table})" for table in _TABLES)  # noqa: S608 - our own names
    return bool(connection.execute(f"SELECT {query}").fetchone()[0])
