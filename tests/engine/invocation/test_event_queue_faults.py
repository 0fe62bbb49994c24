"""What declared faults do to asynchronous events: twice, again, in another order, later, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.fault_settings import FaultSettings
from engine.faults import Faults
from engine.feed import Fact, FaultInjected, Feed, RetryScheduled
from engine.invocation import event_table
from engine.invocation.event import AsyncEvent
from engine.invocation.event_queue import EventQueue
from engine.invocation.settlement import EventInvokeConfig
from engine.safety_net import LOOK_AFTER, SafetyNet
from engine.store.database import Store
from tests.fakes.scripted_functions import ScriptedFunctions, raised

CONFIG = EventInvokeConfig(Account().function("resize"), concurrency=5)
EVENTS = 10


@asynccontextmanager
async def running(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, **declared: Any
) -> AsyncIterator[EventQueue]:
    """Run a queue for a function with these faults, and with the net below it."""
    faults = Faults(FaultSettings(**declared), 1, feed)
    queue = EventQueue(store, clock, feed, functions, faults)
    queue.add("resize", CONFIG)
    net = SafetyNet(clock, queue.look_again)
    store.on_commit = net.spread
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(queue.run()), group.create_task(net.run())]
        yield queue
        for task in tasks:
            task.cancel()


async def accept(queue: EventQueue, count: int = EVENTS) -> list[str]:
    """Accept events in one moment; return their request ids."""
    events = [AsyncEvent("resize", b"{}", request_id=f"event-{number}") for number in range(count)]
    await asyncio.gather(*(queue.accept(event) for event in events))
    return [event.request_id for event in events]


@pytest.fixture
def functions(clock: Clock) -> ScriptedFunctions:
    return ScriptedFunctions(clock, seconds=1)


@pytest.fixture
def struck(feed: Feed) -> list[str]:
    kinds: list[str] = []

    def take(fact: Fact) -> None:
        if isinstance(fact, FaultInjected):
            kinds.append(fact.kind)

    feed.tap(take)
    return kinds


async def left(store: Store) -> dict[str, int]:
    return await store.read(event_table.waiting_by_function)


async def test_a_duplicate_runs_beside_its_event(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, struck: list[str]
) -> None:
    async with running(store, clock, feed, functions, duplicate_rate=1) as queue:
        ids = await accept(queue, 3)
        await asyncio.sleep(60)
    assert sorted(functions.request_ids()) == sorted(ids * 2)
    assert functions.most_running == 6
    assert struck == ["duplicate"] * 3
    assert await left(store) == {}


async def test_what_comes_of_a_duplicate_is_of_no_account(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.script = lambda function, invocation: raised("ValueError", "no")
    retries: list[Fact] = []
    feed.tap(lambda fact: retries.append(fact) if isinstance(fact, RetryScheduled) else None)
    async with running(store, clock, feed, functions, duplicate_rate=1) as queue:
        await accept(queue, 1)
        await asyncio.sleep(1000)
    assert len(functions.attempts) == 6
    assert len(retries) == 2
    assert await left(store) == {}


async def test_an_event_whose_success_gets_lost_runs_again_once(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, struck: list[str]
) -> None:
    async with running(store, clock, feed, functions, redelivery_rate=1) as queue:
        ids = await accept(queue)
        await asyncio.sleep(60)
    assert sorted(functions.request_ids()) == sorted(ids * 2)
    assert {attempt.invocation.attempt for attempt in functions.attempts} == {1}
    assert struck == ["redelivery"] * EVENTS
    assert await left(store) == {}


async def test_events_may_run_in_another_order(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    async with running(store, clock, feed, functions, reorder_rate=1) as queue:
        ids = await accept(queue)
        await asyncio.sleep(60)
    assert functions.request_ids() != ids
    assert sorted(functions.request_ids()) == sorted(ids)


@pytest.mark.parametrize(
    ("declared", "latest"),
    [
        pytest.param({"late_wake_up_rate": 1, "late_wake_up": "4s"}, timedelta(seconds=4), id="late"),
        pytest.param({"lost_wake_up_rate": 1}, 2 * LOOK_AFTER, id="lost"),
    ],
)
async def test_an_event_whose_wake_up_is_late_or_lost_runs_all_the_same(
    declared: dict[str, Any],
    latest: timedelta,
    store: Store,
    clock: Clock,
    feed: Feed,
    functions: ScriptedFunctions,
) -> None:
    async with running(store, clock, feed, functions, **declared) as queue:
        await asyncio.sleep(3600)
        accepted_at = clock.now()
        await accept(queue, 1)
        await asyncio.sleep(3600)
    (attempt,) = functions.attempts
    assert timedelta(0) < attempt.at - accepted_at <= latest
    assert await left(store) == {}


async def test_no_event_is_lost_or_run_twice_while_the_store_fails(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    faults = Faults(FaultSettings(store_busy_rate=0.3, store_full_rate=0.3), 1, feed)
    async with Store(None, clock, faults) as failing, running(failing, clock, feed, functions) as queue:
        ids = await accept(queue)
        failing.may_fail = True
        await asyncio.sleep(3600)
        failing.may_fail = False
        assert await left(failing) == {}
    assert sorted(functions.request_ids()) == sorted(ids)
