"""One lane of a shard: collects its records into batches and sees one after the other through.

A shard has as many lanes as the mapping's parallelization factor; the records of one key are in one lane.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from engine.alarm import wait_until
from engine.feed import BatchClosed
from engine.invocation.event import new_request_id
from engine.mapping.batch_delivery import BatchDelivery
from engine.mapping.shard_progress import ShardProgress
from engine.mapping.stream_batching import GrowingBatch, WaitUntil
from engine.mapping.stream_job import StreamJob
from engine.mapping.stream_record import ReadyRecord
from engine.mapping.tumbling_window import window_of
from engine.mapping.waits import Reason

FULL_BYTES = 8 * 1024 * 1024  # of records that wait in one lane


class ShardTip:
    """Where the reader of a shard is, as its lanes see it.

    `may_have_more`: it has not seen the end of what there is. `more_at_once`: it is reading on already.
    `ended`: it has read all that the shard will ever have. `seen_at` is when it last found nothing new.
    """

    def __init__(self) -> None:
        self.may_have_more = True
        self.more_at_once = False
        self.ended = False
        self.seen_at: datetime | None = None


class ShardLane:
    """Give it records with `put`, and ring `news` after that and after each change of `tip`.

    It is full with `room` records, and calls `wake_reader` when it no longer is, and when it is empty.
    """

    def __init__(
        self,
        job: StreamJob,
        shard_id: str,
        number: int,
        progress: ShardProgress,
        tip: ShardTip,
        room: int,
        wake_reader: Callable[[], None],
    ) -> None:
        self.number = number
        self.news = asyncio.Event()
        self._job = job
        self._progress = progress
        self._tip = tip
        self._wake_reader = wake_reader
        self._room = room
        self._limits = job.settings.batch_limits
        self._window_length = job.settings.tumbling_window
        self._waiting: deque[ReadyRecord] = deque()
        self._waiting_bytes = 0
        self._growing: GrowingBatch | None = None
        self._delivery = BatchDelivery(job, shard_id, number, progress)

    @property
    def is_full(self) -> bool:
        """Whether more records should not be read for this lane."""
        return len(self._waiting) >= self._room or self._waiting_bytes >= FULL_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether no records wait in it."""
        return not self._waiting

    def put(self, records: Sequence[ReadyRecord]) -> None:
        """Take the next records of the lane."""
        self._waiting.extend(records)
        self._waiting_bytes += sum([len(record.json) for record in records])
        self._progress.hold(self.number, len(records))

    async def run(self) -> None:
        """Deliver batches until the shard has ended, or until cancelled.

        The last checkpoint is committed then. Raises HeadraceError when that was not possible and the mapping
        stops.
        """
        try:
            while not await self._step():
                pass
        finally:
            await self._delivery.saved()

    async def _step(self) -> bool:
        """Do what is next, or wait for it; say whether the lane has come to its end."""
        batch, window = self._grow(), self._progress.window
        if batch is None:
            if window is not None and self._window_is_over():
                await self._delivery.finish_window(window)
            elif self._has_ended():
                return True
            else:
                await self._wait(None if window is None else window.end, 0, "tumbling window")
            return False
        step = batch.next_step(
            self._job.now,
            more_at_once=self._tip.more_at_once,
            ended=self._has_ended(),
            before=None if window is None else window.end,
        )
        if isinstance(step, WaitUntil):
            await self._wait(step.moment, len(batch.records), "batching window")
            return False
        self._growing = None
        request_id, job, records = new_request_id(), self._job, self._cut(batch.records)
        job.publish(BatchClosed(job.now, job.function, job.source.name, request_id, len(records), step))
        await self._delivery.deliver(records, request_id)
        return False

    def _cut(self, records: Sequence[ReadyRecord]) -> Sequence[ReadyRecord]:
        """Return what is left of a batch that a fault makes smaller; the rest waits again, at the head."""
        job = self._job
        count = len(records) if job.faults is None else job.faults.cut(job.place, len(records))
        rest = records[count:]
        self._waiting.extendleft(reversed(rest))
        self._waiting_bytes += sum([len(record.json) for record in rest])
        return records[:count] if rest else records

    def _grow(self) -> GrowingBatch | None:
        """Put what waits into the growing batch; return it, None when there is none or its window is over."""
        if self._growing is None:
            if not self._waiting or self._window_is_over():
                return None
            self._growing = self._new_batch()
        batch, window = self._growing, self._progress.window
        was_full, had = self.is_full, len(batch.records)
        batch.take_from(self._waiting, None if window is None else window.end)
        self._waiting_bytes -= sum([len(record.json) for record in batch.records[had:]])
        if self.is_empty or (was_full and not self.is_full):
            self._wake_reader()
        return batch

    def _new_batch(self) -> GrowingBatch:
        if self._window_length is None:
            return GrowingBatch(self._limits)
        if self._progress.window is None:
            self._progress.window = window_of(self._waiting[0].arrived_at, self._window_length)
        return GrowingBatch(self._limits, self._progress.window.event_bytes)

    def _window_is_over(self) -> bool:
        """Say whether the open window gets no more records.

        At its end it still may, until the reader has looked once more.
        """
        window, tip = self._progress.window, self._tip
        if window is None:
            return False
        if window.is_too_large:
            return True
        if self._waiting:
            return self._waiting[0].arrived_at >= window.end
        return self._has_ended() or (tip.seen_at is not None and tip.seen_at >= window.end)

    def _has_ended(self) -> bool:
        return self._tip.ended and not self._waiting and self._progress.resume_after[self.number] is None

    async def _wait(self, moment: datetime | None, count: int, reason: Reason) -> None:
        """Return when there is news, or at `moment`. When that has passed, the reader is asked to look."""
        if moment is not None and moment > self._job.now:
            with self._job.waits.of(count, moment, reason):
                await wait_until(self.news, moment, self._job.clock)
        else:
            if moment is not None:
                self._tip.may_have_more = True
                self._wake_reader()
            await self.news.wait()
        self.news.clear()
