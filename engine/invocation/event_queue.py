"""Lambda's internal queue of asynchronous events: durable, one dispatcher a function, woken and never polled.

What is accepted is in the store first; an event leaves it in the transaction that stores what became of it. A
dispatcher claims due events, runs as many at once as the function can, and keeps no more in memory than those
and a small look-ahead. Source: Lambda developer guide, "Invoking a Lambda function asynchronously".
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engine.clock import Clock
from engine.errors import ResourceNotFound
from engine.feed import EventEmitted, Feed, Notice
from engine.functions.invocation import FunctionRunner
from engine.invocation import event_table, retry
from engine.invocation.dispatcher import Dispatcher
from engine.invocation.event import AsyncEvent
from engine.invocation.settlement import EventInvokeConfig
from engine.store.database import Store

if TYPE_CHECKING:
    from engine.faults import Faults

SHOWN_PAYLOAD_BYTES = 60  # the beginning of an event, by which a person recognises it
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
        self._dispatchers: dict[str, Dispatcher] = {}
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
        dispatcher = Dispatcher(
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

    def _start(self, group: asyncio.TaskGroup, dispatcher: "Dispatcher") -> None:
        task = group.create_task(dispatcher.run(), name=f"events of {dispatcher.function}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
