"""An event source mapping that reads a stream: every shard by itself, parents before their children.

Reads:   shards from where the mapping left off, woken by the source.
Invokes: synchronously, one batch of a lane after the other.
Settles: the checkpoint of a shard and what is sent to the on-failure destination, in one transaction.
Source:  Lambda developer guide, "Using Lambda with Amazon Kinesis" and "Using Lambda with Amazon DynamoDB".
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from engine.alarm import wait_until
from engine.errors import HeadraceError
from engine.mapping import checkpoints
from engine.mapping.checkpoints import Checkpoint
from engine.mapping.shard_run import ShardRun
from engine.mapping.source import Shard, StartingPosition
from engine.mapping.stream_job import ProcessingResult, StreamJob
from engine.mapping.waits import Waits

T = TypeVar("T")

OLDEST = StartingPosition("TRIM_HORIZON")
LOOK_PAUSE = timedelta(seconds=5)  # new shards come when others end; without that, look no more often
SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


class StreamMapping:
    """Run it in a task; `ready` is set once it is stored where the mapping reads from.

    Running it again, or a new one with the same `uuid`, goes on where it left off.
    """

    def __init__(self, job: StreamJob) -> None:
        self.ready = asyncio.Event()
        self._job = job
        self._checkpoints: dict[str, Checkpoint] = {}
        self._runs: dict[str, ShardRun] = {}
        self._news = asyncio.Event()
        self._shard_ended = asyncio.Event()

    @property
    def last_processing_result(self) -> ProcessingResult:
        """AWS's LastProcessingResult."""
        return self._job.last_processing_result

    @property
    def waits(self) -> Waits:
        """What it has in hand that waits for its time."""
        return self._job.waits

    async def run(self) -> None:
        """Read until cancelled; then let running invocations finish, and store how far that is.

        A second cancellation abandons them: what they were about is delivered again.
        """
        self._job.stopping.clear()
        async with asyncio.TaskGroup() as group:
            unlisten = self._job.source.listen(self._hear)
            try:
                await self._persist(self._begin)
                self.ready.set()
                while True:
                    self._news.clear()
                    self._shard_ended.clear()
                    for shard_id in await self._persist(self._find_readable):
                        self._start(shard_id, group)
                    await self._wait_for_shards()
            finally:
                unlisten()
                self._job.stopping.set()
                if self._runs:
                    await asyncio.gather(*(run.stop() for run in self._runs.values()))
                    self._runs.clear()

    async def _begin(self) -> None:
        """Read how far the mapping has come; when it is new, store where it begins."""
        job = self._job
        stored = await job.store.read(partial(checkpoints.load, mapping=job.uuid))
        if stored is None:
            stored = {
                shard.shard_id: Checkpoint((await job.source.start(shard.shard_id, job.settings.start),))
                for shard in await job.source.shards()
            }
            await job.store.write(partial(checkpoints.begin, mapping=job.uuid, checkpoints=stored))
        self._checkpoints = stored

    async def _find_readable(self) -> list[str]:
        """Store a place in shards that are new, forget those that are no more; return whose turn it is."""
        job, known = self._job, self._checkpoints
        shards = await job.source.shards()
        listed = {shard.shard_id for shard in shards}
        added = {
            shard_id: Checkpoint((await job.source.start(shard_id, OLDEST),))
            for shard_id in listed - known.keys()
        }
        gone = [name for name, checkpoint in known.items() if checkpoint.ended and name not in listed]
        if added or gone:

            def operation(connection: sqlite3.Connection) -> None:
                for shard_id, checkpoint in added.items():
                    checkpoints.save(connection, job.uuid, shard_id, checkpoint)
                checkpoints.forget_shards(connection, job.uuid, gone)

            await job.store.write(operation)
            for name in gone:
                del known[name]
            known.update(added)
        return [name for name in readable(shards, known, self._runs) if name not in self._runs]

    async def _persist(self, step: Callable[[], Awaitable[T]]) -> T:
        """Do something with source and store, trying again for as long as they fail."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                result = await step()
            except (HeadraceError, OSError) as error:
                self._job.reading.note(error)
                await self._job.clock.sleep_until(self._job.now + pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._job.reading.is_over()
                return result

    async def _wait_for_shards(self) -> None:
        """Return when shards may have come: when one has ended, or some while after other news."""
        looked = self._job.now
        await self._news.wait()
        if self._runs:
            await wait_until(self._shard_ended, looked + LOOK_PAUSE, self._job.clock)

    def _start(self, shard_id: str, group: asyncio.TaskGroup) -> None:
        run = ShardRun(self._job, shard_id, self._checkpoints[shard_id], self._end)
        self._runs[shard_id] = run
        run.start(group)

    def _end(self, shard_id: str) -> None:
        del self._runs[shard_id]
        checkpoint = self._checkpoints[shard_id]
        self._checkpoints[shard_id] = Checkpoint(checkpoint.marks, ended=True)
        self._shard_ended.set()
        self._news.set()

    def _hear(self) -> None:
        if self._job.faults is None:
            self.look_again()
        else:
            self._job.faults.wake_up(self._job.place, self.look_again)

    def look_again(self) -> None:
        """Look for new records and shards."""
        for run in self._runs.values():
            run.wake()
        self._news.set()


def readable(shards: Sequence[Shard], known: Mapping[str, Checkpoint], running: Collection[str]) -> list[str]:
    """Return the shards that are not processed to their ends, but whose parents are.

    A parent that the source no longer lists, because its records have expired, counts as processed unless it
    is `running`.
    """
    listed = {shard.shard_id for shard in shards}

    def is_over(name: str) -> bool:
        return known[name].ended if name in listed else name not in running

    return [
        shard.shard_id
        for shard in shards
        if not known[shard.shard_id].ended and all(is_over(parent) for parent in shard.parents)
    ]
