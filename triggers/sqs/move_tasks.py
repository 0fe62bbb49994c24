"""Runs message move tasks and remembers them.

A task is done by the time its starter is answered; who asks meanwhile sees it running, and may cancel it.
Source: Amazon SQS API reference, StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask.
"""

from dataclasses import replace
from functools import partial

from engine.clock import Clock, to_millis
from engine.random_uuid import random_uuid
from engine.store.database import Store
from triggers.sqs import move_task_table
from triggers.sqs.errors import InvalidParameter, TaskNotFound, UnsupportedOperation
from triggers.sqs.move_task_table import MessageMoveTask
from triggers.sqs.queue import Queue


class MoveTasks:
    """The tasks of all queues."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._running: dict[str, MessageMoveTask] = {}
        self._cancelled: set[str] = set()

    async def run(self, source: Queue, destination: Queue | None) -> MessageMoveTask:
        """Move the messages of a queue; return the task when it has ended.

        Raises InvalidParameter when the queues do not go together or another task is running, StoreError.
        """
        if any(task.source == source.arn for task in self._running.values()):
            raise InvalidParameter(
                "There is already a task running. Only one active task is allowed for a source queue arn "
                "at a given time."
            )
        task = MessageMoveTask(
            random_uuid(),
            source.arn,
            None if destination is None else destination.arn,
            to_millis(self._clock.now()),
            to_move=0,
        )
        self._running[task.task_id] = task
        try:
            task = self._running[task.task_id] = replace(task, to_move=(await source.counts()).visible)
            moved = await source.move_back(destination, partial(self._note, task.task_id))
        finally:
            del self._running[task.task_id]
            was_cancelled = task.task_id in self._cancelled
            self._cancelled.discard(task.task_id)
        ended = replace(task, status="CANCELLED" if was_cancelled else "COMPLETED", moved=moved)
        await self._store.write(partial(move_task_table.save, task=ended))
        return ended

    async def latest(self, source: Queue, limit: int) -> list[MessageMoveTask]:
        """Return the latest tasks of a queue, the newest first."""
        running = [task for task in self._running.values() if task.source == source.arn]
        ended = await self._store.read(partial(move_task_table.load, source=source.arn, limit=limit))
        return [*running, *ended][:limit]

    async def cancel(self, task_id: str) -> int:
        """Stop a task; return how many messages it has moved. What it has moved stays there.

        Raises UnsupportedOperation for one that has ended, TaskNotFound for one that there has never been.
        """
        if task_id in self._running:
            self._cancelled.add(task_id)
            return self._running[task_id].moved
        if await self._store.read(partial(move_task_table.is_known, task_id=task_id)):
            raise UnsupportedOperation("Only a task that is running can be cancelled.")
        raise TaskNotFound

    def _note(self, task_id: str, moved: int) -> bool:
        self._running[task_id] = replace(self._running[task_id], moved=moved)
        return task_id not in self._cancelled
