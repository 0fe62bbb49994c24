"""What is large goes through the store's thread, so that the loop never waits for it."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from engine.clock import Clock
from engine.store.brevity import MOST_BYTES
from engine.store.database import Store
from tests.fakes.queue_bench import bench

T = TypeVar("T")


class ToldStore(Store):
    """Remembers which writes were said to be brief."""

    brief: list[bool]

    def ask(self, operation: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> asyncio.Future[T]:
        self.brief.append(brief)
        return super().ask(operation, brief=brief)


async def test_operations_of_a_queue_are_brief_until_it_has_a_large_message(clock: Clock) -> None:
    async with ToldStore(None, clock) as store:
        store.brief = []
        made = bench(clock, store)
        await made.send("small")
        first = await made.queue.receive(10)
        await made.queue.delete([message.receipt_handle for message in first])
        assert len(store.brief) >= 3
        assert all(store.brief)
        store.brief.clear()
        await made.send("x" * (MOST_BYTES + 1))
        (large,) = await made.queue.receive(10)
        await made.queue.delete([large.receipt_handle])
        await made.send("small")
        assert len(store.brief) >= 4
        assert not any(store.brief)
