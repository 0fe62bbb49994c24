"""Invokes a function with batches of messages.

Source: Lambda developer guide, "Handling errors for an SQS event source".
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from engine.alarm import wait_until
from engine.clock import Clock
from engine.errors import HeadraceError
from engine.feed import BatchClosed, Feed, InvocationThrottled
from engine.functions.invocation import FunctionRunner, Invocation, InvocationResult
from engine.invocation.event import new_request_id
from engine.mapping.payload import build_payload
from engine.mapping.queue_batch import QueueBatch
from engine.mapping.queue_hold import QueueHolds
from engine.mapping.queue_outcome import QueueOutcome, judge
from engine.mapping.source import QueueSource
from engine.mapping.waits import Waits
from engine.value import dataclass

SHORTEST_PAUSE = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Attempted:
    """What an invocation of a batch came to.

    `function_failed` after a function error. `begun` is False when the function never ran: its messages
    failed because their visibility timeout is over, or were given up because the mapping stops.
    """

    request_id: str
    outcome: QueueOutcome
    function_failed: bool = False
    begun: bool = True


class QueueInvoker:
    """Invokes a function with batches of one queue, and again while it is throttled."""

    def __init__(
        self,
        source: QueueSource,
        function: str,
        *,
        qualifier: str | None,
        reports_failures: bool,
        runner: FunctionRunner,
        clock: Clock,
        feed: Feed,
        stopping: asyncio.Event,
        waits: Waits,
        on_trouble: Callable[[str | None], None],
        on_refusal: Callable[[], None],
    ) -> None:
        """`on_refusal` is called when the function could not be run, `on_trouble` too when AWS could have.

        When an invocation has gone well, `on_trouble` hears None.
        """
        self._source = source
        self._function = function
        self._qualifier = qualifier
        self._reports_failures = reports_failures
        self._runner = runner
        self._clock = clock
        self._feed = feed
        self._stopping = stopping
        self._waits = waits
        self._on_trouble = on_trouble
        self._on_refusal = on_refusal
        self._holds = QueueHolds(source, clock)

    def close(self) -> None:
        """Leave nothing behind once no invocation runs any more."""
        self._holds.close()

    async def invoke(self, batch: QueueBatch) -> Attempted:
        """Return what became of the batch.

        A throttled batch is tried again, later each time, until its messages show again in the queue or
        the mapping stops. So is one that the simulator could not run.
        """
        messages = batch.messages
        payload = build_payload([each.record for each in batch.received])
        request_id = new_request_id()
        self._feed.publish(
            BatchClosed(
                self._clock.now(), self._function, self._source.name, request_id, len(messages), batch.reason
            )
        )
        pause = SHORTEST_PAUSE
        while True:
            answer = await self._try(batch, request_id, payload)
            if answer is not None:
                outcome = judge(messages, answer, reports_failures=self._reports_failures)
                return Attempted(request_id, outcome, answer.function_error is not None)
            self._on_refusal()
            again_at = self._clock.now() + pause
            with self._waits.of(len(messages), again_at, "retry"):
                if again_at >= batch.returns_at or await wait_until(self._stopping, again_at, self._clock):
                    return Attempted(request_id, QueueOutcome((), messages), begun=False)
            pause = min(pause * 2, LONGEST_PAUSE)
            request_id = new_request_id()

    async def _try(self, batch: QueueBatch, request_id: str, payload: bytes) -> InvocationResult | None:
        name = self._source.name
        try:
            invocation = Invocation(request_id, payload, source=name, qualifier=self._qualifier)
            async with self._holds.hold(batch.messages, batch.returns_at):
                answer = await self._runner.invoke(self._function, invocation)
        except (HeadraceError, OSError) as error:
            self._on_trouble(f"the function could not be run: {error}")
            return None
        if isinstance(answer, InvocationResult):
            self._on_trouble(None)
            return answer
        self._feed.publish(
            InvocationThrottled(self._clock.now(), self._function, request_id, name, answer.reason)
        )
        return None
