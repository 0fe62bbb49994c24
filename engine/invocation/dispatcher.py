"""Runs the asynchronous events of one function: claims them, tries each, has the store take what came of it.

As many workers as may run at once go through what is claimed, one event after the other each. What came of
one is stored while the next runs.

Source: Lambda developer guide, "Invoking a Lambda function asynchronously".
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from engine.alarm import wait_until
from engine.clock import Clock
from engine.errors import HeadraceError, StoreError
from engine.feed import Feed, InvocationThrottled, Notice, RecursionStopped
from engine.functions.invocation import FunctionRunner, Invocation, InvocationResult, Throttled
from engine.invocation import event_table, retry, settlement
from engine.invocation.destination import DestinationRefused
from engine.invocation.event_table import QueuedEvent
from engine.invocation.settlement import Attempt, EventInvokeConfig
from engine.store.brevity import Brevity
from engine.store.database import Store

if TYPE_CHECKING:
    from engine.faults import Faults

LOGGER = logging.getLogger(__name__)
T = TypeVar("T")

LOOK_AHEAD = 32  # events in memory beyond those that run
LONGEST_STORE_PAUSE = timedelta(seconds=30)


class Dispatcher:
    """Runs the events of one function."""

    def __init__(
        self,
        function: str,
        config: EventInvokeConfig,
        qualified: Mapping[str, EventInvokeConfig],
        store: Store,
        clock: Clock,
        feed: Feed,
        runner: FunctionRunner,
        faults: "Faults | None",
    ) -> None:
        self.function = function
        self.place = f"functions.{function}"
        self.started_at: datetime | None = None
        self._store = store
        self._clock = clock
        self._feed = feed
        self._runner = runner
        self._faults = faults
        self._redelivered: set[str] = set()  # request ids of events whose success got lost once
        self._in_hand = 0  # events that were claimed and are not settled
        self._waiting: deque[QueuedEvent] = deque()  # those of them that have not begun
        self._workers = 0
        self._group: asyncio.TaskGroup | None = None  # of the workers, while it runs
        self._more_is_due = False
        self._stopping = False
        self._brevity = Brevity()
        self._trouble: str | None = None  # what was last told of, so that it is told once
        self._changed = asyncio.Event()
        self.configure(config, qualified)

    def configure(self, config: EventInvokeConfig, qualified: Mapping[str, EventInvokeConfig]) -> None:
        """Handle events by these from now on; those that run end as they began."""
        self.config = config
        self.qualified = qualified
        self._most_workers = max(1, config.concurrency)
        self._capacity = self._most_workers + LOOK_AHEAD
        self._changed.set()

    def _config_of(self, event: QueuedEvent) -> EventInvokeConfig:
        if event.qualifier is None:
            return self.config
        return self.qualified.get(event.qualifier, self.config)

    def is_brief_with(self, payload: bytes) -> bool:
        """Take notice of a new event; say whether it is brief to store it."""
        self._brevity.see((len(payload),))
        return self._brevity.is_brief

    def wake(self) -> None:
        """Look at the queue again."""
        self._changed.set()

    def stop(self) -> None:
        """Begin no more; `run` returns when the last event in hand is settled."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Claim and run events until stopped; cancelling it abandons those that run."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                with suppress(StoreError):  # which ends the claiming only when stopping
                    while not self._stopping:
                        await self._step(group)
                self._in_hand -= len(self._waiting)
                self._waiting.clear()  # their leases are released at the next start
                while self._in_hand:
                    self._changed.clear()
                    await self._changed.wait()
            finally:
                self._group = None

    async def _step(self, group: asyncio.TaskGroup) -> None:
        """Claim what there is room for; return when it is time to look again."""
        self._changed.clear()
        room = self._capacity - self._in_hand
        next_due = None
        if room > 0:
            claiming = partial(event_table.claim, function=self.function, now=self._clock.now(), limit=room)
            events, next_due = await self._write(claiming)
            self._brevity.see(len(event.payload) for event in events)
            self._in_hand += len(events)
            self._waiting += events if self._faults is None else self._faults.reordered(self.place, events)
            self._more_is_due = len(events) == room
        for _ in range(min(len(self._waiting), self._most_workers - self._workers)):
            self._workers += 1
            group.create_task(self._work())
        if self._more_is_due:
            next_due = None  # room is the only thing to wait for
        await self._wait(next_due)

    async def _wait(self, moment: datetime | None) -> None:
        """Return when woken, or at `moment`."""
        if moment is None:
            await self._changed.wait()
        else:
            await wait_until(self._changed, moment, self._clock)

    async def _work(self) -> None:
        """Try events one after the other, for as long as some wait."""
        try:
            while self._waiting and self._workers <= self._most_workers and not self._stopping:
                event = self._waiting.popleft()
                attempt = await self._attempt(event)
                if self._success_gets_lost(attempt):
                    postponing = partial(event_table.postpone, event=event, due_at=self._clock.now())
                    self._end(event, postponing, lambda _: self._changed.set())
                else:
                    self._settle(attempt)
        except BaseException:  # it is abandoned, or the simulator has crashed
            self._one_has_ended()
            raise
        finally:
            self._workers -= 1

    async def _attempt(self, event: QueuedEvent) -> Attempt:
        now = self._clock.now()
        config = self._config_of(event)
        limits = config.limits
        if config.concurrency == 0:
            return Attempt(event, retry.GiveUp("ZeroReservedConcurrency"))
        if config.recursive_loop == "Terminate" and retry.is_recursive(event.function, event.lineage):
            self._tell_of_recursion(event)
            return Attempt(event, retry.GiveUp("RecursiveLoop"))
        waited_through_a_stop = self.started_at is not None and event.accepted_at < self.started_at
        if not waited_through_a_stop and (too_old := retry.before_attempt(event.accepted_at, now, limits)):
            return Attempt(event, too_old)
        refusal: retry.Refusal = "throttled"
        try:
            answer = await self._invoke(event)
        except (HeadraceError, OSError) as error:
            self._note_trouble(str(error))
            refusal, answer = "system_error", None
        else:
            self._trouble = None
        now = self._clock.now()
        if isinstance(answer, Throttled):
            self._feed.publish(
                InvocationThrottled(now, event.function, event.request_id, event.source, answer.reason)
            )
        if answer is None or isinstance(answer, Throttled):
            event = event.refused()
            return Attempt(
                event, retry.after_refusal(refusal, event.refusals, event.accepted_at, now, limits)
            )
        event = event.answered(answer.payload, answer.executed_version)
        failed = answer.function_error is not None
        return Attempt(event, retry.after_answer(failed, event.attempts, event.accepted_at, now, limits))

    async def _invoke(self, event: QueuedEvent) -> InvocationResult | Throttled:
        """Run an event; what comes of a duplicate is of no account."""
        invocation = _invocation(event)
        if self._faults is None or not self._faults.duplicates(self.place, event.request_id):
            return await self._runner.invoke(self.function, invocation)
        runs = (self._runner.invoke(self.function, invocation) for _ in range(2))
        answer, _ = await asyncio.gather(*runs, return_exceptions=True)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _success_gets_lost(self, attempt: Attempt) -> bool:
        """Say whether a success gets lost, so that the event runs again. That happens to it once."""
        event, faults = attempt.event, self._faults
        if faults is None or not isinstance(attempt.step, retry.Succeeded):
            return False
        if event.request_id in self._redelivered:
            self._redelivered.remove(event.request_id)
            return False
        if faults.redelivers(self.place, event.request_id):
            self._redelivered.add(event.request_id)
            return True
        return False

    def _settle(self, attempt: Attempt) -> None:
        """Have the store take what came of an attempt."""
        now = self._clock.now()
        sending = settlement.parcels(attempt, self._config_of(attempt.event), now)
        settling = partial(settlement.settle, attempt=attempt, sending=sending)
        self._end(attempt.event, settling, partial(self._tell_of_settled, attempt, sending, now))

    def _end(
        self,
        event: QueuedEvent,
        operation: Callable[[sqlite3.Connection], T],
        conclude: Callable[[T], None],
    ) -> None:
        """Call `conclude` with the result of `operation` once that is committed. Nobody waits meanwhile."""

        def stored(asked: asyncio.Future[T]) -> None:
            failure = None if asked.cancelled() else asked.exception()
            if failure is not None and self._group is not None:
                self._group.create_task(insist(failure))
                return
            try:
                if failure is None and not asked.cancelled():  # as it is when the simulator has crashed
                    conclude(asked.result())
            finally:
                self._one_has_ended()

        async def insist(failure: BaseException) -> None:
            try:
                conclude(await self._write(operation, failure))
            except StoreError as error:
                text = "request %s will run again after the next start: %s"
                LOGGER.warning(text, event.request_id, error)
            finally:
                self._one_has_ended()

        self._store.ask(operation, brief=self._brevity.is_brief).add_done_callback(stored)

    def _tell_of_settled(
        self,
        attempt: Attempt,
        sending: list[settlement.Parcel],
        now: datetime,
        refusals: list[DestinationRefused | None],
    ) -> None:
        for fact in settlement.facts(attempt, sending, refusals, now):
            self._feed.publish(fact)
        if isinstance(attempt.step, retry.RetryAt):
            self._changed.set()
        for parcel in sending:
            parcel.destination.wake()

    def _one_has_ended(self) -> None:
        self._in_hand -= 1
        if self._stopping or (self._more_is_due and self._in_hand <= self._capacity - LOOK_AHEAD // 2):
            self._changed.set()

    def _tell_of_recursion(self, event: QueuedEvent) -> None:
        self._feed.publish(
            RecursionStopped(
                self._clock.now(),
                event.function,
                event.source,
                f"{retry.RECURSION_LIMIT} invocations in one chain: {' -> '.join(event.lineage)}",
                f'functions.{event.function}.recursive_loop = "Allow"',
            )
        )

    async def _write(
        self, operation: Callable[[sqlite3.Connection], T], failure: BaseException | None = None
    ) -> T:
        """Write until the store takes it, pausing longer each time; raises StoreError only when stopping.

        `failure` is what has come of a first try. Meanwhile the result of a run stays in memory: a store that
        fails makes no event run twice.
        """
        pause = timedelta(seconds=1)
        while True:
            try:
                if failure is not None:
                    raise failure
                return await self._store.write(operation, brief=self._brevity.is_brief)
            except StoreError as error:
                if self._stopping:
                    raise
                self._note_trouble(f"events are held back and written again until this succeeds: {error}")
            failure = None
            await self._clock.sleep_until(self._clock.now() + pause)
            pause = min(pause * 2, LONGEST_STORE_PAUSE)

    def _note_trouble(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._feed.publish(Notice(self._clock.now(), "error", self.place, text))


def _invocation(event: QueuedEvent) -> Invocation:
    return Invocation(
        event.request_id,
        event.payload,
        source=event.source,
        attempt=event.attempts + 1,
        qualifier=event.qualifier,
        lineage=event.lineage,
    )
