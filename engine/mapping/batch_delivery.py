"""Sees the batches of one lane of a shard through: invoked, retried, cut, narrowed, given up.

One batch at a time. What ends is marked as processed; the checkpoint that says so may be committed while the
next batch runs already, but never the one after.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from engine.alarm import wait_until
from engine.errors import HeadraceError
from engine.feed import DestinationSent, EventDropped, RetryScheduled
from engine.invocation.destination import DestinationRefused
from engine.invocation.event import new_request_id
from engine.mapping.failure_destination import FailureDestination
from engine.mapping.failure_record import FailureRecord, LastAnswer
from engine.mapping.shard_progress import ShardProgress
from engine.mapping.stream_attempt import StreamAttempt, attempt
from engine.mapping.stream_job import StreamJob, Trouble
from engine.mapping.stream_record import ReadyRecord
from engine.mapping.stream_retry import (
    Again,
    Bisect,
    Condition,
    Done,
    Piece,
    StreamRetryLimits,
    backoff,
    count_expired,
    expires_at,
)
from engine.mapping.tumbling_window import TumblingWindow, window_of
from engine.mapping.unbroken import unbroken

SHORTEST_RETENTION = timedelta(hours=24)  # no stream lets its records expire sooner
UNTIL_IT_SUCCEEDS = StreamRetryLimits()


class BatchDelivery:
    """Cancelling what it does lets a running invocation finish and be settled; a second time abandons it."""

    def __init__(self, job: StreamJob, shard_id: str, lane: int, progress: ShardProgress) -> None:
        self._job = job
        self._shard_id = shard_id
        self._lane = lane
        self._progress = progress
        self._limits = job.settings.retry_limits
        self._window_length = job.settings.tumbling_window
        self._keeping = Trouble(job)
        self._saving: asyncio.Future[DestinationRefused | None] | None = None
        self._is_redelivered = False

    async def deliver(self, records: Sequence[ReadyRecord], request_id: str) -> None:
        """Return once every record is processed or given up. `request_id` is for the first invocation.

        Raises HeadraceError only when that could not be stored and the mapping stops.
        """
        pieces = deque([Piece(len(records))])
        start = 0
        first_id: str | None = request_id
        while pieces:
            piece = pieces.popleft()
            batch = records[start : start + piece.count]
            await self._wait(piece, batch[0].arrived_at)
            expired = count_expired([record.arrived_at for record in batch], self._job.now, self._limits)
            expired = expired or await self._count_lost(batch, piece)
            if expired:
                await unbroken(self._give_up(batch[:expired], "RecordAgeExceeded", piece.attempts, None))
                following: tuple[Piece, ...] = (replace(piece, count=piece.count - expired),)
                following = following if expired < piece.count else ()
            elif self._is_early(piece):
                following = (piece,)
            else:
                await self._prepare_window(batch[0])
                following = await unbroken(self._try(batch, piece, first_id))
                first_id = None
            pieces.extendleft(reversed(following))
            start += piece.count - sum(each.count for each in following)

    async def finish_window(self, window: TumblingWindow) -> None:
        """Invoke the function for the end of a window until it succeeds; then the state is dropped."""
        piece: Piece | None = Piece(0)
        while piece is not None:
            await self._wait(piece, None)
            piece = await unbroken(self._try_to_finish(window, piece))

    async def saved(self) -> None:
        """Return once the last checkpoint is committed. Raises HeadraceError only when stopping."""
        saving, self._saving = self._saving, None
        if saving is not None:
            await saving

    async def _wait(self, piece: Piece, head_arrived_at: datetime | None) -> None:
        """Wait for the next attempt, or until the record at the head is too old for one."""
        if piece.not_before is None:
            return
        expiry = None if head_arrived_at is None else expires_at(head_arrived_at, self._limits)
        until = piece.not_before if expiry is None else min(piece.not_before, expiry)
        with self._job.waits.of(piece.count, until, "retry"):
            await self._job.clock.sleep_until(until)

    def _is_early(self, piece: Piece) -> bool:
        return piece.not_before is not None and self._job.now < piece.not_before

    async def _count_lost(self, batch: Sequence[ReadyRecord], piece: Piece) -> int:
        """Return how many records at the head of a failing batch the stream itself has let expire."""
        head = batch[0]
        if not piece.attempts + piece.refusals or self._job.now - head.arrived_at < SHORTEST_RETENTION:
            return 0
        try:
            page = await self._job.source.read(self._shard_id, head.position - 1, 1)
        except (HeadraceError, OSError):
            return 0
        oldest = page.records[0].position if page.records else batch[-1].position + 1
        return sum(record.position < oldest for record in batch)

    async def _prepare_window(self, first: ReadyRecord) -> None:
        if self._window_length is None:
            return
        window = self._progress.window
        if window is not None and window.is_too_large:
            await self.finish_window(window)
        if self._progress.window is None:
            self._progress.window = window_of(first.arrived_at, self._window_length)

    async def _try(
        self, batch: Sequence[ReadyRecord], piece: Piece, request_id: str | None
    ) -> tuple[Piece, ...]:
        """Invoke the function once and settle what came of it; return what is to be tried next."""
        window = self._progress.window
        members = b"" if window is None else self._members(window, final=False)
        tried = await attempt(self._job, batch, piece, members, self._limits, request_id)
        await self.saved()
        if isinstance(tried.step, Done) and self._checkpoint_gets_lost(batch):
            return (piece,)
        if window is not None and tried.state is not None:
            self._progress.window = window.with_state(tried.state)
        step = tried.step
        if isinstance(step, Done):
            self._pass(batch)
            return ()
        if isinstance(step, Bisect):
            self._tell_of_retry(tried, "bisect", step.halves[0])
            return step.halves
        if step.processed:
            self._pass(batch[: step.processed])
        if isinstance(step, Again):
            self._tell_of_retry(tried, step.reason, step.piece)
            return (step.piece,)
        await self._give_up(batch[step.processed :], step.condition, step.attempts, tried.answer)
        return ()

    def _checkpoint_gets_lost(self, batch: Sequence[ReadyRecord]) -> bool:
        """Say whether it gets lost that a batch was processed, so that it comes again. That happens once."""
        job = self._job
        self._is_redelivered = (
            job.faults is not None
            and not self._is_redelivered
            and job.faults.redelivers(job.place, f"{len(batch)} records")
        )
        return self._is_redelivered

    async def _try_to_finish(self, window: TumblingWindow, piece: Piece) -> Piece | None:
        members = self._members(window, final=True)
        tried = await attempt(self._job, (), piece, members, UNTIL_IT_SUCCEEDS, None)
        await self.saved()
        if isinstance(tried.step, Again):
            self._tell_of_retry(tried, tried.step.reason, tried.step.piece)
            return tried.step.piece
        self._progress.window = None
        self._saving = self._progress.save()
        return None

    def _pass(self, records: Sequence[ReadyRecord]) -> None:
        self._progress.processed(self._lane, records)
        self._saving = self._progress.save()

    async def _give_up(
        self, records: Sequence[ReadyRecord], condition: Condition, attempts: int, answer: LastAnswer | None
    ) -> None:
        """Let the checkpoint pass over records, having sent word of them to the destination."""
        job, destination = self._job, self._job.on_failure
        request_id = new_request_id() if answer is None else answer.request_id
        origin = job.origin(self._shard_id)
        record = FailureRecord(origin, request_id, job.now, condition, attempts, answer, records)
        refusal = None if destination is None else await self._keep(destination, record)
        await self.saved()
        self._progress.processed(self._lane, records)
        if destination is None or refusal is not None:
            await self._progress.save()
        else:
            refusal = await self._progress.save(record)
        if destination is None or refusal is not None:
            dropped = EventDropped(
                job.now, job.function, request_id, condition, job.source.name, len(records)
            )
            job.publish(dropped)
        else:
            job.publish(
                DestinationSent(job.now, job.function, request_id, "on_failure", destination.arn, condition)
            )
        if destination is not None and refusal is not None:
            job.notice(
                f"on_failure of request {request_id} was not delivered to {destination.arn}: {refusal}"
            )

    async def _keep(
        self, destination: FailureDestination, record: FailureRecord
    ) -> DestinationRefused | None:
        """Let the destination keep the record; return why it would not."""
        failures = 0
        while True:
            try:
                await destination.keep(record)
            except DestinationRefused as refusal:
                return refusal
            except HeadraceError as error:
                self._keeping.note(error)
                if self._job.stopping.is_set():
                    raise
                failures += 1
            else:
                self._keeping.is_over()
                return None
            await wait_until(self._job.stopping, self._job.now + backoff(failures), self._job.clock)

    def _members(self, window: TumblingWindow, *, final: bool) -> bytes:
        return window.members(self._shard_id, self._job.source.arn, final=final)

    def _tell_of_retry(self, tried: StreamAttempt, reason: str, piece: Piece) -> None:
        job = self._job
        at = job.now if piece.not_before is None else piece.not_before
        job.publish(RetryScheduled(job.now, job.function, tried.request_id, piece.attempts + 1, at, reason))
