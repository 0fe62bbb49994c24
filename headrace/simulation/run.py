"""One simulation: a configuration runs in virtual time, from a moment on, for so long or until it is idle."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from engine.feed import Feed
from engine.random_uuid import seed_names
from engine.value import dataclass
from headrace.config import Configuration
from headrace.simulator import Simulator
from headrace.waiting import what_waits

LONGEST = timedelta(days=3653)  # of a simulation that only ends when it is idle
SHORTEST_PAUSE = timedelta(milliseconds=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(hours=1)  # between looks whether it is idle


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. With `until_idle` it ends as soon as only schedules could bring more work."""

    begin: datetime
    length: timedelta
    until_idle: bool
    seed: int

    @property
    def end(self) -> datetime:
        """The last moment."""
        return self.begin + self.length


@dataclass(frozen=True, slots=True)
class Companion:
    """Something that is done beside the simulator once it is ready, and is cancelled in the end.

    While it is not `is_done`, a simulation that runs until it is idle goes on. While it `has_due` something
    at the last moment, the end waits for it. What it raises ends the simulation.
    """

    run: Callable[[Simulator], Awaitable[None]]
    is_done: Callable[[], bool] = lambda: True
    has_due: Callable[[datetime], bool] = lambda _: False


async def simulate(
    configuration: Configuration, plan: Plan, feed: Feed, companions: Sequence[Companion] = ()
) -> datetime:
    """Run on a virtual loop that begins at `plan.begin`; return the moment of the end.

    `configuration` is one of a sandbox. Raises what the simulator and the companions raise.
    """
    seed_names(plan.seed)
    chance = random.Random(plan.seed)  # noqa: S311 - the same again is what it is for
    stop = asyncio.Event()
    async with (
        Simulator(configuration, feed, endpoint=("127.0.0.1", 0), chance=chance, simulated=True) as simulator,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(simulator.run(stop), name="simulator")
        await simulator.ready.wait()
        beside = [group.create_task(_run(companion, simulator)) for companion in companions]
        await _end(simulator, plan, companions)
        ended = min(simulator.clock.now(), plan.end)
        for task in beside:
            task.cancel()
        stop.set()
        await running
    return ended


async def _run(companion: Companion, simulator: Simulator) -> None:
    await companion.run(simulator)


async def _end(simulator: Simulator, plan: Plan, companions: Sequence[Companion]) -> None:
    """Return at the end of the simulation, when all that falls on that moment is done."""
    clock, pause = simulator.clock, FIRST_PAUSE
    while plan.until_idle and clock.now() < plan.end:
        await clock.sleep_until(min(clock.now() + pause, plan.end))
        await clock.idle()
        at_work = simulator.functions.versions.running()
        if not at_work and all(companion.is_done() for companion in companions):
            if not await what_waits(simulator):
                return
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            pause = FIRST_PAUSE
    await clock.sleep_until(plan.end)
    await clock.idle()
    while any(companion.has_due(plan.end) for companion in companions):
        await clock.sleep_until(clock.now() + SHORTEST_PAUSE)  # which is over when all at work is done
