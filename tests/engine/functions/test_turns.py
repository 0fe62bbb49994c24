import asyncio
from datetime import timedelta

import pytest

from engine.clock import Clock
from engine.functions.turns import Turn, Turns


@pytest.fixture
def turns(clock: Clock) -> Turns:
    return Turns(clock)


async def test_turns_are_taken_in_the_order_of_asking(turns: Turns) -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        async with turns.turn():
            done.append(f"{name} begins")
            await asyncio.sleep(0)
            done.append(f"{name} ends")

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(work(name))
    assert done == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


async def test_a_turn_begins_when_all_else_is_at_rest(turns: Turns) -> None:
    steps: list[str] = []

    async def others() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        steps.append("the others are at rest")

    async with asyncio.TaskGroup() as group:
        group.create_task(others())
        async with turns.turn():
            steps.append("the turn begins")
    assert steps == ["the others are at rest", "the turn begins"]


async def test_no_simulated_time_passes_within_a_turn(turns: Turns, clock: Clock) -> None:
    late = asyncio.create_task(asyncio.sleep(1))
    began = clock.now()
    async with turns.turn():
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        assert clock.now() == began
    await late
    assert clock.now() == began + timedelta(seconds=1)


async def test_stepping_back_lets_time_and_others_go_on(turns: Turns, clock: Clock) -> None:
    done: list[str] = []

    async def other() -> None:
        async with turns.turn():
            done.append("other")

    async with asyncio.TaskGroup() as group, turns.turn() as turn:
        group.create_task(other())
        began = clock.now()
        async with turn.stepping_back():
            await asyncio.sleep(5)
            done.append("waited")
        assert turns.current is turn
        assert clock.now() == began + timedelta(seconds=5)
    assert done == ["other", "waited"]


async def test_who_stepped_back_goes_on_before_those_who_wait(turns: Turns) -> None:
    done: list[str] = []

    async def other(name: str) -> None:
        async with turns.turn():
            done.append(name)

    async with asyncio.TaskGroup() as group, turns.turn() as turn:
        async with turn.stepping_back():
            group.create_task(other("first"))
            group.create_task(other("second"))
            await asyncio.sleep(0)
        done.append("back")
    assert done == ["first", "back", "second"]


async def test_a_turn_that_is_over_is_not_taken_again(turns: Turns) -> None:
    async def step_back(turn: Turn) -> None:
        async with turn.stepping_back():
            await asyncio.sleep(5)

    async with turns.turn() as turn:
        waiting = asyncio.create_task(step_back(turn))
        await asyncio.sleep(0)
    await waiting
    assert turns.current is None
    async with turns.turn() as another:
        assert turns.current is another


async def test_somebody_who_gives_up_waiting_leaves_the_turn_to_the_next(turns: Turns) -> None:
    async def work() -> None:
        async with turns.turn():
            await asyncio.sleep(0)

    async with turns.turn():
        impatient, patient = asyncio.create_task(work()), asyncio.create_task(work())
        await asyncio.sleep(0)
        impatient.cancel()
    await patient
    assert impatient.cancelled()
    assert turns.current is None


async def test_requests_of_several_threads_wait_for_rest_together(turns: Turns, clock: Clock) -> None:
    began = clock.now()
    late = asyncio.create_task(asyncio.sleep(1))
    async with turns.turn() as turn:
        await asyncio.gather(*(turn.settled() for _ in range(3)))
        assert clock.now() == began
    await late
    assert clock.now() == began + timedelta(seconds=1)


async def test_time_goes_on_until_the_last_thread_has_what_it_waits_for(turns: Turns, clock: Clock) -> None:
    async def wait(turn: Turn, seconds: float) -> None:
        async with turn.stepping_back():
            await asyncio.sleep(seconds)

    began = clock.now()
    async with turns.turn() as turn:
        await asyncio.gather(*(wait(turn, seconds) for seconds in (1, 20, 5)))
        assert turns.current is turn
        assert clock.now() == began + timedelta(seconds=20)
    assert turns.current is None


async def test_a_thread_may_wait_for_rest_while_another_waits_for_time(turns: Turns, clock: Clock) -> None:
    async def wait(turn: Turn) -> None:
        async with turn.stepping_back():
            await asyncio.sleep(20)

    began = clock.now()
    async with turns.turn() as turn:
        await asyncio.gather(turn.settled(), wait(turn), turn.settled(), wait(turn))
        assert clock.now() == began + timedelta(seconds=20)
        assert turns.current is turn


async def test_a_thread_may_step_back_when_another_comes_back(turns: Turns, clock: Clock) -> None:
    async def wait(turn: Turn, *pauses: float) -> None:
        for pause in pauses:
            async with turn.stepping_back():
                await asyncio.sleep(pause)

    began = clock.now()
    async with turns.turn() as turn:
        await asyncio.gather(wait(turn, 1, 1, 1), wait(turn, 1, 2))
        assert clock.now() == began + timedelta(seconds=3)
        assert turns.current is turn
