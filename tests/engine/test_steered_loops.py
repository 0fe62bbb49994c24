"""Time that is hurried, and time that stands still until it is moved."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from engine.clock import Clock, SimulatorLoop, running_clock
from engine.steered_loops import HurriedLoop, ManualLoop

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def on(loop: SimulatorLoop, main: Callable[[Clock], Awaitable[None]]) -> None:
    """Run a test on this loop."""

    async def run() -> None:
        await main(running_clock())

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run())


def test_hurried_time_follows_the_wall_clock_at_its_speed() -> None:
    async def main(clock: Clock) -> None:
        watch = clock.stopwatch()
        began = clock.now()
        assert START <= began < START + timedelta(minutes=10)
        await clock.sleep_until(began + timedelta(hours=1))
        took = clock.stopwatch() - watch
        assert 0.099 < took < 1.0
        passed = (clock.now() - began).total_seconds()
        assert 3600 <= passed < 3600 + 36_000
        assert abs(passed - 36_000 * (clock.stopwatch() - watch)) < 1800

    on(HurriedLoop(36_000, START), main)


def test_slowed_time_takes_longer() -> None:
    async def main(clock: Clock) -> None:
        watch = clock.stopwatch()
        await asyncio.sleep(0.01)
        assert clock.stopwatch() - watch >= 0.039

    on(HurriedLoop(0.25, START), main)


def test_hurried_timers_run_in_the_order_they_are_due() -> None:
    async def main(_: Clock) -> None:
        woken: list[int] = []

        async def sleeper(minutes: int) -> None:
            await asyncio.sleep(60 * minutes)
            woken.append(minutes)

        async with asyncio.TaskGroup() as group:
            for minutes in (5, 1, 3, 2, 4):
                group.create_task(sleeper(minutes))
        assert woken == [1, 2, 3, 4, 5]

    on(HurriedLoop(6_000, START), main)


def test_limits_and_the_world_outside_are_not_hurried() -> None:
    async def main(clock: Clock) -> None:
        watch = clock.stopwatch()
        reached = asyncio.Event()
        clock.after_real(0.02, reached.set)
        await reached.wait()
        assert 0.019 < clock.stopwatch() - watch < 1.0
        watch, before = clock.stopwatch(), clock.world.now()
        await clock.world.sleep(0.02)
        assert 0.019 < clock.stopwatch() - watch < 1.0
        assert timedelta(seconds=0.019) < clock.world.now() - before < timedelta(seconds=1)

    on(HurriedLoop(1_000_000, START), main)


def test_hurried_time_that_is_let_go_goes_on_from_where_it_was() -> None:
    async def main(clock: Clock) -> None:
        await asyncio.sleep(100)
        before = clock.now()
        clock.let_go()
        watch = clock.stopwatch()
        await asyncio.sleep(0.02)
        assert clock.stopwatch() - watch > 0.019
        assert timedelta() < clock.now() - before < timedelta(minutes=10)

    on(HurriedLoop(36_000, START), main)


def manual(main: Callable[[ManualLoop, Clock], Awaitable[None]]) -> list[datetime]:
    """Run a test on a manual loop; return the moments that it was moved to."""
    moments: list[datetime] = []
    loop = ManualLoop(START, moments.append)
    on(loop, lambda clock: main(loop, clock))
    return moments


def test_manual_time_stands_still_while_real_time_passes() -> None:
    async def main(_: ManualLoop, clock: Clock) -> None:
        timer = asyncio.get_running_loop().call_later(0.001, lambda: None)
        await clock.world.sleep(0.02)
        await asyncio.to_thread(threading.Event().wait, 0.02)
        assert clock.now() == START
        assert not timer.cancelled()
        assert clock.world.now() != START

    assert manual(main) == []


def test_manual_time_goes_from_timer_to_timer_and_never_further() -> None:
    async def main(loop: ManualLoop, clock: Clock) -> None:
        woken: list[tuple[int, datetime]] = []

        async def sleeper(minutes: int) -> None:
            await asyncio.sleep(60 * minutes)
            await asyncio.to_thread(lambda: None)
            woken.append((minutes, clock.now()))

        async with asyncio.TaskGroup() as group:
            for minutes in (7, 1, 5, 3):
                group.create_task(sleeper(minutes))
            await clock.idle()
            limit = START + timedelta(minutes=5)
            while (moment := loop.next_timer_at()) is not None and moment <= limit:
                loop.move_to(moment)
                await clock.idle()
            assert [minutes for minutes, _ in woken] == [1, 3, 5]
            loop.move_to(START + timedelta(minutes=7))
        assert woken == [(minutes, START + timedelta(minutes=minutes)) for minutes in (1, 3, 5, 7)]

    assert manual(main) == [START + timedelta(minutes=minutes) for minutes in (1, 3, 5, 7)]


def test_ten_thousand_timers_run_in_order_and_each_at_its_moment() -> None:
    async def main(loop: ManualLoop, clock: Clock) -> None:
        moments = [START + timedelta(seconds=number * 1.37) for number in range(10_000)]
        woken: list[datetime] = []
        for moment in reversed(moments):
            loop.call_at((moment - START).total_seconds(), lambda: woken.append(clock.now()))
        while (due := loop.next_timer_at()) is not None:
            loop.move_to(due)
            await clock.idle()
        assert woken == moments

    manual(main)


def test_manual_time_never_goes_back() -> None:
    async def main(loop: ManualLoop, clock: Clock) -> None:
        loop.move_to(START + timedelta(hours=1))
        loop.move_to(START)
        assert clock.now() == START + timedelta(hours=1)

    manual(main)


def test_real_limits_hold_while_manual_time_stands_still() -> None:
    async def main(_: ManualLoop, clock: Clock) -> None:
        reached = asyncio.Event()
        clock.after_real(0.01, reached.set)
        await reached.wait()
        with clock.outside():
            again = asyncio.Event()
            clock.after_real(0.01, again.set)
            await again.wait()
        assert clock.now() == START

    manual(main)


def test_two_who_wait_for_idle_do_not_wait_for_each_other() -> None:
    async def main(_: ManualLoop, clock: Clock) -> None:
        async with asyncio.timeout(5):
            await asyncio.gather(clock.idle(), clock.idle())

    manual(main)


def test_manual_time_that_is_let_go_passes_by_itself_with_the_limits_that_were_set() -> None:
    async def main(_: ManualLoop, clock: Clock) -> None:
        limit, cancelled = asyncio.Event(), asyncio.Event()
        clock.after_real(0.02, limit.set)
        clock.after_real(0.01, cancelled.set).cancel()
        sleeping = asyncio.ensure_future(asyncio.sleep(0.01))
        await clock.idle()
        clock.let_go()
        await asyncio.gather(limit.wait(), sleeping)
        assert START < clock.now() < START + timedelta(seconds=5)
        assert not cancelled.is_set()
        later = asyncio.Event()
        clock.after_real(0.01, later.set)
        await later.wait()

    manual(main)


async def test_in_virtual_time_the_world_outside_is_virtual_too(clock: Clock) -> None:
    before = clock.now()
    await clock.world.sleep(3600)
    assert clock.world.now() == clock.now() == before + timedelta(hours=1)
    assert not await clock.world.wait(asyncio.Event(), 60)
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(30, event.set)
    assert await clock.world.wait(event, 60)
    assert await clock.world.wait(event, 60)
    assert clock.now() == before + timedelta(hours=1, seconds=90)
