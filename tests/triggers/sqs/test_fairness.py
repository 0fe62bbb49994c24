"""Fair standard queues: quiet message groups before noisy ones."""

import asyncio
from datetime import timedelta

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.store.database import Store
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue import Queue

NO_WAIT = timedelta()


@pytest.fixture
def queue(store: Store, clock: Clock) -> Queue:
    return Queue("jobs", Account(), store, clock)


async def send(queue: Queue, group: str | None, count: int) -> None:
    await queue.send([OutgoingMessage(f"{group} {number}", group_id=group) for number in range(count)])
    await asyncio.sleep(0.001)


async def received(queue: Queue, limit: int = 10) -> list[str]:
    return [each.record["body"].split()[0] for each in await queue.receive(limit, wait=NO_WAIT)]


async def test_a_noisy_group_lets_quiet_ones_go_first(queue: Queue) -> None:
    await send(queue, "noisy", 1000)
    await send(queue, "after", 2)
    await send(queue, "quiet", 2)
    assert await received(queue) == ["noisy"] * 10
    assert sorted(await received(queue)) == ["after"] * 2 + ["noisy"] * 6 + ["quiet"] * 2
    assert await received(queue) == ["noisy"] * 10


async def test_no_group_is_noisy_below_ten_in_flight(queue: Queue) -> None:
    await send(queue, "first", 20)
    await send(queue, "second", 1)
    assert await received(queue, 9) == ["first"] * 9
    assert await received(queue, 9) == ["first"] * 9
    assert sorted(await received(queue, 3)) == ["first"] * 2 + ["second"]


async def test_a_group_is_quiet_again_when_its_messages_are_done(queue: Queue) -> None:
    await send(queue, "first", 20)
    await send(queue, "second", 1)
    found = await queue.receive(10)
    await queue.delete([each.receipt_handle for each in found])
    assert await received(queue) == ["first"] * 10


async def test_among_quiet_messages_the_oldest_go_first(queue: Queue) -> None:
    await send(queue, "m", 20)
    await received(queue)
    for group in ("z", "a", "q"):
        await send(queue, group, 1)
    assert await received(queue, 1) == ["z"]
    assert await received(queue, 1) == ["a"]
    assert await received(queue, 1) == ["q"]
    assert await received(queue, 1) == ["m"]


async def test_two_noisy_groups_keep_the_order_of_time(queue: Queue) -> None:
    await send(queue, "a", 10)
    await send(queue, "b", 10)
    assert await received(queue, 20) == ["a"] * 10 + ["b"] * 10
    await send(queue, "b", 1)
    await send(queue, "a", 1)
    assert await received(queue, 1) == ["b"]
    assert await received(queue, 1) == ["a"]


async def test_messages_without_a_group_keep_their_place(queue: Queue) -> None:
    await send(queue, "noisy", 12)
    await send(queue, None, 1)
    await send(queue, "quiet", 1)
    await received(queue)
    assert sorted(await received(queue, 2)) == ["noisy", "quiet"]
    assert sorted(await received(queue)) == ["None", "noisy"]
