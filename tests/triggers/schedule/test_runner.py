"""The runner on virtual time, with the real store and APScheduler."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import StoreFull
from engine.feed import EventEmitted, Feed, Notice
from engine.invocation.event import AsyncEvent
from engine.store.database import Store
from triggers.schedule.runner import FIRINGS_PER_WRITE, ScheduleRunner
from triggers.schedule.schedule import Schedule
from triggers.schedule.settings import ScheduleSettings

ACCOUNT = Account()
T = TypeVar("T")


class TableAcceptor:
    """Keeps accepted events in a table of the store, as Lambda's queue does; a rolled back event is gone."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.wakes = 0

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS accepted (function, source, request_id, payload)")
        connection.executemany(
            "INSERT INTO accepted VALUES (?, ?, ?, ?)",
            [(event.function, event.source, event.request_id, event.payload) for event in events],
        )
        self.batches.append(len(events))

    def wake(self) -> None:
        self.wakes += 1


class Machine:
    """A simulator reduced to its schedules, which can be stopped and started again on the same store."""

    def __init__(self, store: Store, feed: Feed, clock: Clock) -> None:
        self.store, self.feed, self.clock = store, feed, clock
        self.acceptor = TableAcceptor()
        self.emitted: list[tuple[datetime, EventEmitted]] = []
        self.notices: list[Notice] = []
        feed.tap(self._watch)

    def _watch(self, fact: object) -> None:
        if isinstance(fact, EventEmitted):
            self.emitted.append((fact.time, fact))
        if isinstance(fact, Notice):
            self.notices.append(fact)

    @asynccontextmanager
    async def running(self, **schedules: dict[str, Any]) -> AsyncIterator[ScheduleRunner]:
        configured = [
            Schedule.configured(name, ScheduleSettings(**{"function": "f", **options}), ACCOUNT)
            for name, options in schedules.items()
        ]
        runner = ScheduleRunner(configured, self.store, self.acceptor, self.feed, self.clock, Random(7))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(runner.run())
            yield runner
            task.cancel()

    async def accepted(self) -> list[dict[str, Any]]:
        def read(connection: sqlite3.Connection) -> list[tuple[bytes]]:
            connection.execute("CREATE TABLE IF NOT EXISTS accepted (function, source, request_id, payload)")
            return connection.execute("SELECT payload FROM accepted ORDER BY rowid").fetchall()

        return [json.loads(payload) for (payload,) in await self.store.write(read)]

    async def times(self) -> list[str]:
        return [event["time"] for event in await self.accepted()]


class FailingStore(Store):
    """A store whose disk is full for a number of writes, counted from when `failures` is set."""

    failures = 0

    async def write(self, operation: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        if self.failures:
            self.failures -= 1
            raise StoreFull(None)
        return await super().write(operation, brief=brief)


@pytest.fixture
async def machine(store: Store, feed: Feed, clock: Clock) -> Machine:
    return Machine(store, feed, clock)


async def until(clock: Clock, text: str) -> None:
    """Let virtual time pass until half a second after a moment."""
    await clock.sleep_until(datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(milliseconds=500))


def every(minutes: int, **options: Any) -> dict[str, Any]:
    unit = "minute" if minutes == 1 else "minutes"
    return {"expression": f"rate({minutes} {unit})", **options}


async def test_a_week_of_a_five_minute_rate_is_2016_events(machine: Machine, clock: Clock) -> None:
    async with machine.running(tick=every(5)):
        await asyncio.sleep(timedelta(days=7).total_seconds() + 0.5)
    times = await machine.times()
    assert len(times) == 2016
    assert times[:2] == ["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]
    assert times[-1] == "2026-01-08T00:00:00Z"
    assert machine.acceptor.wakes == 2016


async def test_a_run_fires_when_it_is_due_and_says_so_in_the_feed(machine: Machine) -> None:
    async with machine.running(morning={"expression": "cron(30 8 * * ? *)", "function": "report"}):
        await asyncio.sleep(86_400)
    (moment, fact), *rest = machine.emitted
    assert rest == []
    assert timedelta(0) <= moment - datetime(2026, 1, 1, 8, 30, tzinfo=UTC) < timedelta(milliseconds=5)
    assert (fact.source, fact.function, fact.name, fact.detail) == (
        "schedules.morning",
        "report",
        "Scheduled Event",
        "2026-01-01T08:30:00Z",
    )
    (event,) = await machine.accepted()
    assert event["id"] == fact.request_id
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/morning"]


async def test_schedules_that_come_due_together_share_one_write(machine: Machine) -> None:
    async with machine.running(a=every(5), b=every(5), c=every(5)):
        await asyncio.sleep(301)
    assert machine.acceptor.batches == [3]


async def test_a_rate_of_the_scheduler_without_start_date_runs_at_once(
    machine: Machine, clock: Clock
) -> None:
    async with machine.running(tick=every(5, kind="scheduler")):
        await until(clock, "2026-01-01T00:10:00")
    assert await machine.times() == ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]


async def test_a_rate_of_the_scheduler_keeps_to_its_start_date(machine: Machine, clock: Clock) -> None:
    async with machine.running(tick=every(5, start_date="2025-12-31T23:58:00")):
        await until(clock, "2026-01-01T00:09:00")
    assert await machine.times() == ["2026-01-01T00:03:00Z", "2026-01-01T00:08:00Z"]


async def test_runs_end_with_the_end_date(machine: Machine, clock: Clock) -> None:
    async with machine.running(tick=every(5, kind="scheduler", end_date="2026-01-01T00:10:00")):
        await until(clock, "2026-01-02T00:00:00")
    assert await machine.times() == ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]


async def test_a_disabled_schedule_does_not_run(machine: Machine, clock: Clock) -> None:
    async with machine.running(off=every(5, state="DISABLED"), on=every(60)):
        await until(clock, "2026-01-01T01:00:00")
    assert [fact.source for _, fact in machine.emitted] == ["schedules.on"]


async def test_time_disabled_is_not_time_missed(machine: Machine, clock: Clock) -> None:
    async with machine.running(tick=every(5, missed_runs="all", state="DISABLED")):
        await until(clock, "2026-01-01T00:12:00")
    await until(clock, "2026-01-01T00:17:00")
    async with machine.running(tick=every(5, missed_runs="all")):
        await until(clock, "2026-01-01T00:20:00")
    assert await machine.times() == ["2026-01-01T00:20:00Z"]


async def test_the_next_run_of_every_schedule_can_be_asked_for(machine: Machine, clock: Clock) -> None:
    schedules = {
        "tick": every(5),
        "off": every(5, state="DISABLED"),
        "over": {"expression": "at(2025-01-01T00:00:00)"},
    }
    async with machine.running(**schedules) as runner:
        await until(clock, "2026-01-01T00:07:00")
        due = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
        assert runner.next_runs() == {"tick": due, "off": None, "over": None}


async def test_a_schedule_that_is_taken_and_dropped_while_others_run(machine: Machine) -> None:
    schedule = Schedule.configured("late", ScheduleSettings(function="f", **every(10)), ACCOUNT)
    async with machine.running() as runner:
        await asyncio.sleep(60)
        position = await machine.store.write(lambda connection: runner.place_in(connection, schedule))
        runner.take(schedule, position)
        await asyncio.sleep(1230)
        runner.drop(schedule.key)
        await machine.store.write(lambda connection: runner.forget_in(connection, schedule.key))
        await asyncio.sleep(3600)
    assert await machine.times() == ["2026-01-01T00:11:00Z", "2026-01-01T00:21:00Z"]


async def test_schedules_that_are_taken_while_the_others_resume(machine: Machine) -> None:
    made, changed = (
        Schedule.configured(name, ScheduleSettings(function="f", **every(10)), ACCOUNT)
        for name in ("rule/made", "changed")
    )
    async with machine.running(changed=every(7), dropped=every(8)) as runner:
        for schedule in (made, changed):
            position = await machine.store.write(partial(runner.place_in, schedule=schedule))
            runner.take(schedule, position)
        runner.drop("dropped")
        await asyncio.sleep(605)
    assert await machine.times() == ["2026-01-01T00:10:00Z"] * 2


@pytest.mark.parametrize(
    ("missed_runs", "expected"),
    [
        pytest.param("skip", ["00:05", "00:20", "00:25"], id="skip forgets the runs of the pause"),
        pytest.param("last", ["00:05", "00:15", "00:20", "00:25"], id="last makes up for one"),
        pytest.param("all", ["00:05", "00:10", "00:15", "00:20", "00:25"], id="all makes up for every one"),
    ],
)
async def test_runs_missed_while_stopped(
    missed_runs: str, expected: list[str], machine: Machine, clock: Clock
) -> None:
    tick = every(5, missed_runs=missed_runs)
    async with machine.running(tick=tick):
        await until(clock, "2026-01-01T00:07:00")
    await until(clock, "2026-01-01T00:17:00")
    async with machine.running(tick=tick):
        await until(clock, "2026-01-01T00:17:01")
        made_up_for = len(await machine.times())
        await until(clock, "2026-01-01T00:25:00")
    assert [time[11:16] for time in await machine.times()] == expected
    assert made_up_for == len(expected) - 2  # before any coming run


async def test_a_restart_keeps_the_phase_of_a_rate(machine: Machine, clock: Clock) -> None:
    async with machine.running(tick=every(60)):
        await until(clock, "2026-01-01T00:25:00")
    await until(clock, "2026-01-01T00:40:00")
    async with machine.running(tick=every(60)):
        await until(clock, "2026-01-01T02:30:00")
    assert await machine.times() == ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]


async def test_a_changed_expression_starts_anew(machine: Machine, clock: Clock) -> None:
    async with machine.running(tick=every(5, missed_runs="all")):
        await until(clock, "2026-01-01T00:05:00")
    await clock.sleep_until(datetime(2026, 1, 1, 0, 31, tzinfo=UTC))
    async with machine.running(tick=every(10, missed_runs="all")):
        await until(clock, "2026-01-01T00:45:00")
    assert await machine.times() == ["2026-01-01T00:05:00Z", "2026-01-01T00:41:00Z"]


async def test_a_schedule_that_was_removed_for_a_while_starts_anew(machine: Machine, clock: Clock) -> None:
    async with machine.running(tick=every(5, missed_runs="all")):
        await until(clock, "2026-01-01T00:05:00")
    async with machine.running(other=every(60)):
        await until(clock, "2026-01-01T00:21:00")
    async with machine.running(tick=every(5, missed_runs="all")):
        await until(clock, "2026-01-01T00:27:00")
    assert len(await machine.times()) == 2


async def test_a_one_time_schedule_runs_once_and_not_again_after_a_restart(
    machine: Machine, clock: Clock
) -> None:
    once = {"expression": "at(2026-01-01T00:05:00)", "missed_runs": "all"}
    for end in ("2026-01-01T00:06:00", "2026-01-01T00:10:00"):
        async with machine.running(once=once):
            await until(clock, end)
    assert await machine.times() == ["2026-01-01T00:05:00Z"]
    assert [notice.text for notice in machine.notices] == [
        "at(2026-01-01T00:05:00) does not come due any more"
    ]


async def test_a_one_time_schedule_missed_while_stopped_is_made_up_for(
    machine: Machine, clock: Clock
) -> None:
    once = {"expression": "at(2026-01-01T01:05:00)", "timezone": "Europe/Berlin", "missed_runs": "last"}
    async with machine.running(once=once):
        await until(clock, "2026-01-01T00:04:00")
    await until(clock, "2026-01-01T00:10:00")
    async with machine.running(once=once):
        await until(clock, "2026-01-01T00:11:00")
    assert await machine.times() == ["2026-01-01T00:05:00Z"]


async def test_a_local_time_follows_the_clocks_and_a_skipped_one_does_not_run(
    machine: Machine, clock: Clock
) -> None:
    await until(clock, "2026-03-27T12:00:00")
    nine = {"expression": "cron(0 9 * * ? *)", "timezone": "Europe/Berlin"}
    half_past_two = {"expression": "cron(30 2 * * ?)", "timezone": "Europe/Berlin"}
    async with machine.running(nine=nine, half_past_two=half_past_two):
        await until(clock, "2026-03-30T12:00:00")
    assert await machine.times() == [
        "2026-03-28T01:30:00Z",
        "2026-03-28T08:00:00Z",
        "2026-03-29T07:00:00Z",
        "2026-03-30T00:30:00Z",
        "2026-03-30T07:00:00Z",
    ]


async def test_a_flexible_window_delays_the_call_and_not_the_scheduled_time(machine: Machine) -> None:
    options = {"flexible_time_window_in_minutes": 15, "input": {"due": "<aws.scheduler.scheduled-time>"}}
    async with machine.running(nightly={"expression": "cron(0 * * * ? *)", **options}):
        await asyncio.sleep(timedelta(days=2).total_seconds())
    delays = {moment - datetime.fromisoformat(fact.detail) for moment, fact in machine.emitted}
    assert len(delays) >= 47
    assert timedelta(0) <= min(delays) < timedelta(minutes=2)
    assert timedelta(minutes=13) < max(delays) <= timedelta(minutes=15)
    assert (await machine.accepted())[0] == {"due": "2026-01-01T01:00:00Z"}


async def test_windows_longer_than_the_interval_keep_the_order(machine: Machine) -> None:
    async with machine.running(tick=every(1, kind="scheduler", flexible_time_window_in_minutes=60)):
        await asyncio.sleep(timedelta(hours=6).total_seconds())
    details = [fact.detail for _, fact in machine.emitted]
    assert len(details) > 250
    assert details == sorted(details)


IN_WINDOW = {"expression": "cron(5 0 * * ? *)", "flexible_time_window_in_minutes": 1439}


@pytest.mark.parametrize("missed_runs", ["skip", "last", "all"])
async def test_a_run_that_waits_in_its_window_keeps_its_moment_over_a_restart(
    machine: Machine, clock: Clock, missed_runs: str
) -> None:
    nightly = {**IN_WINDOW, "missed_runs": missed_runs}
    async with machine.running(nightly=nightly):
        await until(clock, "2026-01-01T00:06:00")
    assert await machine.times() == []
    async with machine.running(nightly=nightly):
        await until(clock, "2026-01-01T00:07:00")
        assert await machine.times() == []
        await until(clock, "2026-01-02T00:04:59")
        assert await machine.times() == ["2026-01-01T00:05:00Z"]
    async with machine.running(nightly=nightly):
        await until(clock, "2026-01-02T00:05:00")
    assert await machine.times() == ["2026-01-01T00:05:00Z"]


@pytest.mark.parametrize("missed_runs", ["skip", "last", "all"])
async def test_a_run_whose_moment_in_the_window_passed_while_stopped_fires_at_the_start(
    machine: Machine, clock: Clock, missed_runs: str
) -> None:
    nightly = {**IN_WINDOW, "missed_runs": missed_runs}
    async with machine.running(nightly=nightly):
        await until(clock, "2026-01-01T00:06:00")
    await until(clock, "2026-01-02T00:04:00")
    async with machine.running(nightly=nightly):
        await until(clock, "2026-01-02T00:04:30")
    assert await machine.times() == ["2026-01-01T00:05:00Z"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"state": "DISABLED"}, id="disabled"),
        pytest.param({"expression": "cron(6 0 1 2 ? *)"}, id="changed"),
    ],
)
async def test_a_run_in_its_window_ends_with_its_schedule(
    machine: Machine, clock: Clock, change: dict[str, Any]
) -> None:
    async with machine.running(nightly=IN_WINDOW):
        await until(clock, "2026-01-01T00:06:00")
    async with machine.running(nightly={**IN_WINDOW, **change}):
        await until(clock, "2026-01-01T00:07:00")
    await until(clock, "2026-01-02T00:04:00")
    async with machine.running(nightly=IN_WINDOW):
        await until(clock, "2026-01-02T00:04:30")
    assert await machine.times() == []


async def test_a_store_that_fails_delays_the_beginning_of_a_window_and_loses_no_run(
    feed: Feed, clock: Clock
) -> None:
    async with FailingStore(None, clock) as store:
        machine = Machine(store, feed, clock)
        async with machine.running(nightly=IN_WINDOW):
            await until(clock, "2026-01-01T00:04:00")
            store.failures = 3
            await until(clock, "2026-01-01T00:06:00")
        async with machine.running(nightly=IN_WINDOW):
            await until(clock, "2026-01-02T00:04:59")
        assert await machine.times() == ["2026-01-01T00:05:00Z"]


async def test_a_long_absence_is_made_up_for_in_small_transactions(machine: Machine, clock: Clock) -> None:
    tick = every(1, missed_runs="all")
    async with machine.running(tick=tick):
        await until(clock, "2026-01-01T00:01:00")
    await until(clock, "2026-01-08T00:00:00")
    async with machine.running(tick=tick):
        await until(clock, "2026-01-08T00:00:01")
    times = await machine.times()
    assert len(times) == len(set(times)) == 7 * 24 * 60
    assert max(machine.acceptor.batches) == FIRINGS_PER_WRITE


async def test_a_machine_that_was_asleep_runs_everything_that_came_due(
    machine: Machine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    async with machine.running(tick=every(5)):
        await until(clock, "2026-01-01T00:02:00")
        monkeypatch.setattr(loop, "_start", datetime(2026, 1, 1, 0, 18, tzinfo=UTC))  # asleep for 18 minutes
        await until(clock, "2026-01-01T00:26:00")
    assert [time[11:16] for time in await machine.times()] == ["00:05", "00:10", "00:15", "00:20", "00:25"]


async def test_a_failing_store_delays_runs_and_loses_none(feed: Feed, clock: Clock) -> None:
    async with FailingStore(None, clock) as store:
        machine = Machine(store, feed, clock)
        async with machine.running(tick=every(1)):
            await until(clock, "2026-01-01T00:01:30")
            store.failures = 8  # the pauses add up to more than a minute
            await until(clock, "2026-01-01T00:06:00")
        assert [time[11:16] for time in await machine.times()] == [
            "00:01",
            "00:02",
            "00:03",
            "00:04",
            "00:05",
            "00:06",
        ]
        assert {notice.level for notice in machine.notices} == {"error"}
        assert "no space left" in machine.notices[0].text
        assert "trying again in 1 s" in machine.notices[0].text


async def test_a_store_that_fails_at_start_is_tried_again(feed: Feed, clock: Clock) -> None:
    async with FailingStore(None, clock) as store:
        store.failures = 2
        machine = Machine(store, feed, clock)
        async with machine.running(tick=every(1)):
            await until(clock, "2026-01-01T00:01:10")
        assert len(await machine.times()) == 1


async def test_position_and_event_are_stored_together(feed: Feed, clock: Clock) -> None:
    """An acceptor that refuses the event takes the position back with it."""

    class RefusingAcceptor(TableAcceptor):
        def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
            super().insert(connection, events)
            raise StoreFull(None)

    async with Store(None, clock) as store:
        machine = Machine(store, feed, clock)
        tick = every(5, missed_runs="all")
        machine.acceptor = RefusingAcceptor()
        async with machine.running(tick=tick):
            await until(clock, "2026-01-01T00:06:00")
        assert await machine.times() == []
        machine.acceptor = TableAcceptor()
        async with machine.running(tick=tick):
            await until(clock, "2026-01-01T00:07:00")
        assert await machine.times() == ["2026-01-01T00:05:00Z"]
