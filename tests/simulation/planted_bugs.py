"""Bugs for a copy of the engine, each as somebody could have written it. Every one is a context manager."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

from engine.errors import ResourceNotFound
from engine.feed import EventEmitted
from engine.invocation import retry
from engine.invocation.dispatcher import Dispatcher
from engine.invocation.event import AsyncEvent
from engine.invocation.event_queue import EventQueue
from engine.invocation.settlement import Attempt
from engine.mapping import stream_mapping
from engine.mapping.checkpoints import Checkpoint
from engine.mapping.queue_mapping import QueueMapping
from engine.mapping.shard_progress import ShardProgress
from engine.mapping.source import Shard
from engine.mapping.stream_job import StreamJob
from triggers.sqs import fifo, message_table, receive
from triggers.sqs.arrivals import Arrivals
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message_table import MessageRow
from triggers.sqs.receive import Sorted

Planted = AbstractContextManager[Any]


@contextmanager
def acknowledge_before_commit() -> Iterator[None]:
    """An event is accepted while it is on its way to the store."""
    writing: set[asyncio.Task[None]] = set()

    async def accept(self: EventQueue, event: AsyncEvent) -> None:
        if not self.knows(event.function):
            raise ResourceNotFound("Function", event.function)

        async def write() -> None:
            await self._store.write(partial(self.insert, events=(event,)))
            self.wake()

        task = asyncio.create_task(write())
        writing.add(task)
        task.add_done_callback(_forget_errors)
        now = self._clock.now()
        self._feed.publish(EventEmitted(now, event.source, event.function, event.request_id, "Invoke", ""))

    with patch.object(EventQueue, "accept", accept):
        yield


def _forget_errors(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        task.exception()


def checkpoint_past_a_failed_record() -> Planted:
    """A checkpoint says how far the shard was read, whatever is still in hand."""

    def checkpoint(self: ShardProgress) -> Checkpoint:
        marks = tuple(
            max(mark, self.cursor if resume_after is None else resume_after)
            for mark, resume_after in zip(self.marks, self.resume_after, strict=True)
        )
        return Checkpoint(marks, self.ended, self.window)

    return patch.object(ShardProgress, "checkpoint", checkpoint)


def lost_wake_up() -> Planted:
    """Who waits for messages does not hear a bell that rang between his looking and his waiting."""
    wait = Arrivals.wait

    async def deaf(self: Arrivals, seen: int, until: datetime | None) -> None:
        await wait(self, self.count, until)

    return patch.object(Arrivals, "wait", deaf)


def lost_fifo_order() -> Planted:
    """A message that is hidden does not hold up the rest of its group."""

    def visible(connection: Any, queue: str, group: str, now: int, limit: int) -> list[MessageRow]:
        rows = message_table.select(
            connection, f"{fifo.OF_GROUP} ORDER BY sequence LIMIT ?", (queue, group, limit)
        )
        return [row for row in rows if row.visible_at <= now]

    @contextmanager
    def planted() -> Iterator[None]:
        with patch.object(fifo, "visible_in_order", visible), patch.object(fifo, "refresh", _refresh_visible):
            yield

    return planted()


def _refresh_visible(connection: Any, queue: str, groups: Sequence[str | None]) -> None:
    """As the original, but the message that shows first stands for its group."""
    for group in groups:
        head = connection.execute(
            f"SELECT visible_at, sequence FROM sqs_messages WHERE {fifo.OF_GROUP}"
            " ORDER BY visible_at, sequence LIMIT 1",
            (queue, group),
        ).fetchone()
        connection.execute("DELETE FROM sqs_groups WHERE queue = ? AND group_id = ?", (queue, group))
        if head is not None:
            connection.execute(
                "INSERT INTO sqs_groups (queue, group_id, ready_at, head) VALUES (?, ?, ?, ?)",
                (queue, group, *head),
            )


def double_settlement() -> Planted:
    """An event is settled once more when it has been."""
    settle = Dispatcher._settle

    def twice(self: Dispatcher, attempt: Attempt) -> None:
        settle(self, attempt)
        self._in_hand += 1
        settle(self, attempt)

    return patch.object(Dispatcher, "_settle", twice)


def hasty_retries() -> Planted:
    """Asynchronous events are tried again after half the time."""
    return patch.object(retry, "RETRY_DELAYS", (timedelta(seconds=30), timedelta(seconds=60)))


def one_receive_too_many() -> Planted:
    """A message goes to its dead-letter queue once it was received more often than it may be."""
    sort_out = receive.sort_out

    def generous(candidates: Sequence[MessageRow], queue: QueueAttributes, now: datetime) -> Sorted:
        found = sort_out(candidates, queue, now)
        most = 0 if queue.redrive_policy is None else queue.redrive_policy.max_receive_count
        spared = [row for row in found.exhausted if row.receive_count == most]
        exhausted = [row for row in found.exhausted if row.receive_count > most]
        return Sorted([*found.deliverable, *spared], found.expired, exhausted)

    return patch.object(receive, "sort_out", generous)


def unlimited_concurrency() -> Planted:
    """A mapping makes batches as fast as messages come."""

    async def at_once(self: QueueMapping) -> None:
        """Wait for nothing."""

    return patch.object(QueueMapping, "_wait_for_slot", at_once)


def kept_leases() -> Planted:
    """What a crashed simulator had in hand stays there."""

    async def keep(self: EventQueue) -> None:
        """Release nothing."""

    return patch.object(EventQueue, "release_leases", keep)


def children_before_parents() -> Planted:
    """A mapping reads the shards that a split has made while their parent has not been read to its end."""

    def readable(shards: Sequence[Shard], known: Mapping[str, Checkpoint], running: object) -> list[str]:
        return [shard.shard_id for shard in shards if not known[shard.shard_id].ended]

    return patch.object(stream_mapping, "readable", readable)


def forgotten_windows() -> Planted:
    """A restart begins a tumbling window anew, without its state."""
    make = ShardProgress.__init__

    def forgetful(self: ShardProgress, job: StreamJob, shard_id: str, checkpoint: Checkpoint) -> None:
        make(self, job, shard_id, checkpoint)
        self.window = None

    return patch.object(ShardProgress, "__init__", forgetful)
