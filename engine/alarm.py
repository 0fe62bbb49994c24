"""Waits that something may end early."""

import asyncio
from datetime import datetime

from engine.clock import Clock


async def wait_until(event: asyncio.Event, moment: datetime, clock: Clock) -> bool:
    """Return at `moment`, or as soon as `event` is set; say whether it is set."""
    if event.is_set() or moment <= clock.now():
        return event.is_set()
    alarm = asyncio.ensure_future(clock.sleep_until(moment))
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((alarm, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()
        waiting.cancel()
    return event.is_set()
