"""How far one shard is processed, and the writes that say so.

One write is under way at a time. What is asked for meanwhile goes with the next one, so that a checkpoint and
the failure records of what it passes over are always in one transaction.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from engine.alarm import wait_until
from engine.errors import HeadraceError
from engine.invocation.destination import DestinationRefused
from engine.mapping import checkpoints
from engine.mapping.checkpoints import Checkpoint
from engine.mapping.failure_destination import FailureDestination
from engine.mapping.failure_record import FailureRecord
from engine.mapping.stream_job import StreamJob, Trouble
from engine.mapping.stream_record import ReadyRecord
from engine.value import dataclass

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Save:
    """A request to write; `done` gets why the destination refused the record, None when it is stored."""

    record: FailureRecord | None
    done: "asyncio.Future[DestinationRefused | None]"


class ShardProgress:
    """Run it in a task for as long as anybody asks for writes.

    `cursor` is the position up to which records were read and given to the lanes. `resume_after` has, for a
    lane that does not hold all of its records up to there, the position after which it goes on reading.
    """

    def __init__(self, job: StreamJob, shard_id: str, checkpoint: Checkpoint) -> None:
        lanes = job.settings.lanes
        self.marks = list(checkpoint.for_lanes(lanes))
        self.resume_after: list[int | None] = [None] * lanes
        self.cursor = min(self.marks)
        self.window = checkpoint.window if job.settings.tumbling_window else None
        self.ended = checkpoint.ended
        self._held = [0] * lanes  # records given to each lane and not processed
        self._job = job
        self._shard_id = shard_id
        self._trouble = Trouble(job)
        self._asked = asyncio.Event()
        self._saves: list[Save] = []

    @property
    def has_free_lane(self) -> bool:
        """Whether any lane has processed all that it was given."""
        return not all(self._held)

    def hold(self, lane: int, count: int) -> None:
        """Say that a lane was given records."""
        self._held[lane] += count

    def processed(self, lane: int, records: Sequence[ReadyRecord]) -> None:
        """Say that the records at the head of a lane are processed, or given up."""
        self._held[lane] -= len(records)
        self.marks[lane] = records[-1].position

    def checkpoint(self) -> Checkpoint:
        """Return how far the shard is processed. A lane that holds nothing is as far as was read."""
        marks = tuple(
            mark if held else max(mark, self.cursor if resume_after is None else resume_after)
            for mark, held, resume_after in zip(self.marks, self._held, self.resume_after, strict=True)
        )
        return Checkpoint(marks, self.ended, self.window)

    def save(self, record: FailureRecord | None = None) -> "asyncio.Future[DestinationRefused | None]":
        """Ask for a write of how far the shard is by then, and of a failure record with it.

        The future fails with a HeadraceError only when the mapping stops while the store does not work.
        """
        done: asyncio.Future[DestinationRefused | None] = asyncio.get_running_loop().create_future()
        self._saves.append(Save(record, done))
        self._asked.set()
        return done

    async def run(self) -> None:
        """Write what is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._write()

    async def _write(self) -> None:
        pause = SHORTEST_PAUSE
        while True:
            saves, self._saves = self._saves, []
            try:
                refusals = await self._job.store.write(self._operation(saves))
            except HeadraceError as error:
                self._trouble.note(error)
                if self._job.stopping.is_set():
                    _fail(saves, error)
                    return
                self._saves = [*saves, *self._saves]
                await wait_until(self._job.stopping, self._job.now + pause, self._job.clock)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            self._trouble.is_over()
            self._answer(saves, refusals)
            return

    def _operation(self, saves: Sequence[Save]) -> "partial[list[DestinationRefused | None]]":
        return partial(
            _store,
            mapping=self._job.uuid,
            shard_id=self._shard_id,
            checkpoint=self.checkpoint(),
            destination=self._job.on_failure,
            records=[save.record for save in saves],
        )

    def _answer(self, saves: Sequence[Save], refusals: Sequence[DestinationRefused | None]) -> None:
        if self._job.on_failure is not None and any(save.record is not None for save in saves):
            self._job.on_failure.wake()
        for save, refusal in zip(saves, refusals, strict=True):
            if not save.done.done():
                save.done.set_result(refusal)


def _store(
    connection: sqlite3.Connection,
    *,
    mapping: str,
    shard_id: str,
    checkpoint: Checkpoint,
    destination: FailureDestination | None,
    records: Sequence[FailureRecord | None],
) -> list[DestinationRefused | None]:
    checkpoints.save(connection, mapping, shard_id, checkpoint)
    refusals: list[DestinationRefused | None] = []
    for record in records:
        refusal = None
        if record is not None and destination is not None:
            try:
                destination.send(connection, record)
            except DestinationRefused as error:
                refusal = error
        refusals.append(refusal)
    return refusals


def _fail(saves: Sequence[Save], error: HeadraceError) -> None:
    for save in saves:
        if not save.done.done():
            save.done.set_exception(error)
            save.done.exception()  # whoever asked may be gone
