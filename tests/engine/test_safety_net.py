"""Everybody looks again a while after something was stored, and only then."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from engine.clock import Clock
from engine.errors import StoreBusy
from engine.safety_net import LOOK_AFTER, SafetyNet


class Watched:
    """A net, and when it had everybody look."""

    def __init__(self, clock: Clock) -> None:
        self.net = SafetyNet(clock, self.look)
        self.moments: list[datetime] = []
        self.clock = clock

    async def look(self) -> None:
        self.moments.append(self.clock.now())
        if len(self.moments) == 1:
            raise StoreBusy(None)


@pytest.fixture
async def watched(clock: Clock) -> AsyncIterator[Watched]:
    watched = Watched(clock)
    task = asyncio.create_task(watched.net.run())
    yield watched
    task.cancel()


async def test_nobody_looks_while_nothing_is_stored(watched: Watched) -> None:
    await asyncio.sleep(86_400)
    assert watched.moments == []


async def test_one_look_follows_all_that_was_stored_before_it(watched: Watched, clock: Clock) -> None:
    began = clock.now()
    watched.net.spread()
    assert watched.net.is_spread
    await asyncio.sleep(1)
    watched.net.spread()
    await asyncio.sleep(3600)
    assert watched.moments == [began + LOOK_AFTER]
    assert not watched.net.is_spread


async def test_a_look_that_fails_is_followed_by_the_next(watched: Watched, clock: Clock) -> None:
    began = clock.now()
    watched.net.spread()
    await asyncio.sleep(60)
    watched.net.spread()
    await asyncio.sleep(60)
    assert watched.moments == [began + LOOK_AFTER, began + timedelta(seconds=60) + LOOK_AFTER]
