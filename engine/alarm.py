"""Waits that something may end early."""

import asyncio
from contextlib import suppress
from datetime import datetime

from engine.clock import Clock


async def wait_until(event: asyncio.Event, moment: datetime, clock: Clock) -> bool:
    """Return at `moment`, or as soon as `event` is set; say whether it is set."""
    while not event.is_set() and (left := (moment - clock.now()).total_seconds()) > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, clock.longest_nap)):
                await event.wait()
    return event.is_set()
