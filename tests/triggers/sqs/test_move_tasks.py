"""Tasks that move messages out of dead-letter queues."""

import asyncio

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from triggers.sqs.errors import InvalidParameter, TaskNotFound, UnsupportedOperation
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue_registry import QueueRegistry
from triggers.sqs.redrive import MOVED_AT_ONCE
from triggers.sqs.settings import QueueSettings


@pytest.fixture
async def registry(store: Store, clock: Clock, feed: Feed) -> QueueRegistry:
    settings = {name: QueueSettings() for name in ("dead", "jobs")}
    registry = QueueRegistry({}, settings, Account(), store, clock, feed)
    await registry.open()
    return registry


async def test_a_task_is_remembered_with_what_it_moved(registry: QueueRegistry) -> None:
    dead, jobs = registry.queues["dead"], registry.queues["jobs"]
    await dead.send([OutgoingMessage("a"), OutgoingMessage("b")])
    task = await registry.move_tasks.run(dead, jobs)
    assert (task.status, task.to_move, task.moved) == ("COMPLETED", 2, 2)
    assert (await dead.count(), await jobs.count()) == (0, 2)

    for _ in range(11):
        newest = await registry.move_tasks.run(dead, jobs)
    found = await registry.move_tasks.latest(dead, 100)
    assert len(found) == 10
    assert found[0] == newest
    assert await registry.move_tasks.latest(dead, 1) == [newest]
    assert await registry.move_tasks.latest(jobs, 1) == []


async def test_a_running_task_is_seen_and_can_be_cancelled(registry: QueueRegistry) -> None:
    dead, jobs = registry.queues["dead"], registry.queues["jobs"]
    await dead.send([OutgoingMessage("a")] * (MOVED_AT_ONCE * 3))
    running = asyncio.create_task(registry.move_tasks.run(dead, jobs))
    await asyncio.sleep(0)
    found = await registry.move_tasks.latest(dead, 1)
    assert found[0].status == "RUNNING"
    with pytest.raises(InvalidParameter, match="already a task running"):
        await registry.move_tasks.run(dead, jobs)
    await registry.move_tasks.cancel(found[0].task_id)

    task = await running
    assert task.status == "CANCELLED"
    assert 0 < task.moved < MOVED_AT_ONCE * 3
    assert await jobs.count() == task.moved


async def test_only_a_running_task_can_be_cancelled(registry: QueueRegistry) -> None:
    dead = registry.queues["dead"]
    task = await registry.move_tasks.run(dead, registry.queues["jobs"])
    with pytest.raises(UnsupportedOperation):
        await registry.move_tasks.cancel(task.task_id)
    with pytest.raises(TaskNotFound):
        await registry.move_tasks.cancel("nonsense")


async def test_a_task_that_fails_leaves_none_running(registry: QueueRegistry) -> None:
    dead = registry.queues["dead"]
    with pytest.raises(InvalidParameter, match="cannot be the same"):
        await registry.move_tasks.run(dead, dead)
    assert await registry.move_tasks.latest(dead, 10) == []
