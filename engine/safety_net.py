"""The safety net under all wake-ups: some while after something was stored, everybody looks by himself.

Whoever stores work for somebody else wakes him, so that nobody has to poll. Should a wake-up be lost, the
work would lie there until the next one. So a commit also asks for a look, a while later. Where nothing is
stored, nothing can be lost, and nobody looks: idle time costs nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from engine.clock import Clock
from engine.errors import StoreError

LOOK_AFTER = timedelta(seconds=10)

Look = Callable[[], Awaitable[None]]


class SafetyNet:
    """Keep `run` running; `look` is what everybody does to find work that nobody has told of."""

    def __init__(self, clock: Clock, look: Look) -> None:
        self._clock = clock
        self._look = look
        self._stored = asyncio.Event()

    @property
    def is_spread(self) -> bool:
        """Whether there will be a look."""
        return self._stored.is_set()

    def spread(self) -> None:
        """Ask for a look, since something was stored."""
        self._stored.set()

    async def run(self) -> None:
        """Look a while after something was stored, until cancelled."""
        while True:
            await self._stored.wait()
            await self._clock.sleep_until(self._clock.now() + LOOK_AFTER)
            self._stored.clear()
            await self.look()

    async def look(self) -> None:
        """Look now."""
        with suppress(StoreError):  # the next look will do
            await self._look()
