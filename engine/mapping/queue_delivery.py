"""What happens to batches of messages: invoked, then deleted, left to show again, or given back.

Source: Lambda developer guide, "Handling errors for an SQS event source".
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from engine.alarm import wait_until
from engine.clock import Clock
from engine.errors import HeadraceError
from engine.feed import Feed, RecordsFiltered, RecordsReturned
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

    async def deliver(self, batch: QueueBatch, on_invoked: Callable[[], None]) -> None:
        """Invoke with a batch and settle it; `on_invoked` is called in between."""
        try:
            attempted = await self._invoker.invoke(batch)
        finally:
            on_invoked()
        await self._settle(batch, attempted)

    async def _settle(self, batch: QueueBatch, attempted: Attempted) -> None:
        failed = attempted.outcome.failed
        if failed and not attempted.begun and self._stopping.is_set():
            await self.give_back(failed)
            return
        if attempted.begun:
            self._on_answer(attempted.function_failed)
        if failed:
            self._feed.publish(
                RecordsReturned(
                    self._clock.now(),
                    self._function,
                    self._source.name,
                    attempted.request_id,
                    len(failed),
                    max(batch.returns_at, self._clock.now()),
                    attempted.outcome.problem,
                )
            )
        await self._delete(attempted.outcome.succeeded)
        if failed:
            await self._insist(self._source.leave_hidden, failed, "messages that failed could not be let go")

    async def drop(self, messages: Sequence[QueueMessage]) -> None:
        """Delete messages that the filter keeps from the function."""
        self._feed.publish(
            RecordsFiltered(self._clock.now(), self._function, self._source.name, len(messages))
        )
        await self._delete(messages)

    async def give_back(self, messages: Sequence[QueueMessage]) -> None:
        """Show messages again that the function has not seen."""
        await self._insist(self._source.give_back, messages, "messages could not be given back")

    async def _delete(self, messages: Sequence[QueueMessage]) -> None:
        await self._insist(self._source.delete, messages, "messages that are done could not be deleted")

    async def _insist(
        self,
        settle: Callable[[Sequence[str]], Awaitable[None]],
        messages: Sequence[QueueMessage],
        trouble: str,
    ) -> None:
        """Settle messages, trying again for as long as the store fails, once more when stopping.

        When that fails too, they show again when their timeouts end, or at the next start.
        """
        if not messages:
            return
        handles = [message.receipt_handle for message in messages]
        pause = SHORTEST_PAUSE
        while True:
            stopping = self._stopping.is_set()
            try:
                await settle(handles)
            except (HeadraceError, OSError) as error:
                if stopping:
                    LOGGER.warning("%d messages of %s show again: %s", len(handles), self._source.name, error)
                    return
                self._on_trouble(f"{trouble}, it is tried again: {error}")
            else:
                return
            await wait_until(self._stopping, self._clock.now() + pause, self._clock)
            pause = min(pause * 2, LONGEST_PAUSE)
