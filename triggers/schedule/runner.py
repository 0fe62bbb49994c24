"""Runs all schedules: APScheduler says when, one transaction each says that it happened.

Reads:   the position of every schedule, once, at start.
Yields:  one asynchronous event a run, stored together with the schedule's new position.
Missed:  runs that came due while nothing was running are skipped, or made up for, as each schedule says.
Windows: a run that came due waits for its moment in the store, and goes on waiting there after a restart.
Source:  EventBridge and EventBridge Scheduler user guides; Lambda is invoked asynchronously by both.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from random import Random
from typing import Literal

from engine.clock import Clock, from_millis, iso_seconds, to_millis
from engine.errors import StoreError
from engine.feed import EventEmitted, Feed, Notice
from engine.invocation.event import AsyncEvent, EventAcceptor, new_request_id
from engine.store.database import Store
from engine.value import dataclass
from triggers.schedule.expression import Timing
from triggers.schedule.position import Position, begin_window, end_windows, resume, settle
from triggers.schedule.schedule import Schedule

FIRINGS_PER_WRITE = 500
SHORTEST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Firing:
    """One run of a schedule, with the moment it was due. `waited`: in its flexible window, in the store."""

    schedule: Schedule
    due: datetime
    waited: bool = False


class ScheduleRunner:
    """Runs schedules until cancelled. `random` draws the moments within flexible windows."""

    name = "schedules"

    def __init__(
        self,
        schedules: Sequence[Schedule],
        store: Store,
        acceptor: EventAcceptor,
        feed: Feed,
        clock: Clock,
        random: Random,
    ) -> None:
        self._schedules = {schedule.name: schedule for schedule in schedules}
        self._store = store
        self._acceptor = acceptor
        self._feed = feed
        self._clock = clock
        self._random = random
        self._due: asyncio.Queue[Firing] = asyncio.Queue()
        self._window_ends: dict[str, datetime] = {}
        self._timings: dict[str, Timing] = {}

    async def run(self) -> None:
        """Make up for missed runs, then run every enabled schedule; return at once when there is none."""
        now = from_millis(to_millis(self._clock.now()))
        positions = await self._resume(now)
        enabled = [schedule for schedule in self._schedules.values() if schedule.enabled]
        if not enabled:
            return
        self._timings = {
            schedule.name: schedule.timing(positions[schedule.name].created) for schedule in enabled
        }
        settled = {
            schedule.name: await self._catch_up(schedule, positions[schedule.name], now)
            for schedule in enabled
        }
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fire_what_is_due(), name="schedules: fire")
            for schedule in enabled:
                for due, fires in positions[schedule.name].waiting:
                    self._window_ends[schedule.name] = fires
                    group.create_task(self._wait_in_window(Firing(schedule, due, waited=True), fires))
            await self._schedule(settled, group)

    def next_runs(self) -> dict[str, datetime | None]:
        """Return when each schedule comes due next: None when it is disabled, over, or not yet started."""
        now = self._clock.now()
        return {
            name: timing.next_after(now) if (timing := self._timings.get(name)) else None
            for name in self._schedules
        }

    async def _resume(self, now: datetime) -> dict[str, Position]:
        operation = partial(resume, schedules=tuple(self._schedules.values()), now=now)
        pause = SHORTEST_RETRY
        while True:
            try:
                return await self._store.write(operation)
            except StoreError as error:
                pause = await self._wait_for_the_store(error, pause)

    async def _catch_up(self, schedule: Schedule, position: Position, now: datetime) -> datetime:
        """Fire what was missed before `now`; return up to when the schedule is settled then."""
        if position.created == now:
            return position.settled
        timing = self._timings[schedule.name]
        if schedule.missed_runs == "last":
            latest = timing.latest_between(position.settled, now)
            if latest is not None:
                await self._fire([Firing(schedule, latest)])
            return max(position.settled, now)
        settled = position.settled
        while missed := self._runs_between(schedule, timing, settled, now):
            await self._fire(missed)
            settled = missed[-1].due
        return settled

    def _runs_between(
        self, schedule: Schedule, timing: Timing, after: datetime, until: datetime
    ) -> list[Firing]:
        firings: list[Firing] = []
        due = timing.next_after(after)
        while due is not None and due <= until and len(firings) < FIRINGS_PER_WRITE:
            firings.append(Firing(schedule, due))
            due = timing.next_after(due)
        return firings

    async def _schedule(self, settled: dict[str, datetime], group: asyncio.TaskGroup) -> None:
        """Let APScheduler put what comes due into the queue, until cancelled."""
        # APScheduler takes long to import, and other sources need not wait for it.
        trigger = await asyncio.to_thread(import_module, "triggers.schedule.trigger")

        def deliver(name: str, moments: Sequence[datetime]) -> None:
            for due in moments:
                firing = Firing(self._schedules[name], due.astimezone(UTC))
                if firing.schedule.window:
                    group.create_task(self._enter_window(firing, self._moment_in_window(firing)))
                else:
                    self._due.put_nowait(firing)

        scheduler = trigger.SimulatorScheduler(
            timezone=UTC, executors={"default": trigger.NominalTimesExecutor()}
        )
        for name, timing in self._timings.items():
            if timing.next_after(settled[name]) is None:
                schedule = self._schedules[name]
                self._notice("info", schedule.source, f"{schedule.text} does not come due any more")
                continue
            scheduler.add_job(
                deliver,
                trigger.ScheduleTrigger(timing, settled[name]),
                args=(name, ()),
                id=name,
                coalesce=False,
                max_instances=1_000_000,
            )
        scheduler.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # APScheduler stops in a callback of its own

    def _moment_in_window(self, firing: Firing) -> datetime:
        """Draw when a firing leaves its window; the firings of one schedule keep their order."""
        drawn = firing.due + firing.schedule.window * self._random.random()
        previous = self._window_ends.get(firing.schedule.name, firing.due)
        moment = max(drawn, previous + timedelta(milliseconds=1))
        self._window_ends[firing.schedule.name] = moment
        return moment

    async def _enter_window(self, firing: Firing, moment: datetime) -> None:
        name, due = firing.schedule.name, firing.due
        await self._insist(lambda: self._store.write(partial(begin_window, name=name, due=due, fires=moment)))
        await self._wait_in_window(Firing(firing.schedule, due, waited=True), moment)

    async def _wait_in_window(self, firing: Firing, moment: datetime) -> None:
        await self._clock.sleep_until(moment)
        self._due.put_nowait(firing)

    async def _fire_what_is_due(self) -> None:
        while True:
            firings = [await self._due.get()]
            while len(firings) < FIRINGS_PER_WRITE and not self._due.empty():
                firings.append(self._due.get_nowait())
            await self._fire(firings)

    async def _fire(self, firings: Sequence[Firing]) -> None:
        """Accept one event for each firing."""
        events = [_event(firing) for firing in firings]
        await self._insist(lambda: self._accept(firings, events))

    async def _insist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write, trying again for as long as the store fails; a write that has begun is seen through."""
        pause = SHORTEST_RETRY
        while True:
            writing = asyncio.ensure_future(write())
            try:
                await asyncio.shield(writing)
            except StoreError as error:
                pause = await self._wait_for_the_store(error, pause)
            except asyncio.CancelledError:
                with suppress(StoreError):  # then the runs count as missed at the next start
                    await writing
                raise
            else:
                return

    async def _accept(self, firings: Sequence[Firing], events: Sequence[AsyncEvent]) -> None:
        settled = {firing.schedule.name: firing.due for firing in firings}
        waited = [(firing.schedule.name, firing.due) for firing in firings if firing.waited]

        def operation(connection: sqlite3.Connection) -> None:
            settle(connection, settled)
            end_windows(connection, waited)
            self._acceptor.insert(connection, events)

        await self._store.write(operation)
        self._acceptor.wake()
        now = self._clock.now()
        for firing, event in zip(firings, events, strict=True):
            self._feed.publish(
                EventEmitted(
                    time=now,
                    source=event.source,
                    function=event.function,
                    request_id=event.request_id,
                    name="Scheduled Event",
                    detail=iso_seconds(firing.due),
                )
            )

    async def _wait_for_the_store(self, error: StoreError, pause: timedelta) -> timedelta:
        self._notice("error", self.name, f"{error}; trying again in {pause.total_seconds():g} s")
        await self._clock.sleep_until(self._clock.now() + pause)
        return min(pause * 2, LONGEST_RETRY)

    def _notice(self, level: Literal["info", "error"], place: str, text: str) -> None:
        self._feed.publish(Notice(time=self._clock.now(), level=level, place=place, text=text))


def _event(firing: Firing) -> AsyncEvent:
    request_id = new_request_id()
    return AsyncEvent(
        function=firing.schedule.function,
        payload=firing.schedule.payload(request_id, firing.due),
        source=firing.schedule.source,
        request_id=request_id,
    )
