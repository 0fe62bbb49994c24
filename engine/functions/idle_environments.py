"""The environments that nobody uses at the moment, and when each has been idle for as long as it may."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from engine.clock import Clock

if TYPE_CHECKING:
    from engine.functions.environment import Environment

TOLERANCE_SECONDS = 0.001  # a timer may come a hair early


class IdleEnvironments:
    """Keeps them, the least recently used first; `on_timeout` is called with each that was idle too long."""

    def __init__(self, clock: Clock, on_timeout: "Callable[[Environment], None]") -> None:
        self._clock = clock
        self._on_timeout = on_timeout
        self._since: dict[Environment, datetime] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, environment: "Environment") -> None:
        """Keep one that has just become idle."""
        self._since[environment] = self._clock.now()
        loop, idle_timeout = asyncio.get_running_loop(), environment.function.idle_timeout
        if self._timer is None or self._timer.when() > loop.time() + idle_timeout:
            self.close()
            self._timer = loop.call_later(idle_timeout, self._look)

    def discard(self, environment: "Environment") -> bool:
        """Keep one no longer; say whether it was here."""
        return self._since.pop(environment, None) is not None

    def oldest(self) -> "Environment | None":
        """Return the one that has been idle longest, None when there is none."""
        return next(iter(self._since), None)

    def close(self) -> None:
        """Look at them no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        now = self._clock.now()
        for environment, since in tuple(self._since.items()):
            if (now - since).total_seconds() >= environment.function.idle_timeout - TOLERANCE_SECONDS:
                self._on_timeout(environment)
        if self._since:
            soonest = min(
                environment.function.idle_timeout - (now - since).total_seconds()
                for environment, since in self._since.items()
            )
            self._timer = asyncio.get_running_loop().call_later(max(0.0, soonest), self._look)
