"""Wakes those who wait for messages."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from engine.clock import Clock


class Arrivals:
    """A bell: rung when messages may have arrived, it also rings by itself at moments that are asked for.

    `count` says how often it has rung. Who waits says up to which count it has looked, so that no ringing
    between looking and waiting is missed.
    """

    def __init__(self, clock: Clock) -> None:
        self.count = 0
        self._clock = clock
        self._waiting: set[asyncio.Future[None]] = set()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at: datetime | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def is_awaited_beyond(self, moment: datetime) -> bool:
        """Whether anybody waits, and it will not ring by itself until after `moment`."""
        return self.is_awaited and (self._alarm_at is None or self._alarm_at > moment)

    def ring(self) -> None:
        """Wake everybody who waits."""
        self.count += 1
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, seen: int, until: datetime | None) -> None:
        """Return when it has rung more than `seen` times, or at `until` at the latest."""
        if self.count != seen:
            return
        if until is not None:
            self._set_alarm(until)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if not self._waiting and self._alarm is not None:
                self._alarm.cancel()
                self._alarm = self._alarm_at = None

    @contextmanager
    def patience(self, wait: timedelta) -> Iterator[Callable[[], bool]]:
        """Yield what says whether a client outside has waited for so long; the bell rings then."""
        if not wait:
            yield lambda: True
            return
        is_over = False

        def ring() -> None:
            nonlocal is_over
            is_over = True
            self.ring()

        timer = self._clock.world.call_after(wait.total_seconds(), ring)
        try:
            yield lambda: is_over
        finally:
            timer.cancel()

    def _set_alarm(self, moment: datetime) -> None:
        if self._alarm is not None and self._alarm_at is not None and self._alarm_at <= moment:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = moment
        self._alarm = asyncio.get_running_loop().create_task(self._ring_at(moment), name="visibility alarm")

    async def _ring_at(self, moment: datetime) -> None:
        await self._clock.sleep_until(moment)
        self._alarm = self._alarm_at = None
        self.ring()
