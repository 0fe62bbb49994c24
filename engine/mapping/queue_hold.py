"""Keeps the messages of batches hidden for as long as their invocations last.

On AWS that is never longer than the visibility timeout, which is not less than the function's timeout. Here
an invocation may first have to wait for an execution environment. Its messages must not show again meanwhile:
they would run twice, and a FIFO queue would not let them be deleted.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from engine.clock import Clock
from engine.errors import HeadraceError
from engine.mapping.source import QueueMessage, QueueSource

LOGGER = logging.getLogger(__name__)

LONGEST_STEP_SECONDS = 1.0
STEPS_IN_REMAINDER = 4


class QueueHolds:
    """What a mapping has in hand. One alarm is for all of it: nearly every invocation is over before it."""

    def __init__(self, source: QueueSource, clock: Clock) -> None:
        self.source = source
        self.clock = clock
        self._waiting: set[_Hold] = set()
        self._alarm: asyncio.TimerHandle | None = None

    def hold(self, messages: Sequence[QueueMessage], returns_at: datetime) -> "_Hold":
        """Enter it while the invocation runs: a little before the messages show again, which they do at
        `returns_at`, they are hidden for longer.
        """
        return _Hold(self, messages, returns_at)

    def add(self, hold: "_Hold") -> None:
        """Let a hold begin when it is due."""
        self._waiting.add(hold)
        if self._alarm is None or self._alarm.when() > hold.due:
            self._set_alarm(hold.due)

    def discard(self, hold: "_Hold") -> None:
        """Forget a hold that is not needed any more; the alarm stays."""
        self._waiting.discard(hold)

    def close(self) -> None:
        """Let no hold begin any more."""
        self._waiting.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when, self._ring, when)

    def _ring(self, when: float) -> None:
        self._alarm = None
        for hold in [hold for hold in self._waiting if hold.due <= when]:
            self._waiting.remove(hold)
            hold.begin()
        if self._waiting:
            self._set_alarm(min(hold.due for hold in self._waiting))


class _Hold:
    """The messages of one batch. `due`, on the loop's clock, is when they are to be hidden for longer."""

    def __init__(self, holds: QueueHolds, messages: Sequence[QueueMessage], returns_at: datetime) -> None:
        self._holds = holds
        self._messages = messages
        left = (returns_at - holds.clock.now()).total_seconds()
        self._step = min(LONGEST_STEP_SECONDS, left / STEPS_IN_REMAINDER)
        self.due = asyncio.get_running_loop().time() + left - self._step
        self._holding: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._step > 0:
            self._holds.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._holds.discard(self)
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.wait([self._holding])

    def begin(self) -> None:
        """Hide the messages for longer, again and again."""
        self._holding = asyncio.get_running_loop().create_task(self._hold(), name="messages stay hidden")

    async def _hold(self) -> None:
        source, clock = self._holds.source, self._holds.clock
        handles = [message.receipt_handle for message in self._messages]
        step = timedelta(seconds=self._step)
        while True:
            try:
                await source.hide_longer(handles, 2 * step)
            except (HeadraceError, OSError) as error:
                LOGGER.warning("%d messages of %s may show again: %s", len(handles), source.name, error)
            await clock.sleep_until(clock.now() + step)
