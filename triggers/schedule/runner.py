"""Runs all schedules: APScheduler says when, one transaction each says that it happened.

Reads:   the position of every schedule, once, at start.
Yields:  one asynchronous event a run, stored together with the schedule's new position.
Missed:  runs that came due while nothing was running are skipped, or made up for, as each schedule says.
Windows: a run that came due waits for its moment in the store, and goes on waiting there after a restart.
Changes: schedules are taken and dropped while others run.
Source:  EventBridge and EventBridge Scheduler user guides; Lambda is invoked asynchronously by both.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from random import Random
from typing import Any, Literal

from engine.clock import Clock, from_millis, iso_seconds, to_millis
from engine.errors import StoreError
from engine.feed import EventEmitted, Feed, Notice
from engine.invocation.event import AsyncEvent, EventAcceptor, new_request_id
from engine.store.database import Store
from engine.value import dataclass
from triggers.delivery.courier import Courier
from triggers.delivery.target import Outcome, Parcel
from triggers.schedule.expression import Timing
from triggers.schedule.position import (
    Position,
    begin_window,
    end_windows,
    forget,
    place,
    resume,
    settle,
)
from triggers.schedule.schedule import Schedule

FIRINGS_PER_WRITE = 500
FEW_RUNS = 8  # that are briefly written
SHORTEST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Firing:
    """One run of a schedule, with the moment it was due. `waited`: in its flexible window, in the store."""

    schedule: Schedule
    due: datetime
    waited: bool = False


@dataclass(frozen=True, slots=True)
class _Run:
    """What a firing sends: an event for a function, or parcels."""

    firing: Firing
    event: AsyncEvent | None
    parcels: Sequence[Parcel] = ()


class ScheduleRunner:
    """Runs schedules until cancelled; a `Timetable` for those that are made meanwhile.

    `random` draws the moments within flexible windows; `courier` is there for schedules with `calls`.
    """

    name = "schedules"

    def __init__(
        self,
        schedules: Sequence[Schedule],
        store: Store,
        acceptor: EventAcceptor,
        feed: Feed,
        clock: Clock,
        random: Random,
        *,
        courier: Courier | None = None,
    ) -> None:
        self._schedules = {schedule.key: schedule for schedule in schedules}
        self._store = store
        self._acceptor = acceptor
        self._feed = feed
        self._clock = clock
        self._random = random
        self._courier = courier
        self._due: asyncio.Queue[Firing] = asyncio.Queue()
        self._window_ends: dict[str, datetime] = {}
        self._windows: dict[str, set[asyncio.Task[None]]] = {}
        self._timings: dict[str, Timing] = {}
        self._taken: list[tuple[Schedule, Position]] = []  # before there is anybody to run them
        self._is_wanted = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._scheduler: Any = None

    def add(self, schedules: Sequence[Schedule]) -> None:
        """Run these too, from where they had come. Called before `run`."""
        self._schedules |= {schedule.key: schedule for schedule in schedules}

    async def run(self) -> None:
        """Make up for missed runs, then run every enabled schedule."""
        now = from_millis(to_millis(self._clock.now()))
        initial = list(self._schedules.values())
        positions = await self._resume(initial, now)
        enabled = [schedule for schedule in initial if schedule.enabled]
        for schedule in enabled:
            if self._schedules.get(schedule.key) is schedule:  # and not dropped or replaced meanwhile
                self._timings[schedule.key] = schedule.timing(positions[schedule.key].created)
        settled = {
            schedule.key: await self._catch_up(schedule, positions[schedule.key], now) for schedule in enabled
        }
        self._taken = [
            *(
                (schedule, replace(positions[schedule.key], settled=settled[schedule.key]))
                for schedule in enabled
                if self._schedules.get(schedule.key) is schedule
            ),
            *((schedule, position) for schedule, position in self._taken if schedule not in initial),
        ]
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._fire_what_is_due(), name="schedules: fire")
            if self._taken:
                self._is_wanted.set()
            await self._is_wanted.wait()
            await self._schedule()

    def place_in(self, connection: sqlite3.Connection, schedule: Schedule) -> Position:
        """Store a schedule's position: a new one, or that of the schedule it replaces if both are alike."""
        return place(connection, schedule, from_millis(to_millis(self._clock.now())))

    def take(self, schedule: Schedule, position: Position) -> None:
        """Run a schedule that was placed, instead of the one of the same key."""
        self.drop(schedule.key)
        self._schedules[schedule.key] = schedule
        if not schedule.enabled:
            return
        self._timings[schedule.key] = schedule.timing(position.created)
        if self._scheduler is not None:
            self._begin(schedule, position)
        else:
            self._taken.append((schedule, position))
            self._is_wanted.set()

    def forget_in(self, connection: sqlite3.Connection, key: str) -> None:
        """Delete a schedule's position, and the runs that wait."""
        forget(connection, key)

    def drop(self, key: str) -> None:
        """Run a schedule no more; what waits in its window is forgotten too."""
        self._schedules.pop(key, None)
        self._timings.pop(key, None)
        self._window_ends.pop(key, None)
        self._taken = [(schedule, position) for schedule, position in self._taken if schedule.key != key]
        for task in self._windows.pop(key, ()):
            task.cancel()
        if self._scheduler is not None and self._scheduler.get_job(key) is not None:
            self._scheduler.remove_job(key)

    def next_runs(self) -> dict[str, datetime | None]:
        """Return when each schedule comes due next: None when it is disabled, over, or not yet started."""
        now = self._clock.now()
        return {
            name: timing.next_after(now) if (timing := self._timings.get(name)) else None
            for name in self._schedules
        }

    async def _resume(self, schedules: Sequence[Schedule], now: datetime) -> dict[str, Position]:
        operation = partial(resume, schedules=schedules, now=now)
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
        timing = schedule.timing(position.created)
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

    async def _schedule(self) -> None:
        """Let APScheduler put what comes due into the queue, until cancelled."""
        # APScheduler takes long to import, and other sources need not wait for it.
        trigger = await asyncio.to_thread(import_module, "triggers.schedule.trigger")
        scheduler = trigger.SimulatorScheduler(
            timezone=UTC, executors={"default": trigger.NominalTimesExecutor()}
        )
        self._scheduler = scheduler
        taken, self._taken = self._taken, []
        for schedule, position in taken:
            self._begin(schedule, position)
        scheduler.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # APScheduler stops in a callback of its own

    def _begin(self, schedule: Schedule, position: Position) -> None:
        """Let a schedule come due, and what waits in its window fire."""
        for due, fires in position.waiting:
            self._window_ends[schedule.key] = fires
            firing = Firing(schedule, due, waited=True)
            self._in_window(schedule.key, self._wait_in_window(firing, fires))
        timing = self._timings[schedule.key]
        if timing.next_after(position.settled) is None:
            self._notice("info", schedule.source, f"{schedule.text} does not come due any more")
            return
        self._scheduler.add_job(
            self._deliver,
            self._trigger(timing, position.settled),
            args=(schedule.key, ()),
            id=schedule.key,
            coalesce=False,
            max_instances=1_000_000,
        )

    def _trigger(self, timing: Timing, settled: datetime) -> Any:
        return import_module("triggers.schedule.trigger").ScheduleTrigger(timing, settled)

    def _deliver(self, key: str, moments: Sequence[datetime]) -> None:
        schedule = self._schedules.get(key)
        if schedule is None:
            return
        for due in moments:
            firing = Firing(schedule, due.astimezone(UTC))
            if schedule.window:
                self._in_window(key, self._enter_window(firing, self._moment_in_window(firing)))
            else:
                self._due.put_nowait(firing)

    def _in_window(self, key: str, waiting: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None
        task = self._group.create_task(waiting)
        tasks = self._windows.setdefault(key, set())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _moment_in_window(self, firing: Firing) -> datetime:
        """Draw when a firing leaves its window; the firings of one schedule keep their order."""
        drawn = firing.due + firing.schedule.window * self._random.random()
        previous = self._window_ends.get(firing.schedule.key, firing.due)
        moment = max(drawn, previous + timedelta(milliseconds=1))
        self._window_ends[firing.schedule.key] = moment
        return moment

    async def _enter_window(self, firing: Firing, moment: datetime) -> None:
        key, due = firing.schedule.key, firing.due
        await self._insist(lambda: self._store.write(partial(begin_window, name=key, due=due, fires=moment)))
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
        """Accept what each firing sends, unless its schedule was dropped meanwhile."""
        runs = [_run(firing) for firing in firings if firing.schedule.key in self._schedules]
        if runs:
            await self._insist(lambda: self._accept(runs))

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

    async def _accept(self, runs: Sequence[_Run]) -> None:
        firings = [run.firing for run in runs]
        settled = {firing.schedule.key: firing.due for firing in firings}
        waited = [(firing.schedule.key, firing.due) for firing in firings if firing.waited]
        events = [run.event for run in runs if run.event is not None]
        parcels = [parcel for run in runs for parcel in run.parcels]
        over = [firing.schedule for firing in firings if self._is_last(firing)]

        def operation(connection: sqlite3.Connection) -> tuple[list[Outcome], list[Schedule]]:
            settle(connection, settled)
            end_windows(connection, waited)
            self._acceptor.insert(connection, events)
            outcomes = self._courier.send(connection, parcels) if self._courier is not None else []
            completed = [
                each for each in over if each.calls is not None and each.calls.complete_in(connection)
            ]
            for each in completed:
                forget(connection, each.key)
            return outcomes, completed

        outcomes, completed = await self._store.write(operation, brief=len(runs) <= FEW_RUNS)
        self._acceptor.wake()
        self._tell(runs)
        if self._courier is not None:
            self._courier.settle(outcomes)
        for schedule in completed:
            self.drop(schedule.key)
            if schedule.calls is not None:
                schedule.calls.completed()

    def _is_last(self, firing: Firing) -> bool:
        timing = self._timings.get(firing.schedule.key)
        return timing is not None and timing.next_after(firing.due) is None

    def _tell(self, runs: Sequence[_Run]) -> None:
        now = self._clock.now()
        for run in runs:
            if (event := run.event) is not None:
                self._feed.publish(
                    EventEmitted(
                        time=now,
                        source=event.source,
                        function=event.function,
                        request_id=event.request_id,
                        name="Scheduled Event",
                        detail=iso_seconds(run.firing.due),
                    )
                )

    async def _wait_for_the_store(self, error: StoreError, pause: timedelta) -> timedelta:
        self._notice("error", self.name, f"{error}; trying again in {pause.total_seconds():g} s")
        await self._clock.sleep_until(self._clock.now() + pause)
        return min(pause * 2, LONGEST_RETRY)

    def _notice(self, level: Literal["info", "error"], place: str, text: str) -> None:
        self._feed.publish(Notice(time=self._clock.now(), level=level, place=place, text=text))


def _run(firing: Firing) -> _Run:
    schedule, request_id = firing.schedule, new_request_id()
    if schedule.calls is not None:
        return _Run(firing, None, schedule.calls.parcels(request_id, firing.due))
    event = AsyncEvent(
        function=schedule.function,
        payload=schedule.payload(request_id, firing.due),
        source=schedule.source,
        request_id=request_id,
    )
    return _Run(firing, event)
