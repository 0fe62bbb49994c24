"""What declared faults do to stream mappings: batches cut or repeated, wake-ups late or lost, order kept."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine.clock import Clock
from engine.fault_settings import FaultSettings
from engine.faults import Faults
from engine.feed import Fact, FaultInjected, Feed
from engine.mapping import checkpoints
from engine.mapping.stream_mapping import StreamMapping
from engine.safety_net import LOOK_AFTER, SafetyNet
from engine.store.database import Store
from tests.fakes.scripted_functions import ScriptedFunctions, returned
from tests.fakes.scripted_stream import ONLY_SHARD, ScriptedStream
from tests.fakes.stream_mappings import UUID, labels, running, stream_mapping

LABELS = [str(number) for number in range(24)]


class World:
    """A stream with records, and a function."""

    def __init__(self, clock: Clock, store: Store, feed: Feed) -> None:
        self.stream, self.functions = ScriptedStream(clock), ScriptedFunctions(clock, seconds=0.1)
        self.facts: list[Fact] = []
        feed.tap(self.facts.append)
        self.clock, self._store, self._feed = clock, store, feed

    def mapping(self, declared: dict[str, Any], **settings: Any) -> StreamMapping:
        faults = Faults(FaultSettings(**declared), 1, self._feed)
        return stream_mapping(
            self.stream, self.functions, self._store, self.clock, self._feed, faults=faults, **settings
        )

    def batches(self) -> list[list[str]]:
        return [labels(attempt.invocation) for attempt in self.functions.attempts]

    def struck(self) -> list[str]:
        return [fact.kind for fact in self.facts if isinstance(fact, FaultInjected)]

    async def marks(self) -> tuple[int, ...]:
        stored = await self._store.read(lambda connection: checkpoints.load(connection, UUID)) or {}
        return stored[ONLY_SHARD].marks


@pytest.fixture
def world(clock: Clock, store: Store, feed: Feed) -> World:
    return World(clock, store, feed)


async def test_a_batch_is_cut_and_its_rest_comes_next(world: World) -> None:
    for label in LABELS:
        world.stream.put(label)
    async with running(world.mapping({"smaller_batch_rate": 1}, batch_size=6)):
        await asyncio.sleep(60)
    assert [label for batch in world.batches() for label in batch] == LABELS
    assert all(len(batch) < 6 for batch in world.batches())
    assert await world.marks() == (len(LABELS),)


async def test_a_batch_whose_checkpoint_gets_lost_comes_once_more_before_the_next(world: World) -> None:
    for label in LABELS:
        world.stream.put(label)
    async with running(world.mapping({"redelivery_rate": 1}, batch_size=6)):
        await asyncio.sleep(60)
    parts = [LABELS[start : start + 6] for start in range(0, len(LABELS), 6)]
    assert world.batches() == [batch for part in parts for batch in (part, part)]
    assert world.struck() == ["redelivery"] * len(parts)
    assert await world.marks() == (len(LABELS),)


async def test_the_state_of_a_window_is_that_of_the_delivery_that_counts(world: World) -> None:
    world.functions.script = lambda function, invocation: returned(
        {"state": {"runs": len(world.functions.attempts)}}
    )
    world.stream.put("0")
    async with running(world.mapping({"redelivery_rate": 1}, tumbling_window_in_seconds=30)):
        await asyncio.sleep(60)
    states = [
        attempt.invocation.payload.partition(b'"state":')[2][:10] for attempt in world.functions.attempts
    ]
    assert states[0] == states[1]
    assert b'"state":{"runs":2}' in world.functions.attempts[2].invocation.payload


@pytest.mark.parametrize("lanes", [1, 4])
async def test_no_fault_breaks_the_order_of_a_key(lanes: int, world: World) -> None:
    declared = {"smaller_batch_rate": 0.5, "redelivery_rate": 0.5, "late_wake_up_rate": 0.3}
    async with running(world.mapping(declared, batch_size=5, parallelization_factor=lanes)):
        for label in LABELS:
            world.stream.put(label, key=f"k{int(label) % 3}")
            await asyncio.sleep(0.05)
        await asyncio.sleep(60)
    flat = [int(label) for batch in world.batches() for label in batch]
    for remainder in range(3):
        mine = [number for number in flat if number % 3 == remainder]
        for ordered in (mine, mine[::-1]):
            assert list(dict.fromkeys(ordered)) == sorted(set(mine), reverse=ordered is not mine)


@pytest.mark.parametrize(
    ("declared", "latest"),
    [
        pytest.param({"late_wake_up_rate": 1, "late_wake_up": "4s"}, timedelta(seconds=4), id="late"),
        pytest.param({"lost_wake_up_rate": 1}, 2 * LOOK_AFTER, id="lost"),
    ],
)
async def test_records_whose_wake_up_is_late_or_lost_arrive_all_the_same(
    declared: dict[str, Any], latest: timedelta, world: World
) -> None:
    mapping = world.mapping(declared)

    async def look() -> None:
        mapping.look_again()

    net = SafetyNet(world.clock, look)
    looking = asyncio.create_task(net.run())
    async with running(mapping):
        await asyncio.sleep(86_400)
        put_at = world.clock.now()
        world.stream.put("late")
        net.spread()
        await asyncio.sleep(3600)
    (attempt,) = world.functions.attempts
    assert timedelta(0) < attempt.at - put_at <= latest
    looking.cancel()
