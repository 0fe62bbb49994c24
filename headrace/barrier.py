"""A barrier in time: it opens when nothing is left to do but to wait.

What was done before somebody asks counts, also where nobody has told the simulator yet: a file that was just
dropped into a bucket's folder, a row that another program has just committed. So every source looks by
itself, again and again, until neither a look nor what followed from it has brought anything new.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from engine.feed import Fact, LogLine

if TYPE_CHECKING:
    from headrace.simulator import Simulator


class Barrier:
    """Enter it with `with`, then ask as often as needed; several may be at it at once.

    `looking` has the sources that have not yet seen everything, by name.
    """

    def __init__(self, simulator: "Simulator") -> None:
        self.looking: set[str] = set()
        self._simulator = simulator
        self._facts = 0
        self._known = -1  # facts, when sources have last looked and nothing new has come of it

    def __enter__(self) -> Self:
        self._untap = self._simulator.feed.tap(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        self._untap()

    async def wait(self) -> None:
        """Return once all that was done before, by whomever, has had its consequences."""
        await self._simulator.ready.wait()
        clock = self._simulator.clock
        await clock.idle()
        while True:
            before = self._facts
            await self._look()
            await clock.idle()
            if self._facts == before:
                self._known = before
                await self._simulator.history.write()
                return

    async def wait_for_ours(self) -> None:
        """Return once what the simulator did since the last call has had its consequences.

        Unless it did something, sources need not look, so that this is quick.
        """
        await self._simulator.clock.idle()
        if self._facts != self._known:
            await self.wait()

    async def wait_within(self, limit: timedelta | None) -> bool:
        """Wait for so many real seconds at most, and say whether the barrier has opened."""
        waiting = asyncio.ensure_future(self.wait())
        if limit is None:
            await waiting
            return True
        timer = self._simulator.clock.after_real(limit.total_seconds(), waiting.cancel)
        try:
            await asyncio.wait([waiting])
        finally:
            timer.cancel()
            waiting.cancel()
        if waiting.cancelled():
            return False
        waiting.result()
        return True

    async def _look(self) -> None:
        looks: dict[str, Callable[[], Awaitable[None]]] = {}
        for region in self._simulator.regions:
            sources, prefix = region.sources, region.prefix
            looks |= {f"{prefix}buckets.{name}": bucket.look for name, bucket in sources.buckets.items()}
            looks |= {f"{prefix}tables.{name}": table.look for name, table in sources.tables.items()}
        async with asyncio.TaskGroup() as group:
            for name, look in looks.items():
                group.create_task(self._see(name, look), name=f"{name} looks")
        if self._simulator.faults is not None:  # which may have kept work from those who do it
            for region in self._simulator.regions:
                await region.safety_net.look()

    async def _see(self, name: str, look: Callable[[], Awaitable[None]]) -> None:
        self.looking.add(name)
        await look()
        self.looking.discard(name)

    def _count(self, fact: Fact) -> None:
        # What is logged beside invocations has no consequences.
        self._facts += not isinstance(fact, LogLine)
