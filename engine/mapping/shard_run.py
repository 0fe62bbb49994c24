"""One shard being read: its reader, its lanes, and the writer of its checkpoints, each in a task."""

import asyncio
from collections.abc import Callable

from engine.errors import HeadraceError
from engine.mapping.checkpoints import Checkpoint
from engine.mapping.shard_lane import ShardLane
from engine.mapping.shard_progress import ShardProgress
from engine.mapping.shard_reader import ShardReader
from engine.mapping.stream_job import StreamJob


class ShardRun:
    """`on_end` is called with the shard's id once it is processed to its end, and that is stored."""

    def __init__(
        self, job: StreamJob, shard_id: str, checkpoint: Checkpoint, on_end: Callable[[str], None]
    ) -> None:
        self._shard_id = shard_id
        self._on_end = on_end
        self._progress = ShardProgress(job, shard_id, checkpoint)
        self._reader = ShardReader(job, shard_id, self._progress)
        self._running_lanes = len(self._reader.lanes)
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to read."""
        name = f"shard {self._shard_id}"
        self._writer = group.create_task(self._progress.run(), name=f"{name}: checkpoints")
        self._tasks = [
            group.create_task(self._reader.run(), name=f"{name}: reader"),
            *(group.create_task(self._run_lane(lane), name=f"{name}: lane") for lane in self._reader.lanes),
        ]

    def wake(self) -> None:
        """Say that there may be more records."""
        self._reader.wake()

    async def stop(self) -> None:
        """Read no more; return once running invocations are finished and stored."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])

    async def _run_lane(self, lane: ShardLane) -> None:
        try:
            await lane.run()
            self._running_lanes -= 1
            if self._running_lanes:
                return
            self._progress.ended = True
            await self._progress.save()
        except HeadraceError:
            return  # the mapping stops while the store does not work; what is not stored is delivered again
        if self._writer is not None:
            self._writer.cancel()
        self._on_end(self._shard_id)
