"""Event buses: events put to them go to the targets of the rules they match, in one transaction.

Puts:    a request's events, their archives and every delivery are committed together, in the order given.
Changes: buses and rules are in the store; those that headrace.toml declares cannot be changed.
Source:  EventBridge user guide and API reference.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from engine.arn import Account
from engine.clock import Clock
from engine.store.database import Store
from engine.value import dataclass
from triggers.delivery.courier import Courier
from triggers.delivery.target import Outcome
from triggers.eventbridge import bus_table
from triggers.eventbridge.entry import Entry, Refused, check_size, event_of
from triggers.eventbridge.errors import AlreadyExists, InvalidParameter, NotFound
from triggers.eventbridge.event import BusEvent
from triggers.eventbridge.rule import DEFAULT_BUS, Rule, check_rule
from triggers.eventbridge.target import read_target

BUS_PROPERTIES = ("Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


class Archivist(Protocol):
    """Keeps events of buses that have archives."""

    def keep(self, connection: sqlite3.Connection, bus: str, events: Sequence[BusEvent]) -> None:
        """Store the events that the archives of a bus want, in the transaction that puts them."""


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus. A fixed one belongs to headrace.toml. `rules` are changed in place."""

    name: str
    arn: str
    properties: Mapping[str, Any]
    created: datetime
    changed: datetime
    rules: dict[str, Rule]
    is_fixed: bool = False


class EventBuses:
    """All buses of an account. `declared` are the rules of headrace.toml by bus, `load()` adds the stored."""

    def __init__(
        self,
        account: Account,
        store: Store,
        courier: Courier,
        clock: Clock,
        *,
        declared: Mapping[str, Mapping[str, Rule]] | None = None,
        descriptions: Mapping[str, str] | None = None,
    ) -> None:
        self.account = account
        self._store = store
        self._courier = courier
        self._clock = clock
        self._archivist: Archivist | None = None
        self.changing = asyncio.Lock()  # held while something is changed, in the store and here
        now = clock.now()
        self._buses = {
            name: Bus(
                name,
                account.event_bus(name),
                {"Description": descriptions[name]} if descriptions and name in descriptions else {},
                now,
                now,
                dict(rules),
                is_fixed=True,
            )
            for name, rules in {DEFAULT_BUS: {}, **(declared or {})}.items()
        }

    def archive_with(self, archivist: Archivist) -> None:
        """Show every event that is put to `archivist` from now on."""
        self._archivist = archivist

    def load(self, stored: bus_table.Stored) -> None:
        """Take over what was made over the API before; headrace.toml has the last word."""
        for row in stored.buses:
            if row.name == DEFAULT_BUS or row.name not in self._buses:
                rules = self._buses[row.name].rules if row.name in self._buses else {}
                self._buses[row.name] = Bus(
                    row.name,
                    self.account.event_bus(row.name),
                    row.properties,
                    row.created,
                    row.changed,
                    rules,
                    is_fixed=row.name == DEFAULT_BUS,
                )
        for (bus_name, name), properties in stored.rules.items():
            bus = self._buses.get(bus_name)
            if bus is not None and name not in bus.rules:
                targets = stored.targets.get((bus_name, name), ())
                bus.rules[name] = Rule(
                    bus_name,
                    name,
                    self.account.rule(name, bus_name),
                    properties,
                    check_rule(properties, bus_name),
                    {target["Id"]: read_target(target) for target in targets},
                )

    def bus(self, reference: str | None) -> Bus:
        """Return a bus by name or ARN, the default bus for None. Raises NotFound."""
        bus = self.find(reference)
        if bus is None:
            raise NotFound.bus((reference or DEFAULT_BUS).rpartition("event-bus/")[2])
        return bus

    def find(self, reference: str | None) -> Bus | None:
        """As `bus`, None when there is none."""
        if reference is not None and reference.startswith("arn:"):
            return next((bus for bus in self._buses.values() if bus.arn == reference), None)
        return self._buses.get(reference or DEFAULT_BUS)

    def all(self) -> list[Bus]:
        """Return all buses by name."""
        return [self._buses[name] for name in sorted(self._buses)]

    async def put_events(self, entries: Sequence[Entry]) -> list[str | Refused]:
        """Put events; return for each its id or why it was not taken, once all deliveries are committed.

        Raises InvalidParameter when they are too large together, StoreError: then nothing was put.
        """
        check_size(entries)
        now = self._clock.now()
        results = [event_of(entry, self.account, now) for entry in entries]
        accepted: list[tuple[str, BusEvent]] = []
        for entry, result in zip(entries, results, strict=True):
            bus = self.find(entry.bus)
            if isinstance(result, BusEvent) and bus is not None:  # an event for no bus vanishes
                accepted.append((bus.name, result))
        if accepted:
            outcomes = await self._store.write(partial(self._put_all, accepted=accepted))
            self._courier.settle(outcomes)
        return [result.id if isinstance(result, BusEvent) else result for result in results]

    def put_in(
        self,
        connection: sqlite3.Connection,
        name: str,
        events: Sequence[BusEvent],
        *,
        hops: int = 0,
        rules: frozenset[str] | None = None,
    ) -> list[Outcome]:
        """Put events within a transaction of the caller's, who calls `settle` after it.

        `rules`, by ARN, are the only ones that a replay is for; what is replayed is not archived.
        """
        bus = self._buses.get(name)
        if bus is None:
            return []
        now = self._clock.now()
        if self._archivist is not None and rules is None:
            self._archivist.keep(connection, name, events)
        parcels = (
            parcel
            for event in events
            for rule in tuple(bus.rules.values())
            if (not rules or rule.arn in rules) and rule.matches(event)
            for parcel in rule.parcels(event, now, hops)
        )
        return self._courier.send(connection, parcels)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Tell of what `put_in` returned, once the transaction is committed."""
        self._courier.settle(outcomes)

    def _put_all(
        self, connection: sqlite3.Connection, accepted: Sequence[tuple[str, BusEvent]]
    ) -> list[Outcome]:
        return [outcome for name, event in accepted for outcome in self.put_in(connection, name, [event])]

    async def create_bus(self, name: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> Bus:
        """Make a bus. Raises AlreadyExists, InvalidParameter."""
        async with self.changing:
            if name in self._buses:
                raise AlreadyExists("Event bus", name)
            if "/" in name or name.startswith("aws."):
                raise InvalidParameter("Event bus name must not contain '/'.")
            now = self._clock.now()
            bus = Bus(name, self.account.event_bus(name), dict(properties), now, now, {})

            def operation(connection: sqlite3.Connection) -> None:
                bus_table.put_bus(connection, name, properties, now, now)
                bus_table.put_tags(connection, bus.arn, tags)

            await self._store.write(operation)
            self._buses[name] = bus
            return bus

    async def update_bus(self, reference: str | None, properties: Mapping[str, Any]) -> Bus:
        """Change the properties given of a bus. Raises NotFound, InvalidParameter."""
        async with self.changing:
            bus = self.bus(reference)
            if bus.is_fixed and bus.name != DEFAULT_BUS:
                raise declared_bus(bus.name)
            now = self._clock.now()
            changed = Bus(
                bus.name,
                bus.arn,
                {**bus.properties, **properties},
                bus.created,
                now,
                bus.rules,
                is_fixed=bus.is_fixed,
            )
            await self._store.write(
                partial(
                    bus_table.put_bus,
                    name=bus.name,
                    properties=changed.properties,
                    created=bus.created,
                    now=now,
                )
            )
            self._buses[bus.name] = changed
            return changed

    async def delete_bus(self, name: str) -> None:
        """Delete a bus; one that does not exist is a success. Raises InvalidParameter."""
        async with self.changing:
            bus = self._buses.get(name)
            if name == DEFAULT_BUS:
                raise InvalidParameter("Cannot delete event bus default.")
            if bus is None:
                return
            if bus.is_fixed:
                raise declared_bus(name)
            if bus.rules:
                raise InvalidParameter("Event bus can't be deleted since it has rules.")

            def operation(connection: sqlite3.Connection) -> None:
                bus_table.delete_bus(connection, name)
                bus_table.put_tags(connection, bus.arn, {})

            await self._store.write(operation)
            del self._buses[name]


def declared_bus(name: str) -> InvalidParameter:
    """Return the error for changing a bus that the configuration has."""
    return InvalidParameter(f"Event bus {name} is declared in headrace.toml: change it there.")
