"""Lambda's internal queue of asynchronous events: durable, one dispatcher a function, woken and never polled.

What is accepted is in the store first; an event leaves it in the transaction that stores what became of it. A
dispatcher claims due events, runs as many at once as the function can, and keeps no more in memory than those
and a small look-ahead. Source: Lambda developer guide, "Invoking a Lambda function asynchronously".
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from engine.alarm import wait_until
from engine.clock import Clock
from engine.errors import HeadraceError, ResourceNotFound, StoreError
from engine.feed import EventEmitted, Feed, InvocationThrottled, Notice, RecursionStopped
from engine.functions.invocation import FunctionRunner, Invocation, InvocationResult, Throttled
from engine.invocation import event_table, retry, settlement
from engine.invocation.event import AsyncEvent
from engine.invocation.event_table import QueuedEvent
from engine.invocation.settlement import Attempt, EventInvokeConfig
from engine.store.brevity import Brevity
from engine.store.database import Store

if TYPE_CHECKING:
    from engine.faults import Faults

LOGGER = logging.getLogger(__name__)
T = TypeVar("T")

SHOWN_PAYLOAD_BYTES = 60  # the beginning of an event, by which a person recognises it
LOOK_AHEAD = 32  # events in memory beyond those that run
LONGEST_STORE_PAUSE = timedelta(seconds=30)
NOTHING_QUALIFIED: Mapping[str, EventInvokeConfig] = {}


class EventQueue:
    """Accepts events for the functions added to it and sees each through to its end.

    Add the functions, call `release_leases`, then keep `run()` running; events are accepted all the while.
    """

    def __init__(
        self, store: Store, clock: Clock, feed: Feed, runner: FunctionRunner, faults: "Faults | None" = None
    ) -> None:
        self._faults = faults
        self._store = store
        self._clock = clock
        self._feed = feed
        self._runner = runner
        self._dispatchers: dict[str, _Dispatcher] = {}
        self._group: asyncio.TaskGroup | None = None  # while it runs
        self._running: set[asyncio.Task[None]] = set()
        self._inserted: deque[str] = deque()  # filled on the store's thread, emptied on the loop

    def add(
        self,
        function: str,
        config: EventInvokeConfig,
        qualified: Mapping[str, EventInvokeConfig] = NOTHING_QUALIFIED,
    ) -> None:
        """Make `function` known, or have its events handled by another configuration from now on.

        `qualified` has the configurations of versions and aliases that have one of their own.
        """
        if (known := self._dispatchers.get(function)) is not None:
            known.configure(config, qualified)
            return
        dispatcher = _Dispatcher(
            function, config, qualified, self._store, self._clock, self._feed, self._runner, self._faults
        )
        self._dispatchers[function] = dispatcher
        if self._group is not None:
            self._start(self._group, dispatcher)

    def reserve(self, function: str, concurrency: int) -> None:
        """Handle so many events of `function` at once from now on; 0 turns it off. Raises KeyError."""
        dispatcher = self._dispatchers[function]
        qualified = {
            qualifier: replace(config, concurrency=concurrency)
            for qualifier, config in dispatcher.qualified.items()
        }
        dispatcher.configure(replace(dispatcher.config, concurrency=concurrency), qualified)

    def remove(self, function: str) -> None:
        """Accept no more events for `function`; those that run are seen through. What is stored stays so."""
        self._dispatchers.pop(function).stop()

    def knows(self, function: str) -> bool:
        """Say whether events for `function` are accepted."""
        return function in self._dispatchers

    def stops(self, function: str, lineage: tuple[str, ...]) -> bool:
        """Say whether recursion detection refuses to invoke `function` at the end of this chain."""
        return not self.allows_loops(function) and retry.is_recursive(function, lineage)

    def allows_loops(self, function: str) -> bool:
        """Say whether recursion detection is switched off for `function`; not for one that is not there."""
        known = self._dispatchers.get(function)
        return known is not None and known.config.recursive_loop == "Allow"

    async def accept(self, event: AsyncEvent) -> None:
        """Store one event and run it soon; returns when it is committed.

        Raises ResourceNotFound for an unknown function, StoreError when nothing was stored.
        """
        if event.function not in self._dispatchers:
            raise ResourceNotFound("Function", event.function)
        brief = self._dispatchers[event.function].is_brief_with(event.payload)
        await self._store.write(partial(self.insert, events=(event,)), brief=brief)
        self.wake()
        about = event.payload[:SHOWN_PAYLOAD_BYTES].decode(errors="replace")
        self._feed.publish(
            EventEmitted(self._clock.now(), event.source, event.function, event.request_id, "Invoke", about)
        )

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        """Store events within a transaction of the caller's, who calls `wake` after it."""
        event_table.insert(connection, events, self._clock.now())
        self._inserted.extend(dict.fromkeys(event.function for event in events))

    def wake(self) -> None:
        """Look at what was inserted since the last call."""
        while self._inserted:
            dispatcher = self._dispatchers.get(self._inserted.popleft())
            if dispatcher is None:
                continue
            if self._faults is None:
                dispatcher.wake()
            else:
                self._faults.wake_up(dispatcher.place, dispatcher.wake)

    async def look_again(self) -> None:
        """Begin what is due, should the wake-up for it have been lost. Raises StoreError."""
        looking = partial(event_table.with_due, functions=tuple(self._dispatchers), now=self._clock.now())
        for function in await self._store.read(looking):
            if function in self._dispatchers:
                self._dispatchers[function].wake()

    async def release_leases(self) -> None:
        """Make everything run again that was in hand when the last simulator on this store ended.

        Time while no simulator runs makes no event too old: what waits now is tried at least once more.
        Events of functions that are no longer configured stay. Notices count both.
        """
        await self._store.write(event_table.release_leases)
        waiting = await self._store.read(event_table.waiting_by_function)
        now = self._clock.now()
        for dispatcher in self._dispatchers.values():
            dispatcher.started_at = now
        for function, count in waiting.items():
            place = f"functions.{function}"
            if function in self._dispatchers:
                text = f"{count} event{'s wait' if count > 1 else ' waits'} since the last run"
                self._feed.publish(Notice(now, "info", place, text))
            else:
                text = f"{count} queued events wait for this function, which is not configured; they are kept"
                self._feed.publish(Notice(now, "warning", place, text))

    async def run(self) -> None:
        """Run events until cancelled; then let those that run finish, and settle them, before it returns.

        A second cancellation abandons them. What was abandoned, was claimed and not begun, or could not be
        settled because the store fails, runs after the next start.
        """
        async with asyncio.TaskGroup() as group:
            self._group = group
            for dispatcher in self._dispatchers.values():
                self._start(group, dispatcher)
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None
                for dispatcher in self._dispatchers.values():
                    dispatcher.stop()
                if self._running:
                    await asyncio.wait(self._running)

    def _start(self, group: asyncio.TaskGroup, dispatcher: "_Dispatcher") -> None:
        task = group.create_task(dispatcher.run(), name=f"events of {dispatcher.function}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)


class _Dispatcher:
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
        self.configure(config, qualified)
        self._in_hand = 0
        self._more_is_due = False
        self._stopping = False
        self._brevity = Brevity()
        self._trouble: str | None = None  # what was last told of, so that it is told once
        self._changed = asyncio.Event()

    def configure(self, config: EventInvokeConfig, qualified: Mapping[str, EventInvokeConfig]) -> None:
        """Handle events by these from now on; those that run end as they began."""
        self.config = config
        self.qualified = qualified
        self._slots = asyncio.Semaphore(max(1, config.concurrency))
        self._capacity = max(1, config.concurrency) + LOOK_AHEAD

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
            with suppress(StoreError):  # which ends the claiming only when stopping
                while not self._stopping:
                    await self._step(group)
            while self._in_hand:
                self._changed.clear()
                await self._changed.wait()

    async def _step(self, group: asyncio.TaskGroup) -> None:
        """Claim what there is room for; return when it is time to look again."""
        self._changed.clear()
        room = self._capacity - self._in_hand
        next_due = None
        if room > 0:
            claiming = partial(event_table.claim, function=self.function, now=self._clock.now(), limit=room)
            events, next_due = await self._write(claiming)
            self._brevity.see(len(event.payload) for event in events)
            for event in events if self._faults is None else self._faults.reordered(self.place, events):
                self._in_hand += 1
                group.create_task(self._handle(event))
            self._more_is_due = len(events) == room
        if self._more_is_due:
            next_due = None  # room is the only thing to wait for
        await self._wait(next_due)

    async def _wait(self, moment: datetime | None) -> None:
        """Return when woken, or at `moment`."""
        if moment is None:
            await self._changed.wait()
        else:
            await wait_until(self._changed, moment, self._clock)

    async def _handle(self, event: QueuedEvent) -> None:
        """Try an event once and settle it."""
        try:
            async with self._slots:
                if self._stopping:
                    return  # its lease is released at the next start
                attempt = await self._attempt(event)
            if self._success_gets_lost(attempt):
                await self._write(partial(event_table.postpone, event=event, due_at=self._clock.now()))
                self._changed.set()
            else:
                await self._settle(attempt)
        except StoreError as error:
            LOGGER.warning("request %s will run again after the next start: %s", event.request_id, error)
        finally:
            self._in_hand -= 1
            if self._stopping or (self._more_is_due and self._in_hand <= self._capacity - LOOK_AHEAD // 2):
                self._changed.set()

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

    async def _settle(self, attempt: Attempt) -> None:
        now = self._clock.now()
        sending = settlement.parcels(attempt, self._config_of(attempt.event), now)
        refusals = await self._write(partial(settlement.settle, attempt=attempt, sending=sending))
        for fact in settlement.facts(attempt, sending, refusals, now):
            self._feed.publish(fact)
        if isinstance(attempt.step, retry.RetryAt):
            self._changed.set()
        for parcel in sending:
            parcel.destination.wake()

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

    async def _write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Write until the store takes it, pausing longer each time; raises StoreError only when stopping.

        Meanwhile the result of a run stays in memory: a store that fails makes no event run twice.
        """
        pause = timedelta(seconds=1)
        while True:
            try:
                result = await self._store.write(operation, brief=self._brevity.is_brief)
            except StoreError as error:
                if self._stopping:
                    raise
                self._note_trouble(f"events are held back and written again until this succeeds: {error}")
            else:
                return result
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
