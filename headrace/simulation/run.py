"""One simulation: a configuration runs in virtual time, from a moment on, for so long or until it is idle."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.feed import Feed
from engine.invocation.dispatcher import LONGEST_STORE_PAUSE
from engine.random_uuid import seed_names
from engine.value import dataclass
from headrace.config import Configuration
from headrace.simulator import Simulator
from headrace.waiting import what_waits

if TYPE_CHECKING:
    from engine.faults import Faults

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
    at the last moment, the end waits for it. What it raises ends the simulation. After a crash it is done
    beside the next simulator, before whose run it is to `restore` what has to be as it was.
    """

    run: Callable[[Simulator], Awaitable[None]]
    is_done: Callable[[], bool] = lambda: True
    has_due: Callable[[datetime], bool] = lambda _: False
    restore: Callable[[Simulator], Awaitable[None]] | None = None


async def simulate(
    configuration: Configuration,
    plan: Plan,
    feed: Feed,
    companions: Sequence[Companion] = (),
    faults: "Faults | None" = None,
) -> datetime:
    """Run on a virtual loop that begins at `plan.begin`; return the moment of the end.

    `configuration` is one of a sandbox. `faults` strike, those that it declares unless others are given; a
    simulator that crashes is followed by another one, on the same state. Raises what the simulator and the
    companions raise.
    """
    seed_names(plan.seed)
    faults = faults or declared_faults(configuration, plan.seed, feed)
    chance = random.Random(plan.seed)  # noqa: S311 - the same again is what it is for

    def simulator(told: Feed) -> Simulator:
        return Simulator(
            configuration,
            told,
            endpoint=("127.0.0.1", 0),
            chance=chance,
            simulated=True,
            faults=faults,
        )

    if faults is None:
        return await _live(simulator(feed), plan, companions, is_first=True)
    from headrace.simulation.crash import survive

    async def live(told: Feed, is_first: bool) -> datetime:
        return await _live(simulator(told), plan, companions, is_first=is_first)

    return await survive(live, faults, feed)


def declared_faults(
    configuration: Configuration, seed: int, feed: Feed, *, may_change: bool = False
) -> "Faults | None":
    """Return the faults that a configuration declares; None without any, unless they `may_change`."""
    declared = configuration.file.faults
    if declared is None and not may_change:
        return None
    from engine.fault_settings import FaultSettings
    from engine.faults import Faults

    return Faults(declared or FaultSettings(), seed, feed)


async def _live(made: Simulator, plan: Plan, companions: Sequence[Companion], *, is_first: bool) -> datetime:
    """Run one simulator to the end; return when that was."""
    stop = asyncio.Event()
    async with made as simulator, asyncio.TaskGroup() as group:
        for companion in companions:
            if companion.restore is not None and not is_first:
                await companion.restore(simulator)
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


def _may_have_more(simulator: Simulator) -> bool:
    """Say whether work may lie there that a fault keeps from those who do it, until they look again."""
    if simulator.faults is None:
        return False
    failed_at = simulator.store.failed_at
    return simulator.safety_net.is_spread or (
        failed_at is not None and simulator.clock.now() <= failed_at + LONGEST_STORE_PAUSE
    )


async def _run(companion: Companion, simulator: Simulator) -> None:
    await companion.run(simulator)


async def _end(simulator: Simulator, plan: Plan, companions: Sequence[Companion]) -> None:
    """Return at the end of the simulation, when all that falls on that moment is done."""
    clock, pause = simulator.clock, FIRST_PAUSE
    while plan.until_idle and clock.now() < plan.end:
        await clock.sleep_until(min(clock.now() + pause, plan.end))
        await clock.idle()
        at_work = simulator.functions.versions.running()
        if (
            not at_work
            and not _may_have_more(simulator)
            and all(companion.is_done() for companion in companions)
        ):
            if not await what_waits(simulator):
                return
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            pause = FIRST_PAUSE
    await clock.sleep_until(plan.end)
    await clock.idle()
    while any(companion.has_due(plan.end) for companion in companions):
        await clock.sleep_until(clock.now() + SHORTEST_PAUSE)  # which is over when all at work is done
