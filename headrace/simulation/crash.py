"""Lets a simulator crash in the middle of a simulation, and the next one go on from what it has stored.

All happens in this process and at one virtual moment. From the crash on, the store accepts and answers
nothing, and the feed hears nothing; then all of the simulator's tasks are cancelled and its processes are
killed. So nothing is settled, given back or told that a process which is killed could not have settled, given
back or told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any, NoReturn, TypeVar

from engine.faults import Faults
from engine.feed import Feed
from engine.functions.pool import ENDING

T = TypeVar("T")

# What is cancelled may wait for others that are, and some of what runs is only abandoned the second time.
MOST_ROUNDS = 1000


async def survive(live: Callable[[Feed, bool], Awaitable[T]], faults: Faults, feed: Feed) -> T:
    """Live again and again, until no crash ends it; return what came of the last life.

    `live` is called with the feed to tell and whether it is the first time. Raises what it raises.
    """
    is_first = True
    while True:
        told = Feed()
        stop_telling = told.tap(feed.publish, log_lines=feed.wants_log_lines)
        crash: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        forgetting = [faults.on_crash(stop_telling), faults.on_crash(partial(crash.set_result, None))]
        others = asyncio.all_tasks()
        life: asyncio.Future[T] = asyncio.ensure_future(live(told, is_first))
        try:
            await asyncio.wait((life, crash), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for forget in forgetting:
                forget()
            if not crash.done() and not life.done():  # this task was cancelled
                life.cancel()
                await asyncio.wait([life])
        if not crash.done():
            return life.result()
        await _bury(life, others)
        is_first = False


async def _bury(life: "asyncio.Future[Any]", others: Collection["asyncio.Task[Any]"]) -> None:
    """End a life that has crashed: all of its tasks, and then what it had open."""
    life.cancel()
    for _ in range(MOST_ROUNDS):
        spared = {*others, life, asyncio.current_task()}
        tasks = [task for task in asyncio.all_tasks() if task not in spared and task.get_name() != ENDING]
        if not tasks:
            break
        for task in sorted(tasks, key=asyncio.Task.get_name):
            task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([life])
    if not life.cancelled():
        life.exception()  # which says no more than that it was broken off


def crash_now(faults: Faults, reason: str) -> NoReturn:
    """Let the simulator crash; the task that calls this ends with it."""
    faults.crash(reason)
    raise asyncio.CancelledError
