"""Does what a script says, beside a simulator, each action at its moment."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from engine.clock import iso_seconds
from engine.duration import duration_text
from engine.errors import HeadraceError, StoreError
from engine.value import dataclass
from headrace.barrier import Barrier
from headrace.simulation.actions import ACTIONS, Stage
from headrace.simulation.expectations import disappointments
from headrace.simulation.figures import Figures
from headrace.simulation.script import Due, Script
from headrace.simulator import Simulator

LASTING = ("change_function", "change_mapping", "change_queue", "faults")
NO_LEVERS = "only a script without faults and crashes can do without"
STORE_PAUSES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)  # seconds between tries at a store that takes nothing


@dataclass(frozen=True, slots=True)
class Levers:
    """What a script moves that is not part of the simulator.

    `change_faults` takes a `[faults]` table that holds from now on; `crash` ends the simulator, by raising. A
    script without such actions can do without.
    """

    change_faults: Callable[[Any], None]
    crash: Callable[[], None]


async def perform(script: Script, figures: Figures, levers: Levers | None, simulator: Simulator) -> None:
    """Do what is due, until nothing is left. What goes wrong is added to the script's failures.

    What the store refuses for the moment is done again, as clients of a service do. After a crash, `restore`
    what the script has changed, and call this again with the simulator that was started then: an action that
    was broken off is done again, the rest follows at its moments. A replay that was under way is not taken up
    again.
    """
    await _Performance(script, figures, levers, simulator).run()


async def restore(script: Script, levers: Levers | None, simulator: Simulator) -> None:
    """After a crash, before the new simulator runs: change again what the script has changed by then.

    That is functions, queues and faults; mappings are changed by `perform`, since they open late.
    """
    async with asyncio.TaskGroup() as group:
        stage = _stage(script, simulator, group)
        for due in script.lasting:
            if due.action.name == "faults":
                assert levers is not None, NO_LEVERS
                levers.change_faults(due.arguments())
            elif due.action.name != "change_mapping":
                await ACTIONS[due.action.name](stage, due.arguments())


def _stage(script: Script, simulator: Simulator, group: asyncio.TaskGroup) -> Stage:
    return Stage(simulator, script.path.parent, group, script.failures.append, script.changed_functions)


class _Performance:
    def __init__(self, script: Script, figures: Figures, levers: Levers | None, simulator: Simulator) -> None:
        self._script = script
        self._figures = figures
        self._levers = levers
        self._simulator = simulator

    async def run(self) -> None:
        """Act until nothing is left to do."""
        self._script.is_under_way = True
        try:
            while await self._act_until_a_crash():
                assert self._levers is not None, NO_LEVERS
                self._levers.crash()
        finally:
            self._script.is_under_way = False

    async def _act_until_a_crash(self) -> bool:
        """Do what is due; say whether a crash is what comes next. Replays have ended when this returns."""
        script, clock = self._script, self._simulator.clock
        async with asyncio.TaskGroup() as group:
            stage = _stage(script, self._simulator, group)
            for due in tuple(script.lasting):
                if due.action.name == "change_mapping":
                    await self._do(due, stage)
            while (moment := script.next_moment()) is not None:
                await clock.sleep_until(moment)
                due = script.acting = script.take()
                if due.action.name == "crash":
                    for replay in stage.replays:
                        replay.cancel()
                else:
                    await self._do(due, stage)
                if due.action.name in LASTING:
                    script.lasting.append(due)
                script.performed += 1
                script.acting = None
                if due.action.name == "crash":
                    return True
        return False

    async def _do(self, due: Due, stage: Stage) -> None:
        """Do one action; what hinders it is told, and the script goes on."""
        for pause in (*STORE_PAUSES, None):
            try:
                await self._try(due, stage)
            except StoreError as error:
                if pause is None:
                    self._fail(due, str(error))
                else:
                    await asyncio.sleep(pause)
            except (HeadraceError, OSError) as error:
                self._fail(due, str(error))
                return
            else:
                return

    async def _try(self, due: Due, stage: Stage) -> None:
        action, arguments = due.action, due.arguments()
        if action.name == "faults":
            assert self._levers is not None, NO_LEVERS
            self._levers.change_faults(arguments)
        elif action.name == "expect":
            await self._expect(due, arguments)
        else:
            await ACTIONS[action.name](stage, arguments)

    async def _expect(self, due: Due, expect: Any) -> None:
        """Compare, once all that falls on this moment is done."""
        with Barrier(self._simulator) as barrier:
            await barrier.wait()
        for line in await disappointments(expect, self._simulator, self._figures):
            self._fail(due, line)

    def _fail(self, due: Due, text: str) -> None:
        since = duration_text(max(timedelta(), due.moment - self._script.began))
        place = f"{due.action.place}.{due.action.name}"
        self._script.failures.append(f"{place}, at {iso_seconds(due.moment)} ({since}): {text}")
