"""The loop of an event source mapping from a queue: receive, filter, batch, invoke, delete.

One receiver makes batches, so that what comes slowly gathers in one of them; as many as the scaling allows
are on their way at once. A batch closes at its size, at 6 MB, or when its window ends, which begins with the
first message. Source: Lambda developer guide, "Using Lambda with Amazon SQS" and "Batching behavior".
"""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import orjson

from engine.alarm import wait_until
from engine.clock import Clock
from engine.errors import HeadraceError
from engine.feed import Feed, Notice
from engine.functions.invocation import FunctionRunner
from engine.mapping.filter_criteria import FilterCriteria, compile_criteria
from engine.mapping.queue_batch import QueueBatch, QueueBuffer, ReceivedMessage
from engine.mapping.queue_delivery import QueueDelivery
from engine.mapping.queue_invoker import QueueInvoker
from engine.mapping.queue_scaling import (
    HELD,
    ScalingLimits,
    after_quiet,
    grown,
    lowered,
    next_fall,
    recovered,
    scaling_limits,
)
from engine.mapping.source import QueueMessage, QueueSource
from engine.mapping.waits import Waits
from engine.value import dataclass

if TYPE_CHECKING:
    from engine.faults import Faults

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
WINDOW_ALLOWANCE = timedelta(seconds=30)  # of visibility, beyond the window and the function's timeout


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How a mapping treats its queue. `visibility` is set where it overrides the queue's own timeout."""

    batch_size: int
    window: timedelta
    criteria: FilterCriteria | None
    reports_failures: bool
    scaling: ScalingLimits
    visibility: timedelta | None

    @classmethod
    def of(
        cls,
        params: Mapping[str, Any],
        *,
        visibility_timeout: timedelta,
        function_timeout: timedelta,
        environments: int,
    ) -> Self:
        """Read the parameters of the API, with their defaults. `visibility_timeout` is the queue's.

        A window that would outlast it together with the function makes Lambda hide messages for longer.
        """
        window = timedelta(seconds=params["MaximumBatchingWindowInSeconds"])
        patterns = [each["Pattern"] for each in params.get("FilterCriteria", {}).get("Filters", ())]
        needed = window + function_timeout
        return cls(
            batch_size=params["BatchSize"],
            window=window,
            criteria=compile_criteria("sqs", patterns) if patterns else None,
            reports_failures="ReportBatchItemFailures" in params["FunctionResponseTypes"],
            scaling=scaling_limits(params, environments),
            visibility=needed + WINDOW_ALLOWANCE if window and needed > visibility_timeout else None,
        )


class QueueMapping:
    """Moves messages from one queue to one function."""

    last_processing_result: str | None = None  # Lambda has none for queues

    def __init__(
        self,
        source: QueueSource,
        function: str,
        options: QueueOptions,
        *,
        runner: FunctionRunner,
        clock: Clock,
        feed: Feed,
        qualifier: str | None = None,
        faults: "Faults | None" = None,
    ) -> None:
        """`qualifier` is that of the function, if the mapping has one."""
        self._faults = faults
        self.ready = asyncio.Event()
        self.waits = Waits()
        self._source = source
        self._function = function
        self._options = options
        self._clock = clock
        self._feed = feed
        self._concurrency = float(options.scaling.start)
        self._no_growth_before: datetime | None = None
        self._no_recovery_before: datetime | None = None
        self._running = 0
        self._working: set[asyncio.Task[None]] = set()
        self._buffer = QueueBuffer(options.batch_size, options.window)
        self._slot_freed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._pause = SHORTEST_PAUSE
        self._told: set[str] = set()  # of trouble, so that it is told once
        self._invoker = QueueInvoker(
            source,
            function,
            qualifier=qualifier,
            reports_failures=options.reports_failures,
            runner=runner,
            clock=clock,
            feed=feed,
            stopping=self._stopping,
            waits=self.waits,
            on_trouble=self._note_trouble,
            on_refusal=self._lower_concurrency,
        )
        self._delivery = QueueDelivery(
            source,
            function,
            self._invoker,
            clock=clock,
            feed=feed,
            stopping=self._stopping,
            on_trouble=self._note_trouble,
            on_answer=self._learn,
        )

    async def run(self) -> None:
        """Move messages until cancelled; then let running invocations end, and settle them, before returning.

        What was received and not yet given to the function is visible again. A second cancellation abandons
        the invocations: their messages show again when their visibility timeouts are over.
        """
        self.ready.set()
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    await self._wait_for_slot()
                    batch = self._cut(await self._next_batch(group))
                    self._running += 1
                    self._begin(group, self._delivery.deliver(batch, self._one_has_ended))
                    if self._buffer and not self._may_go_on_at_once():
                        self._begin(group, self._delivery.give_back(self._buffer.clear()))
            finally:
                self._stopping.set()
                try:
                    await self._delivery.give_back(self._buffer.clear())
                    if self._working:
                        await asyncio.wait(self._working)
                finally:
                    self._invoker.close()

    def _begin(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        task = group.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _wait_for_slot(self) -> None:
        """Return when one more batch may be on its way; the concurrency grows while all are busy."""
        limits = self._options.scaling
        while int(self._concurrency) <= self._running:
            self._slot_freed.clear()
            if self._concurrency >= limits.most:
                await self._slot_freed.wait()
                continue
            now = self._clock.now()
            busy_from = max(now, self._no_growth_before or now)
            await wait_until(self._slot_freed, busy_from + limits.growth_step, self._clock)
            self._concurrency = grown(self._concurrency, self._clock.now() - busy_from, limits)

    def _may_go_on_at_once(self) -> bool:
        """Say whether what a batch has left over may be the next one: nothing waits here while it is hidden.

        In a FIFO queue it might overtake what fails now.
        """
        return not (self._options.window or self._source.is_fifo) and self._running < int(self._concurrency)

    async def _next_batch(self, group: asyncio.TaskGroup) -> QueueBatch:
        """Receive and return the next batch."""
        if not self._buffer:
            await self._receive_first(group)
        opened_at = now = self._clock.now()
        while (batch := self._buffer.close(opened_at, now)) is None:
            closes_at = opened_at + self._options.window
            with self.waits.of(len(self._buffer), closes_at, "batching window"):
                await self._receive(group, self._options.batch_size - len(self._buffer), closes_at - now)
            now = self._clock.now()
        return batch

    def _cut(self, batch: QueueBatch) -> QueueBatch:
        """Return what is left of a batch that a fault makes smaller; the rest is back in the buffer."""
        if self._faults is None:
            return batch
        count = self._faults.cut(self._place, len(batch.received))
        if count == len(batch.received):
            return batch
        self._buffer.put_back(batch.received[count:])
        return QueueBatch(batch.received[:count], batch.reason)

    @property
    def _place(self) -> str:
        return f"{self._source.name} -> functions.{self._function}"

    async def _receive_first(self, group: asyncio.TaskGroup) -> None:
        """Receive until there is something for the function: enough for all free slots, if order allows."""
        limits = self._options.scaling
        one_at_a_time = self._source.is_fifo or self._options.window
        quiet, since = timedelta(0), self._clock.now()
        while not self._buffer:
            free = 1 if one_at_a_time else max(1, int(self._concurrency) - self._running)
            wait = next_fall(self._concurrency, quiet, limits)
            await self._receive(group, self._options.batch_size * free, wait)
            quiet = self._clock.now() - since
            self._concurrency = after_quiet(self._concurrency, quiet, limits)

    async def _receive(self, group: asyncio.TaskGroup, limit: int, wait: timedelta | None) -> None:
        """Add to the buffer what the queue has, or gets within `wait`, and the filter keeps."""
        try:
            messages = await self._source.receive(
                limit,
                most_bytes=self._buffer.free_bytes,
                visibility_timeout=self._options.visibility,
                wait=wait,
            )
        except (HeadraceError, OSError) as error:
            self._note_trouble(f"nothing could be received, it is tried again: {error}")
            await self._clock.sleep_until(self._clock.now() + self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            return
        self._pause = SHORTEST_PAUSE
        if not messages:
            return
        criteria = self._options.criteria
        if criteria is not None:
            kept = [message for message in messages if criteria.keeps(message.record)]
            if len(kept) < len(messages):
                wanted = {message.receipt_handle for message in kept}
                dropped = [message for message in messages if message.receipt_handle not in wanted]
                self._begin(group, self._delivery.drop(dropped))
            messages = kept
        returns_at = self._clock.now() + (self._options.visibility or self._source.visibility_timeout)
        record = _with_absent_digest if self._options.window else _as_it_is
        self._buffer.extend(
            [ReceivedMessage(message, orjson.dumps(record(message)), returns_at) for message in messages]
        )

    def _one_has_ended(self) -> None:
        self._running -= 1
        self._slot_freed.set()

    def _learn(self, failed: bool) -> None:
        """Have fewer batches on their way when the function fails, and more again when it does not."""
        limits = self._options.scaling
        if failed and not self._options.reports_failures:
            self._concurrency = lowered(self._concurrency)
            self._no_growth_before = self._clock.now() + HELD
        elif not failed and self._concurrency < limits.start and self._may_recover():
            self._concurrency = recovered(self._concurrency, limits)

    def _may_recover(self) -> bool:
        return self._no_recovery_before is None or self._clock.now() >= self._no_recovery_before

    def _lower_concurrency(self) -> None:
        """Have fewer batches on their way for a while: the function could not be run."""
        self._concurrency = lowered(self._concurrency)
        self._no_growth_before = self._no_recovery_before = self._clock.now() + HELD

    def _note_trouble(self, text: str | None) -> None:
        """Tell of what is wrong, once until an invocation has gone well, which None says."""
        if text is None:
            self._told.clear()
        elif text not in self._told:
            self._told.add(text)
            self._feed.publish(Notice(self._clock.now(), "error", self._place, text))


def _as_it_is(message: QueueMessage) -> dict[str, Any]:
    return message.record


def _with_absent_digest(message: QueueMessage) -> dict[str, Any]:
    """Return what the function gets when there is a window: also the MD5 of attributes that are not there."""
    if "md5OfMessageAttributes" in message.record:
        return message.record
    record: dict[str, Any] = {}
    for name, value in message.record.items():
        if name == "md5OfBody":
            record["md5OfMessageAttributes"] = None
        record[name] = value
    return record
