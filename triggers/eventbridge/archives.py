"""Archives of buses, and replays of what they hold.

Keeps:   what is put to a bus and matches, in the transaction that puts it; replayed events are not kept.
Replays: in the order the events came, through the rules of the bus; where a replay stands is stored with what
         it puts, so that it goes on after a restart.
Source:  EventBridge user guide, "Archiving and replaying events"; shapes and errors as recorded on AWS by
         LocalStack's test_archive_and_replay.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from engine.clock import Clock
from engine.errors import StoreError
from engine.feed import Feed, Notice
from engine.mapping.event_pattern import EventPattern
from engine.store.database import Store
from triggers.delivery.target import Outcome
from triggers.eventbridge import archive_table
from triggers.eventbridge.archive_table import Archive, Replay
from triggers.eventbridge.buses import EventBuses
from triggers.eventbridge.errors import AlreadyExists, IllegalStatus, InvalidParameter, NotFound
from triggers.eventbridge.event import BusEvent, replayed
from triggers.eventbridge.rule import read_pattern

AT_ONCE = 100  # events that a replay puts in one write
STORE_PAUSE = timedelta(seconds=5)
UNENDED = ("STARTING", "RUNNING", "CANCELLING")


class Archives:
    """All archives and replays. `load()` comes first; keep `run()` running for the replays."""

    def __init__(self, buses: EventBuses, store: Store, clock: Clock, feed: Feed) -> None:
        self._buses = buses
        self._store = store
        self._clock = clock
        self._feed = feed
        self._archives: dict[str, Archive] = {}
        self._patterns: dict[str, EventPattern | None] = {}
        self._replays: dict[str, Replay] = {}
        self._changed = asyncio.Event()
        buses.archive_with(self)

    def load(self, archives: Sequence[Archive], replays: Sequence[Replay]) -> None:
        """Take over what was made before."""
        for archive in archives:
            self._take(archive)
        self._replays = {replay.name: replay for replay in replays}

    def keep(self, connection: sqlite3.Connection, bus: str, events: Sequence[BusEvent]) -> None:
        """Store the events that the archives of a bus want, in the transaction that puts them."""
        now = self._clock.now()
        for archive in tuple(self._archives.values()):
            if archive.bus == bus:
                pattern = self._patterns[archive.name]
                wanted = [event for event in events if pattern is None or pattern.matches(event.members)]
                archive_table.keep(connection, archive.name, wanted, now)
                self._drop_old(connection, archive, now)

    def archive(self, name: str) -> Archive:
        """Return an archive. Raises NotFound."""
        if name not in self._archives:
            raise NotFound(f"Archive {name} does not exist.")
        return self._archives[name]

    def archives(self) -> list[Archive]:
        """Return all archives by name."""
        return [self._archives[name] for name in sorted(self._archives)]

    async def figures(self, archive: Archive) -> tuple[int, int]:
        """Return how many events an archive holds, and their size in bytes."""

        def operation(connection: sqlite3.Connection) -> tuple[int, int]:
            self._drop_old(connection, archive, self._clock.now())
            return archive_table.figures(connection, archive.name)

        return await self._store.write(operation)

    async def create_archive(self, name: str, source_arn: str, properties: Mapping[str, Any]) -> Archive:
        """Archive a bus from now on. Raises AlreadyExists, NotFound, InvalidEventPattern."""
        async with self._buses.changing:
            if name in self._archives:
                raise AlreadyExists("Archive", name)
            bus = self._buses.bus(source_arn)
            _check_pattern(properties)
            archive = Archive(name, bus.name, dict(properties), self._clock.now())
            await self._store.write(partial(archive_table.put_archive, archive=archive))
            self._take(archive)
            return archive

    async def update_archive(self, name: str, properties: Mapping[str, Any]) -> Archive:
        """Change the properties given of an archive. Raises NotFound, InvalidEventPattern."""
        async with self._buses.changing:
            former = self.archive(name)
            _check_pattern(properties)
            archive = replace(former, properties={**former.properties, **properties})
            await self._store.write(partial(archive_table.put_archive, archive=archive))
            self._take(archive)
            return archive

    async def delete_archive(self, name: str) -> None:
        """Delete an archive with its events. Raises NotFound."""
        async with self._buses.changing:
            self.archive(name)
            await self._store.write(partial(archive_table.delete_archive, name=name))
            del self._archives[name], self._patterns[name]

    def replay(self, name: str) -> Replay:
        """Return a replay. Raises NotFound."""
        if name not in self._replays:
            raise NotFound(f"Replay {name} does not exist.")
        return self._replays[name]

    def replays(self) -> list[Replay]:
        """Return all replays by name."""
        return [self._replays[name] for name in sorted(self._replays)]

    async def start_replay(self, name: str, properties: Mapping[str, Any]) -> Replay:
        """Begin to put archived events to their bus again. Raises EventsError."""
        async with self._buses.changing:
            destination = self._buses.bus(properties["Destination"]["Arn"])
            archive = self.archive(properties["EventSourceArn"].rpartition("archive/")[2])
            if archive.bus != destination.name:
                raise InvalidParameter.because("Destination.Arn", "Cross event bus replay is not permitted.")
            start, end = _times(properties)
            if start >= end:
                raise InvalidParameter.because("EventEndTime", "EventStartTime must be before EventEndTime.")
            if name in self._replays:
                raise AlreadyExists("Replay", name)
            replay = Replay(name, dict(properties), "STARTING", self._clock.now())
            await self._store_replay(replay)
            self._changed.set()
            return replay

    async def cancel_replay(self, name: str) -> Replay:
        """Put no more events. Raises NotFound, IllegalStatus for a replay that has ended."""
        async with self._buses.changing:
            replay = self.replay(name)
            if replay.state not in ("STARTING", "RUNNING"):
                raise IllegalStatus(f"Replay {name} is not in a valid state for this operation.")
            cancelling = replace(replay, state="CANCELLING")
            await self._store_replay(cancelling)
            self._changed.set()
            return cancelling

    async def run(self) -> None:
        """Replay until cancelled."""
        while True:
            self._changed.clear()
            unended = [replay for replay in self._replays.values() if replay.state in UNENDED]
            for replay in unended:
                try:
                    await self._step(replay.name)
                except StoreError as error:
                    self._feed.publish(
                        Notice(self._clock.now(), "error", f"replays.{replay.name}", str(error))
                    )
                    await self._clock.sleep_until(self._clock.now() + STORE_PAUSE)
            if not unended:
                await self._changed.wait()

    async def _step(self, name: str) -> None:
        """Put the next events of a replay, or end it."""
        async with self._buses.changing:
            replay = self._replays[name]
            after, outcomes = await self._store.write(partial(self._go_on, replay=replay))
            self._replays[name] = after
        self._buses.settle(outcomes)

    def _go_on(self, connection: sqlite3.Connection, replay: Replay) -> tuple[Replay, list[Outcome]]:
        now = self._clock.now()
        given, outcomes = replay.properties, list[Outcome]()
        archive = given["EventSourceArn"].rpartition("archive/")[2]
        if replay.state == "CANCELLING":
            after = replace(replay, state="CANCELLED", ended=now)
        elif archive not in self._archives:
            after = replace(replay, state="FAILED", ended=now)
        else:
            start, end = _times(given)
            portion = archive_table.portion(connection, archive, start, end, replay.sequence, AT_ONCE)
            outcomes = self._buses.put_in(
                connection,
                self._archives[archive].bus,
                [replayed(event, replay.name) for event in portion.events],
                rules=frozenset(given["Destination"].get("FilterArns", ())),
            )
            if portion.events:
                after = replace(replay, state="RUNNING", sequence=portion.sequence, replayed_to=portion.last)
            else:
                after = replace(replay, state="COMPLETED", ended=now)
        archive_table.put_replay(connection, after)
        return after, outcomes

    async def _store_replay(self, replay: Replay) -> None:
        await self._store.write(partial(archive_table.put_replay, replay=replay))
        self._replays[replay.name] = replay

    def _take(self, archive: Archive) -> None:
        pattern = archive.properties.get("EventPattern")
        self._patterns[archive.name] = read_pattern(pattern) if pattern else None
        self._archives[archive.name] = archive

    def _drop_old(self, connection: sqlite3.Connection, archive: Archive, now: datetime) -> None:
        if archive.retention_days:
            horizon = now - timedelta(days=archive.retention_days)
            archive_table.drop_before(connection, archive.name, horizon)


def _times(properties: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Return from and until when the events of a replay came."""
    start, end = (datetime.fromisoformat(properties[key]) for key in ("EventStartTime", "EventEndTime"))
    return start, end


def _check_pattern(properties: Mapping[str, Any]) -> None:
    if properties.get("EventPattern"):
        read_pattern(properties["EventPattern"])
