import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import (
    FINEST_RESOLUTION,
    VIRTUAL_START,
    Clock,
    from_millis,
    iso_millis,
    iso_seconds,
    run,
    running_clock,
    to_millis,
)


async def test_a_week_of_sleep_passes_at_once_and_ends_on_its_moment(clock: Clock) -> None:
    moment = VIRTUAL_START + timedelta(days=7, microseconds=1)
    await clock.sleep_until(moment)
    assert clock.now() == moment


async def test_sleepers_wake_in_the_order_they_are_due(clock: Clock) -> None:
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep_until(VIRTUAL_START + timedelta(seconds=seconds))
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (30, 10, 20):
            group.create_task(sleeper(seconds))
    assert woken == [10, 20, 30]


async def test_a_moment_in_the_past_is_not_waited_for(clock: Clock) -> None:
    await clock.sleep_until(VIRTUAL_START - timedelta(days=1))
    assert clock.now() == VIRTUAL_START


async def test_virtual_time_stands_still_while_a_thread_works(clock: Clock) -> None:
    release = threading.Event()
    woken: list[datetime] = []

    async def sleeper() -> None:
        await asyncio.sleep(1)
        woken.append(clock.now())

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper())
        work = asyncio.get_running_loop().run_in_executor(None, release.wait)
        await asyncio.to_thread(lambda: None)
        assert woken == []
        release.set()
        await work
        assert woken == []
    assert woken == [VIRTUAL_START + timedelta(seconds=1)]


async def test_virtual_time_stands_still_inside_outside(clock: Clock) -> None:
    back = asyncio.Event()
    loop = asyncio.get_running_loop()
    timer = loop.call_later(60, lambda: None)
    with clock.outside():
        threading.Timer(0.02, lambda: loop.call_soon_threadsafe(back.set)).start()
        await back.wait()
    assert clock.now() == VIRTUAL_START
    timer.cancel()


async def test_a_real_limit_ends_work_outside_though_virtual_time_stands_still(clock: Clock) -> None:
    reached = asyncio.Event()
    clock.after_real(0.01, reached.set)
    forgotten = clock.after_real(0.005, lambda: pytest.fail("a cancelled limit fired"))
    forgotten.cancel()
    with clock.outside():
        await reached.wait()
    assert clock.now() == VIRTUAL_START


async def test_idle_returns_before_a_timer_in_the_future_and_after_everything_ready(clock: Clock) -> None:
    steps: list[str] = []

    async def chain() -> None:
        for number in range(50):
            await asyncio.sleep(0)
            steps.append(str(number))
        await asyncio.sleep(3600)
        steps.append("an hour later")

    task = asyncio.get_running_loop().create_task(chain())
    await clock.idle()
    assert len(steps) == 50
    assert clock.now() == VIRTUAL_START
    await task
    assert steps[-1] == "an hour later"


async def test_idle_waits_for_work_outside_the_loop(clock: Clock) -> None:
    finished: list[bool] = []

    async def work() -> None:
        await asyncio.to_thread(threading.Event().wait, 0.02)
        finished.append(True)

    task = asyncio.get_running_loop().create_task(work())
    await clock.idle()
    assert finished == [True]
    await task


async def test_a_cancelled_timer_does_not_move_time(clock: Clock) -> None:
    asyncio.get_running_loop().call_later(5, lambda: None).cancel()
    await asyncio.sleep(10)
    assert clock.now() == VIRTUAL_START + timedelta(seconds=10)


def test_the_live_loop_tells_the_wall_clock_and_knows_when_it_is_idle() -> None:
    async def main() -> bool:
        clock = running_clock()
        before = datetime.fromtimestamp(clock.real_now().timestamp(), UTC)
        timer = asyncio.get_running_loop().call_later(3600, lambda: None)
        await asyncio.to_thread(lambda: None)
        await clock.idle()
        timer.cancel()
        return abs(clock.now() - before) < timedelta(minutes=1)

    assert run(main())


def test_run_starts_virtual_time_where_it_is_told() -> None:
    start = datetime(2031, 5, 4, tzinfo=UTC)

    async def main() -> datetime:
        await asyncio.sleep(86_400)
        return running_clock().now()

    assert run(main(), virtual_from=start) == start + timedelta(days=1)


def test_a_foreign_loop_is_refused() -> None:
    async def main() -> None:
        running_clock()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner, pytest.raises(RuntimeError):
        runner.run(main())


def test_moments_are_formatted_and_stored_to_the_millisecond() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC)
    assert iso_millis(moment) == "2026-01-02T03:04:05.678Z"
    assert iso_seconds(moment) == "2026-01-02T03:04:05Z"
    assert from_millis(to_millis(moment)) == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


async def test_a_timer_that_is_due_just_one_resolution_later_is_reached(clock: Clock) -> None:
    """The sum of the two moments is a rounded one, with which asyncio takes the timer as not due yet."""
    for start in (38.56816502955193, 1e4 / 3):
        loop = asyncio.get_running_loop()
        reached = loop.create_future()
        await asyncio.sleep(start - loop.time())
        loop.call_at(loop.time() + FINEST_RESOLUTION, reached.set_result, None)
        await reached


async def test_timers_for_one_moment_are_due_at_one_instant_however_they_were_counted(clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    moment = VIRTUAL_START + timedelta(seconds=2)
    await asyncio.sleep(1 / 3)
    left = (moment - clock.now()).total_seconds()
    woken = loop.create_future()
    loop.call_later(left, woken.set_result, None)
    await clock.sleep_until(moment)
    await clock.idle()
    assert woken.done()
    assert loop.time() == 2


async def test_time_goes_on_for_centuries(clock: Clock) -> None:
    for years in (1, 10, 500):
        moment = VIRTUAL_START + timedelta(days=365 * years)
        await clock.sleep_until(moment)
        assert abs(clock.now() - moment) < timedelta(milliseconds=1)
