"""Event source mappings, and what they are between: a queue, a stream and functions."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from engine.arn import Account
from engine.clock import Clock
from engine.feed import MappingChanged
from engine.mapping.event_source_mappings import EventSourceMappings
from engine.mapping.mapping_loop import Resources
from engine.store.database import Store
from tests.fakes.queue_bench import Bench, bench
from tests.fakes.scripted_stream import ScriptedStream
from tests.fakes.stream_mappings import Failures

ACCOUNT = Account()
JOBS, CLICKS = ACCOUNT.queue("jobs"), ScriptedStream.arn


class World:
    """A queue `jobs`, a stream `clicks`, the functions `work`, `other` and `slow`."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self.bench: Bench = bench(clock, store)
        self.clock, self.store = clock, store
        self.stream = ScriptedStream(clock)
        self.failures = Failures()
        self.queues = {JOBS: self.bench.queue}
        self.functions = {"work": 3, "other": 3, "slow": 300}
        self.mappings = self.make()

    def make(self) -> EventSourceMappings:
        resources = Resources(
            queue_of=self.queues.get,
            stream_of={CLICKS: self.stream}.get,
            destination_of={Failures.arn: self.failures}.get,
            timeout_of=lambda name, qualifier: (
                timedelta(seconds=self.functions[name])
                if name in self.functions and qualifier in (None, "$LATEST")
                else None
            ),
        )
        return EventSourceMappings(
            resources,
            account=ACCOUNT,
            runner=self.bench.functions,
            store=self.store,
            clock=self.clock,
            feed=self.bench.feed,
            environments=10,
        )

    @asynccontextmanager
    async def running(self, *configured: Mapping[str, Any]) -> AsyncIterator[EventSourceMappings]:
        """Run the mappings as after a start of the simulator."""
        self.mappings = mappings = self.make()
        await mappings.open(configured)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(mappings.run())
            await mappings.ready.wait()
            yield mappings
            task.cancel()

    def states(self) -> list[str]:
        return [fact.state for fact in self.bench.told(MappingChanged)]

    def invoked(self) -> list[str]:
        return [attempt.function for attempt in self.bench.functions.attempts]


def from_queue(function: str = "work", **params: Any) -> dict[str, Any]:
    return {"EventSourceArn": JOBS, "FunctionName": function, **params}


def from_stream(function: str = "work", **params: Any) -> dict[str, Any]:
    return {"EventSourceArn": CLICKS, "FunctionName": function, "StartingPosition": "TRIM_HORIZON", **params}
