"""What declared faults do to queues: what AWS's contract allows, and never more."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from engine.clock import Clock
from engine.fault_settings import FaultSettings
from engine.feed import FaultInjected
from engine.safety_net import LOOK_AFTER, SafetyNet
from engine.store.database import Store
from tests.fakes.queue_bench import Bench, bench
from tests.fakes.scripted_functions import Answer, returned
from triggers.sqs.message import OutgoingMessage

BODIES = [f"m{number}" for number in range(20)]
VISIBILITY = timedelta(seconds=30)


def made(clock: Clock, store: Store, name: str = "jobs", **settings: Any) -> Bench:
    attributes = {key: settings.pop(key) for key in ("max_receive_count",) if key in settings}
    return bench(clock, store, name=name, declared=FaultSettings(**settings), **attributes)


async def seen(world: Bench, wait: float = 0) -> list[str]:
    """Receive whatever is there until nothing is, without deleting; return the bodies."""
    bodies: list[str] = []
    while found := await world.queue.receive_messages(10, wait=timedelta(seconds=wait)):
        bodies += [message.body for message in found]
    return bodies


def firsts(numbers: Sequence[int]) -> list[int]:
    """Return each number where it comes for the first time."""
    return list(dict.fromkeys(numbers))


def struck(world: Bench, kind: str) -> int:
    return sum(fact.kind == kind for fact in world.told(FaultInjected))


async def test_a_duplicate_is_received_a_second_time_while_the_first_is_hidden(
    clock: Clock, store: Store
) -> None:
    world = made(clock, store, duplicate_rate=1)
    await world.send(*BODIES)
    assert Counter(await seen(world)) == dict.fromkeys(BODIES, 2)
    assert struck(world, "duplicate") == len(BODIES)


async def test_some_messages_are_duplicated_at_a_lower_rate(clock: Clock, store: Store) -> None:
    world = made(clock, store, duplicate_rate=0.3)
    await world.send(*BODIES)
    assert len(BODIES) < len(await seen(world)) < 2 * len(BODIES)


async def test_no_duplicate_brings_a_message_to_the_dead_letter_queue(clock: Clock, store: Store) -> None:
    world = made(clock, store, duplicate_rate=1, redelivery_rate=1, max_receive_count=1)
    await world.send(*BODIES)
    assert sorted(await seen(world)) == sorted(BODIES)
    assert await world.dead_letters.count() == 0


async def test_messages_come_in_another_order(clock: Clock, store: Store) -> None:
    world = made(clock, store, reorder_rate=1)
    await world.send(*BODIES)
    order = await seen(world)
    assert order != BODIES
    assert sorted(order) == sorted(BODIES)
    assert any(body in BODIES[10:] for body in order[:10])


async def test_a_mapping_sees_each_message_twice_when_its_delete_gets_lost(
    clock: Clock, store: Store
) -> None:
    world = made(clock, store, redelivery_rate=1)
    async with world.running(BatchSize=5):
        await world.send(*BODIES)
        await asyncio.sleep(200)
    bodies = Counter(body for batch in world.batches() for body in batch)
    assert bodies == dict.fromkeys(BODIES, 2)
    assert world.times()[-1] == VISIBILITY.total_seconds()
    assert await world.queue.count() == 0


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"duplicate_rate": 1}, id="duplicates"),
        pytest.param({"reorder_rate": 1}, id="another order"),
        pytest.param({"smaller_batch_rate": 1}, id="smaller batches"),
        pytest.param({"redelivery_rate": 1}, id="lost deletes"),
        pytest.param({"redelivery_rate": 0.4, "smaller_batch_rate": 0.5}, id="some of both"),
    ],
)
async def test_no_fault_breaks_the_order_of_a_group(
    settings: dict[str, float], clock: Clock, store: Store
) -> None:
    world = made(clock, store, "orders.fifo", **settings)
    async with world.running(BatchSize=3):
        for body in BODIES:
            await world.send(body, group=f"group-{int(body[1:]) % 2}")
        await asyncio.sleep(2000)
    flat = [body for batch in world.batches() for body in batch]
    for parity in (0, 1):
        mine = [int(body[1:]) for body in flat if int(body[1:]) % 2 == parity]
        assert firsts(mine) == sorted(firsts(mine))
        assert firsts(mine[::-1]) == sorted(firsts(mine), reverse=True)  # nor does what comes again
    assert Counter(flat).keys() == set(BODIES)
    assert await world.queue.count() == 0
    if "duplicate_rate" in settings or "reorder_rate" in settings:
        assert world.told(FaultInjected) == []


async def test_batches_are_smaller_than_they_could_be(clock: Clock, store: Store) -> None:
    world = made(clock, store, smaller_batch_rate=1)
    async with world.running(BatchSize=10):
        await world.send(*BODIES)
        await asyncio.sleep(60)
    sizes = [len(batch) for batch in world.batches()]
    assert sum(sizes) == len(BODIES)
    assert all(size < 10 for size in sizes)
    assert await world.queue.count() == 0


@pytest.mark.parametrize(
    ("settings", "latest"),
    [
        pytest.param({"late_wake_up_rate": 1, "late_wake_up": "4s"}, timedelta(seconds=4), id="late"),
        pytest.param({"lost_wake_up_rate": 1}, 2 * LOOK_AFTER, id="lost"),
    ],
)
async def test_messages_whose_wake_up_is_late_or_lost_are_received_all_the_same(
    settings: dict[str, Any], latest: timedelta, clock: Clock, store: Store
) -> None:
    world = made(clock, store, **settings)
    net = SafetyNet(clock, world.queue.look_again)
    store.on_commit = net.spread
    looking = asyncio.create_task(net.run())
    async with world.running():
        await asyncio.sleep(86_400)
        sent_at = clock.now()
        await world.send("late")
        await asyncio.sleep(3600)
        (attempt,) = world.functions.attempts
        assert timedelta(0) < attempt.at - sent_at <= latest
    looking.cancel()


async def test_a_delayed_message_whose_wake_up_is_lost_is_received_when_its_delay_is_over(
    clock: Clock, store: Store
) -> None:
    world = made(clock, store, lost_wake_up_rate=1)
    net = SafetyNet(clock, world.queue.look_again)
    store.on_commit = net.spread
    looking = asyncio.create_task(net.run())
    delay = 2 * LOOK_AFTER  # so that nothing shows when it is looked for
    async with world.running():
        await asyncio.sleep(86_400)
        due = clock.now() + delay
        await world.queue.send([OutgoingMessage("later", delay=delay)])
        await asyncio.sleep(3600)
        assert [attempt.at for attempt in world.functions.attempts] == [due]
    looking.cancel()


async def test_partial_failures_are_judged_as_ever(clock: Clock, store: Store) -> None:
    world = made(clock, store, redelivery_rate=1, duplicate_rate=1, smaller_batch_rate=1)

    def fail_the_first(records: list[dict[str, Any]]) -> Answer:
        return returned({"batchItemFailures": [{"itemIdentifier": records[0]["messageId"]}]})

    world.script(fail_the_first)
    async with world.running(BatchSize=5, FunctionResponseTypes=["ReportBatchItemFailures"]):
        await world.send(*BODIES)
        await asyncio.sleep(100)
        world.script(lambda records: returned(None))
        await asyncio.sleep(1000)
    assert await world.queue.count() == 0
