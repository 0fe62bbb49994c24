"""What is done with the rules of buses and their targets.

Source: EventBridge API reference; errors as recorded on AWS by LocalStack's test_events.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.arn import Account
from engine.store.database import Store
from triggers.delivery.target import Parcel
from triggers.eventbridge import bus_table
from triggers.eventbridge.buses import Bus, EventBuses
from triggers.eventbridge.errors import InvalidParameter, LimitExceeded, ManagedRule, NotFound
from triggers.eventbridge.event import BusEvent
from triggers.eventbridge.rule import DEFAULT_BUS, Rule, check_rule
from triggers.eventbridge.target import TARGETS_MOST, RuleTarget, problem_of_target, read_target
from triggers.schedule.event import rule_event
from triggers.schedule.position import Position
from triggers.schedule.schedule import Schedule
from triggers.schedule.timetable import Timetable

FailedEntry = dict[str, str]


class Rules:
    """Changes the rules of `buses`. Rules with a schedule run by `timetable`."""

    def __init__(self, buses: EventBuses, store: Store, account: Account, timetable: Timetable) -> None:
        self._buses = buses
        self._store = store
        self._account = account
        self._timetable = timetable

    def schedules(self) -> list[Schedule]:
        """Return the schedules of the rules that were made over the API."""
        rules = self._buses.bus(DEFAULT_BUS).rules.values()
        return [self._schedule(rule) for rule in rules if rule.schedule and not rule.is_fixed]

    def rule(self, name: str, bus: str | None) -> Rule:
        """Return a rule. Raises NotFound."""
        found = self._buses.bus(bus)
        rule = found.rules.get(name)
        if rule is None:
            raise NotFound.rule(name, found.name)
        return rule

    async def put_rule(
        self,
        name: str,
        bus_reference: str | None,
        properties: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> Rule:
        """Make or replace a rule, which keeps its targets. Raises EventsError."""
        async with self._buses.changing:
            bus = self._buses.bus(bus_reference)
            pattern = check_rule(properties, bus.name)
            former = bus.rules.get(name)
            if former is not None and former.is_fixed:
                if _same(former.properties, properties):
                    return former
                raise ManagedRule(name)
            targets = {} if former is None else former.targets
            rule = Rule(
                bus.name, name, self._account.rule(name, bus.name), dict(properties), pattern, targets
            )
            await self._store_rule(bus, rule, former, tags)
            return rule

    async def set_state(self, name: str, bus_reference: str | None, state: str) -> None:
        """Enable or disable a rule. Raises NotFound, ManagedRule."""
        async with self._buses.changing:
            former = self._changeable(name, bus_reference)
            bus = self._buses.bus(former.bus)
            properties = {**former.properties, "State": state}
            rule = Rule(bus.name, name, former.arn, properties, former.pattern, former.targets)
            await self._store_rule(bus, rule, former, {})

    async def delete_rule(self, name: str, bus_reference: str | None) -> None:
        """Delete a rule; one that does not exist is a success. Raises InvalidParameter, ManagedRule."""
        async with self._buses.changing:
            bus = self._buses.bus(bus_reference)
            rule = bus.rules.get(name)
            if rule is None:
                return
            if rule.is_fixed:
                raise ManagedRule(name)
            if rule.targets:
                raise InvalidParameter("Rule can't be deleted since it has targets.")
            schedule = self._schedule(rule) if rule.schedule else None

            def operation(connection: sqlite3.Connection) -> None:
                bus_table.delete_rule(connection, bus.name, name)
                bus_table.put_tags(connection, rule.arn, {})
                if schedule is not None:
                    self._timetable.forget_in(connection, schedule.key)

            await self._store.write(operation)
            del bus.rules[name]
            if schedule is not None:
                self._timetable.drop(schedule.key)

    async def put_targets(
        self, name: str, bus_reference: str | None, targets: Sequence[Mapping[str, Any]]
    ) -> list[FailedEntry]:
        """Add targets; return those that are not valid. Raises EventsError when none is added."""
        async with self._buses.changing:
            rule = self.rule(name, bus_reference)
            problems = {target["Id"]: problem_of_target(target) for target in targets}
            added = {
                target["Id"]: read_target(target) for target in targets if problems[target["Id"]] is None
            }
            if rule.is_fixed and any(
                key not in rule.targets or not _same(rule.targets[key].properties, target.properties)
                for key, target in added.items()
            ):
                raise ManagedRule(name)
            merged = {**rule.targets, **added}
            if len(merged) > TARGETS_MOST:
                raise LimitExceeded("The requested resource exceeds the maximum number allowed.")
            if added and not rule.is_fixed:
                rows = [target.properties for target in added.values()]
                await self._store.write(
                    lambda connection: bus_table.put_targets(connection, rule.bus, name, rows)
                )
                self._with_targets(rule, merged)
            return [
                {"TargetId": target_id, "ErrorCode": "ValidationException", "ErrorMessage": problem}
                for target_id, problem in problems.items()
                if problem is not None
            ]

    async def remove_targets(
        self, name: str, bus_reference: str | None, ids: Sequence[str]
    ) -> list[FailedEntry]:
        """Take targets from a rule; return those that it does not have. Raises NotFound, ManagedRule."""
        async with self._buses.changing:
            rule = self._changeable(name, bus_reference)
            known = [target_id for target_id in ids if target_id in rule.targets]
            await self._store.write(
                lambda connection: bus_table.remove_targets(connection, rule.bus, name, known)
            )
            left = {key: target for key, target in rule.targets.items() if key not in known}
            self._with_targets(rule, left)
            return [
                {
                    "TargetId": target_id,
                    "ErrorCode": "ResourceNotFoundException",
                    "ErrorMessage": f"Rule {name} does not have a target with the Id {target_id}.",
                }
                for target_id in ids
                if target_id not in known
            ]

    def _changeable(self, name: str, bus: str | None) -> Rule:
        rule = self.rule(name, bus)
        if rule.is_fixed:
            raise ManagedRule(name)
        return rule

    def _with_targets(self, rule: Rule, targets: Mapping[str, RuleTarget]) -> None:
        self._buses.bus(rule.bus).rules[rule.name] = Rule(
            rule.bus, rule.name, rule.arn, rule.properties, rule.pattern, targets
        )

    async def _store_rule(self, bus: Bus, rule: Rule, former: Rule | None, tags: Mapping[str, str]) -> None:
        schedule = self._schedule(rule) if rule.schedule else None
        gone = self._schedule(former).key if former is not None and former.schedule else None

        def operation(connection: sqlite3.Connection) -> Position | None:
            bus_table.put_rule(connection, bus.name, rule.name, rule.properties)
            if tags:
                bus_table.put_tags(connection, rule.arn, tags)
            if schedule is not None:
                return self._timetable.place_in(connection, schedule)
            if gone is not None:
                self._timetable.forget_in(connection, gone)
            return None

        position = await self._store.write(operation)
        bus.rules[rule.name] = rule
        if schedule is not None and position is not None:
            self._timetable.take(schedule, position)
        elif gone is not None:
            self._timetable.drop(gone)

    def _schedule(self, rule: Rule) -> Schedule:
        return Schedule.of_rule(
            rule.name,
            rule.schedule or "",
            self._account,
            enabled=rule.is_enabled,
            calls=ScheduledRule(self._buses, rule.name, self._account),
        )


class ScheduledRule:
    """What the runs of a rule's schedule call: the targets that it has at that time."""

    def __init__(self, buses: EventBuses, name: str, account: Account) -> None:
        self._buses = buses
        self._name = name
        self._account = account

    def parcels(self, event_id: str, due: datetime) -> Sequence[Parcel]:
        """Return what the targets get."""
        rule = self._buses.bus(DEFAULT_BUS).rules.get(self._name)
        if rule is None or not rule.is_enabled:
            return ()
        return rule.parcels(BusEvent(rule_event(rule.arn, self._account, event_id, due)), due)

    def complete_in(self, connection: sqlite3.Connection) -> bool:  # noqa: ARG002 - as for all schedules
        """Keep the rule when it does not come due any more."""
        return False

    def completed(self) -> None:
        """Never, as the rule is kept."""


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    defaults = {"State": "ENABLED"}
    return {**defaults, **one} == {**defaults, **other}
