"""What happens to batches of messages: invoked, then deleted, left to show again, or given back.

Source: Lambda developer guide, "Handling errors for an SQS event source".
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from engine.clock import Clock
from engine.errors import HeadraceError
from engine.feed import Feed, RecordsFiltered, RecordsReturned
from engine.mapping.alarm import wait_until
from engine.mapping.queue_batch import QueueBatch
from engine.mapping.queue_invoker import Attempted, QueueInvoker
from engine.mapping.source import QueueMessage, QueueSource

LOGGER = logging.getLogger(__name__)

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=5)


class QueueDelivery:
    """Takes batches of one queue through the function and settles them."""

    def __init__(
        self,
        source: QueueSource,
        function: str,
        invoker: QueueInvoker,
        *,
        clock: Clock,
        feed: Feed,
        stopping: asyncio.Event,
        on_trouble: Callable[[str | None], None],
        on_answer: Callable[[bool], None],
    ) -> None:
        """`on_answer` hears of each invocation whether it ended in a function error."""
        self._source = source
        self._function = function
        self._invoker = invoker
        self._clock = clock
        self._feed = feed
        self._stopping = stopping
        self._on_trouble = on_trouble
        self._on_answer = on_answer

    async def deliver(self, batches: Sequence[QueueBatch], on_invoked: Callable[[], None]) -> None:
        """Invoke with each batch after the other and settle it; `on_invoked` is called after the last one.

        Several batches come from one receive of a FIFO queue: what belongs to a group that has failed is
        not given to the function, for it must not overtake.
        """
        attempted = None
        try:
            if len(batches) == 1:
                attempted = await self._invoker.invoke(batches[0])
            else:
                await self._deliver_in_order(batches)
        finally:
            on_invoked()
        if attempted is not None:
            await self._settle(batches[0], attempted)

    async def _deliver_in_order(self, batches: Sequence[QueueBatch]) -> None:
        failed: dict[str | None, str] = {}  # groups, each with the invocation that failed
        for batch in batches:
            if self._stopping.is_set():
                await self.give_back(batch.messages)
                continue
            now = self._clock.now()
            held = [each for each in batch.received if each.message.group in failed]
            wanted = [
                each for each in batch.received if each.message.group not in failed and each.returns_at > now
            ]
            if held:
                self._tell_of_returned(held[0].returns_at, len(held), failed[held[0].message.group])
            if wanted:
                attempted = await self._invoker.invoke(QueueBatch(wanted, batch.reason))
                await self._settle(batch, attempted)
                for message in attempted.outcome.failed:
                    failed[message.group] = attempted.request_id

    async def _settle(self, batch: QueueBatch, attempted: Attempted) -> None:
        failed = attempted.outcome.failed
        if failed and not attempted.begun and self._stopping.is_set():
            await self.give_back(failed)
            return
        if attempted.begun:
            self._on_answer(attempted.function_failed)
        if failed:
            self._tell_of_returned(batch.returns_at, len(failed), attempted.request_id)
        await self._delete(attempted.outcome.succeeded)

    def _tell_of_returned(self, at: datetime, count: int, request_id: str) -> None:
        now = self._clock.now()
        self._feed.publish(RecordsReturned(now, self._function, self._source.name, request_id, count, at))

    async def drop(self, messages: Sequence[QueueMessage]) -> None:
        """Delete messages that the filter keeps from the function."""
        self._feed.publish(
            RecordsFiltered(self._clock.now(), self._function, self._source.name, len(messages))
        )
        await self._delete(messages)

    async def give_back(self, messages: Sequence[QueueMessage]) -> None:
        """Show messages again at once; if that fails, they show again when their timeout is over."""
        if not messages:
            return
        try:
            await self._source.change_visibility(
                [message.receipt_handle for message in messages], timedelta(0)
            )
        except (HeadraceError, OSError) as error:
            LOGGER.warning("%d messages of %s show again later: %s", len(messages), self._source.name, error)

    async def _delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete messages, trying again for as long as the store fails, once more when stopping."""
        if not messages:
            return
        handles = [message.receipt_handle for message in messages]
        pause = SHORTEST_PAUSE
        while True:
            stopping = self._stopping.is_set()
            try:
                await self._source.delete(handles)
            except (HeadraceError, OSError) as error:
                if stopping:
                    LOGGER.warning("%d messages of %s run again: %s", len(handles), self._source.name, error)
                    return
                self._on_trouble(f"messages that are done could not be deleted, it is tried again: {error}")
            else:
                return
            await wait_until(self._stopping, self._clock.now() + pause, self._clock)
            pause = min(pause * 2, LONGEST_PAUSE)
