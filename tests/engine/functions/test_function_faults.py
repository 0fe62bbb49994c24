"""What declared faults do to invocations of real handlers, in simulated time."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from engine.clock import Clock
from engine.fault_settings import FaultSettings
from engine.faults import Faults
from engine.feed import Fact, FaultInjected, Feed, InvocationFinished
from engine.functions.invocation import Invocation, Throttled
from engine.functions.pool import Functions
from engine.functions.simulated_pace import SimulatedPace
from tests.fakes.real_functions import function, invoke

Run = Callable[..., AbstractAsyncContextManager[Functions]]

LEAVES_A_TRACE = """
    import os
    from pathlib import Path

    def handler(event, context):
        with Path(os.environ["TRACE"]).open("a") as file:
            file.write("x")
        return os.getpid()
"""


class World:
    """A function `fn` that leaves a trace of each run, and its faults."""

    def __init__(self, folder: Path, clock: Clock, feed: Feed) -> None:
        self.trace = folder / "trace"
        self.facts: list[Fact] = []
        self.faults = Faults(FaultSettings(), 1, feed)
        self._folder, self._clock, self._feed = folder, clock, feed
        feed.tap(self.facts.append)

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncIterator[Functions]:
        definition = function(
            self._folder,
            LEAVES_A_TRACE,
            environment={"TRACE": str(self.trace)},
            simulated_duration="100ms",
            timeout=5,
            **settings,
        )
        pace = SimulatedPace(self._clock, Random(1))
        async with Functions(
            [definition], clock=self._clock, feed=self._feed, pace=pace, faults=self.faults
        ) as functions:
            yield functions

    def declare(self, **settings: Any) -> None:
        self.faults.change(FaultSettings(**settings))

    def runs(self) -> int:
        """How often the handler has run."""
        return len(self.trace.read_text()) if self.trace.exists() else 0

    def struck(self) -> list[str]:
        return [fact.kind for fact in self.facts if isinstance(fact, FaultInjected)]


@pytest.fixture
def world(tmp_path: Path, clock: Clock, feed: Feed) -> World:
    return World(tmp_path, clock, feed)


async def test_an_error_comes_in_the_place_of_the_handler(world: World) -> None:
    world.declare(error_rate=1)
    async with world.running() as functions:
        result = await invoke(functions)
        assert result.function_error == "Unhandled"
        assert result.error_type == "DeclaredFault"
        assert orjson.loads(result.payload)["errorMessage"] == "[faults] error_rate: the handler was not run"
        assert world.runs() == 0
        world.declare()
        assert (await invoke(functions)).function_error is None
    assert world.struck() == ["error"]


async def test_a_timeout_takes_all_of_its_time_after_the_handler_has_done_its_work(
    world: World, clock: Clock
) -> None:
    async with world.running() as functions:
        before = await invoke(functions)
        world.declare(timeout_rate=1)
        began = clock.now()
        result = await invoke(functions)
        assert result.error_type == "Sandbox.Timedout"
        assert result.error_message is not None
        assert result.error_message.endswith("Task timed out after 5.00 seconds")
        assert clock.now() - began == timedelta(seconds=5)
        assert result.duration_ms == 5000
        assert world.runs() == 2
        world.declare()
        assert (await invoke(functions)).payload != before.payload  # in another process
    finished = [fact for fact in world.facts if isinstance(fact, InvocationFinished)]
    assert [fact.error_type for fact in finished] == [None, "Sandbox.Timedout", None]
    assert world.struck() == ["timeout"]


async def test_a_crash_ends_the_process_after_the_work_and_before_the_answer(
    world: World, clock: Clock
) -> None:
    async with world.running() as functions:
        before = await invoke(functions)
        world.declare(crash_rate=1)
        began = clock.now()
        result = await invoke(functions)
        assert result.error_type == "Runtime.ExitError"
        assert result.error_message is not None
        assert result.error_message.endswith("Runtime exited with error: exit status 1")
        assert clock.now() - began == timedelta(milliseconds=100)
        assert world.runs() == 2
        world.declare()
        assert (await invoke(functions)).payload != before.payload
    assert world.struck() == ["crash"]


@pytest.mark.parametrize(
    ("reserved", "reason"),
    [
        pytest.param(None, "ConcurrentInvocationLimitExceeded", id="the account's concurrency"),
        pytest.param(3, "ReservedFunctionConcurrentInvocationLimitExceeded", id="its reserved concurrency"),
    ],
)
async def test_a_throttled_function_does_not_run(world: World, reserved: int | None, reason: str) -> None:
    world.declare(throttle_rate=1)
    async with world.running(reserved_concurrency=reserved) as functions:
        assert await functions.invoke("fn", Invocation("id", b"{}")) == Throttled(reason)
    assert world.runs() == 0


async def test_a_slow_start_takes_longer_once(world: World, clock: Clock) -> None:
    world.declare(slow_start_rate=1, slow_start="4s")
    async with world.running(simulated_init_duration="200ms") as functions:
        began = clock.now()
        assert (await invoke(functions)).init_ms == 4200
        assert clock.now() - began == timedelta(seconds=4.3)
        assert (await invoke(functions)).init_ms is None
    assert world.struck() == ["slow_start"]
