"""Who may do real work in simulated time: one at a time, in the order of asking, when all else is at rest.

What a handler does would otherwise race with what its last request has set going, and with other handlers:
two runs with one seed would not be the same.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from engine.clock import Clock


class Turns:
    """The turns of one simulator. Whoever holds one counts as outside the loop."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._owner: Turn | None = None
        self._waiting: deque[tuple[Turn, asyncio.Future[None]]] = deque()

    @property
    def current(self) -> "Turn | None":
        """The turn that is held: a handler's request that comes now is part of it."""
        return self._owner if self._owner is not None and self._owner.is_held else None

    def turn(self) -> "Turn":
        """Return a turn, to be entered with `async with`."""
        return Turn(self)

    async def acquire(self, turn: "Turn", *, first: bool) -> None:
        """Wait until it is this turn's; `first` goes before all who wait already."""
        if self._owner is not None or self._waiting:
            granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            (self._waiting.appendleft if first else self._waiting.append)((turn, granted))
            if self._owner is None:
                self._pass_on()
            try:
                await granted
            except asyncio.CancelledError:
                if self._owner is turn:
                    self.release(turn)
                raise
        self._owner = turn
        try:
            await self.clock.idle()
        except asyncio.CancelledError:
            self.release(turn)
            raise

    def release(self, turn: "Turn") -> None:
        """Let the next one have its turn."""
        assert self._owner is turn, "only its owner gives a turn back"
        self._owner = None
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn, granted = self._waiting.popleft()
            if not granted.done():  # else it has been given up
                self._owner = turn
                granted.set_result(None)
                return


class Turn:
    """One stretch of real work. Several threads of its process may have requests under way."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._outside = turns.clock.outside()
        self._counts = False
        self._is_over = False
        self._taking = asyncio.Lock()
        self._away = 0  # requests that have stepped back
        self._settling = 0  # requests that wait for rest
        self.is_held = False

    async def __aenter__(self) -> Self:
        await self._take(first=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Give it back for good, if it is held."""
        self._is_over = True
        self._give()

    @asynccontextmanager
    async def stepping_back(self) -> AsyncIterator[None]:
        """Let simulated time and others go on meanwhile; then be the next to go on.

        Where several step back, as requests of several threads do, time goes on until the last is done: what
        the others wait for takes time, too.
        """
        self._away += 1
        self._give()
        try:
            yield
        except Exception:
            self._away -= 1
            await self._take(first=True)
            raise
        except BaseException:
            self._away -= 1
            raise
        self._away -= 1
        await self._take(first=True)

    async def settled(self) -> None:
        """Return once all is at rest that the work has set going until now."""
        if not self.is_held:
            return
        self._settling += 1
        self._count()
        try:
            await self._turns.clock.idle()
        finally:
            self._settling -= 1
            self._count()

    async def _take(self, *, first: bool) -> None:
        async with self._taking:
            if self.is_held or not self._is_wanted():
                return
            await self._turns.acquire(self, first=first)
            if not self._is_wanted():  # meanwhile its process was stopped, or has stepped back again
                self._turns.release(self)
                return
            self.is_held = True
            self._count()

    def _is_wanted(self) -> bool:
        return not self._is_over and not self._away

    def _give(self) -> None:
        if self.is_held:
            self.is_held = False
            self._count()
            self._turns.release(self)

    def _count(self) -> None:
        """Count as outside the loop while the process works, and only then."""
        counts = self.is_held and not self._settling
        if counts and not self._counts:
            self._outside.__enter__()
        elif self._counts and not counts:
            self._outside.__exit__(None, None, None)
        self._counts = counts
