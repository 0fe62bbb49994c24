import asyncio

from engine.clock import VIRTUAL_START, Clock, running_clock, simulate
from engine.feed import Feed
from engine.store.database import Store
from engine.store.history import History, PastInvocation, past_invocations
from tests.fakes.facts import finished


async def all_of(store: Store, *, limit: int = 100, function: str | None = None) -> list[PastInvocation]:
    return await store.read(lambda c: past_invocations(c, limit=limit, function=function))


async def test_finished_invocations_are_written_together_a_moment_later(
    store: Store, feed: Feed, clock: Clock
) -> None:
    async with History(store, feed, clock, limit=100):
        feed.publish(finished(function="a"))
        feed.publish(finished(function="b"))
        assert await all_of(store) == []
        await asyncio.sleep(1)
        assert [row.function for row in await all_of(store)] == ["a", "b"]


def test_in_simulated_time_it_is_written_seldom(feed: Feed) -> None:
    async def main() -> None:
        clock = running_clock()
        async with Store(None, clock) as store, History(store, feed, clock, limit=100):
            feed.publish(finished(function="a"))
            await asyncio.sleep(60)
            assert await all_of(store) == []
            await asyncio.sleep(3600)
            assert [row.function for row in await all_of(store)] == ["a"]

    simulate(main(), VIRTUAL_START)


async def test_what_is_left_is_written_at_the_end(store: Store, feed: Feed, clock: Clock) -> None:
    async with History(store, feed, clock, limit=100):
        feed.publish(finished(function="a"))
    assert [row.function for row in await all_of(store)] == ["a"]


async def test_only_the_newest_are_kept(store: Store, feed: Feed, clock: Clock) -> None:
    async with History(store, feed, clock, limit=3):
        for number in range(5):
            feed.publish(finished(function=f"f{number}"))
            await asyncio.sleep(1)
    assert [row.function for row in await all_of(store)] == ["f2", "f3", "f4"]


async def test_a_limit_of_zero_keeps_nothing(store: Store, feed: Feed, clock: Clock) -> None:
    async with History(store, feed, clock, limit=0):
        feed.publish(finished())
    assert await all_of(store) == []


async def test_the_newest_of_one_function_are_listed_oldest_first(
    store: Store, feed: Feed, clock: Clock
) -> None:
    async with History(store, feed, clock, limit=100):
        for number in range(4):
            feed.publish(finished(function="ab"[number % 2], duration_ms=float(number)))
    assert [row.duration_ms for row in await all_of(store, function="a", limit=1)] == [2.0]
    failed = await store.read(lambda c: past_invocations(c, limit=9, failed=True))
    assert failed == []
