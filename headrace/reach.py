"""Doing something beside the running simulator, or in its place where there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from engine.errors import StoreInUse
from headrace.control import RunningSimulator, find_running

T = TypeVar("T")
TRIES, PAUSE_SECONDS = 200, 0.1  # for another command to be done with the state folder


async def reach(
    state: Path, through: Callable[[RunningSimulator], Awaitable[T]], alone: Callable[[], Awaitable[T]]
) -> T:
    """Ask the simulator that runs on a state folder, or do it alone.

    Another command may be using the state folder, or a simulator be about to answer: then try again. Raises
    StoreInUse when that does not end.
    """
    for tries_left in reversed(range(TRIES)):
        running = find_running(state)
        if running is not None:
            return await through(running)
        try:
            return await alone()
        except StoreInUse:
            if not tries_left:
                raise
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")
