"""Keeps the messages of a batch hidden for as long as its invocation lasts.

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

LONGEST_STEP = timedelta(seconds=1)
STEPS_IN_REMAINDER = 4


class QueueHold:
    """Enter it while the invocation runs: a little before messages show again, they are hidden for longer."""

    def __init__(
        self, source: QueueSource, messages: Sequence[QueueMessage], returns_at: datetime, clock: Clock
    ) -> None:
        """`returns_at` is when the messages show again."""
        self._source = source
        self._messages = messages
        self._clock = clock
        left = returns_at - clock.now()
        self._step = min(LONGEST_STEP, left / STEPS_IN_REMAINDER)
        self._delay = left - self._step
        self._timer: asyncio.TimerHandle | None = None
        self._holding: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._step > timedelta(0):
            self._timer = asyncio.get_running_loop().call_later(self._delay.total_seconds(), self._begin)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.wait([self._holding])

    def _begin(self) -> None:
        self._holding = asyncio.get_running_loop().create_task(self._hold(), name="messages stay hidden")

    async def _hold(self) -> None:
        handles = [message.receipt_handle for message in self._messages]
        while True:
            try:
                await self._source.hide_longer(handles, 2 * self._step)
            except (HeadraceError, OSError) as error:
                LOGGER.warning("%d messages of %s may show again: %s", len(handles), self._source.name, error)
            await self._clock.sleep_until(self._clock.now() + self._step)
