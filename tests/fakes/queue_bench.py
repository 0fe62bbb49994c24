"""A queue in the real store, a scripted function, and a mapping between them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson

from engine.arn import Account
from engine.clock import Clock
from engine.fault_settings import FaultSettings
from engine.faults import Faults
from engine.feed import Fact, Feed
from engine.functions.invocation import Invocation
from engine.mapping.parameters import with_defaults
from engine.mapping.queue_mapping import QueueMapping, QueueOptions
from engine.mapping.source import QueueSource
from engine.store.database import Store
from tests.fakes.scripted_functions import Answer, ScriptedFunctions, returned
from triggers.sqs.attributes import QueueAttributes, RedrivePolicy
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue import Queue

ACCOUNT = Account()
ENVIRONMENTS = 1000


@dataclass
class Bench:
    """A queue `jobs`, its dead-letter queue, and a function `work` that answers from a script.

    `script` gets the records of a batch.
    """

    clock: Clock
    feed: Feed
    queue: Queue
    dead_letters: Queue
    functions: ScriptedFunctions
    facts: list[Fact]
    faults: Faults | None = None

    async def send(self, *bodies: str, group: str | None = None) -> list[str]:
        """Send messages in one go; return their ids."""
        sent = await self.queue.send(
            [
                OutgoingMessage(body, group_id=group, deduplication_id=body[:100] if group else None)
                for body in bodies
            ]
        )
        return [message.message_id for message in sent]

    def script(self, answer: Callable[[list[dict[str, Any]]], Answer]) -> None:
        """Let the function answer each batch so."""

        def call(_: str, invocation: Invocation) -> Answer:
            return answer(orjson.loads(invocation.payload)["Records"])

        self.functions.script = call

    def mapping(self, source: QueueSource | None = None, timeout: int = 3, **params: Any) -> QueueMapping:
        """Return a mapping with these parameters of the API."""
        queue = source or self.queue
        kind = "sqs-fifo" if queue.is_fifo else "sqs"
        options = QueueOptions.of(
            with_defaults(kind, params),  # type: ignore[arg-type]
            visibility_timeout=queue.visibility_timeout,
            function_timeout=timedelta(seconds=timeout),
            environments=ENVIRONMENTS,
        )
        return QueueMapping(
            queue,
            "work",
            options,
            runner=self.functions,
            clock=self.clock,
            feed=self.feed,
            faults=self.faults,
        )

    @asynccontextmanager
    async def running(self, source: QueueSource | None = None, **params: Any) -> AsyncIterator[None]:
        """Run a mapping meanwhile, and stop it gently."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.mapping(source, **params).run())
            yield
            task.cancel()

    def batches(self) -> list[list[str]]:
        """The bodies that the function saw, invocation by invocation."""
        return [
            [record["body"] for record in orjson.loads(attempt.invocation.payload)["Records"]]
            for attempt in self.functions.attempts
        ]

    def times(self) -> list[float]:
        """When the function was invoked, in seconds from the first time."""
        moments = [attempt.at for attempt in self.functions.attempts]
        return [(moment - moments[0]).total_seconds() for moment in moments]

    def told(self, kind: type[Fact]) -> list[Any]:
        """The facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


def bench(
    clock: Clock,
    store: Store,
    *,
    name: str = "jobs",
    max_receive_count: int | None = None,
    declared: FaultSettings | None = None,
    **attributes: Any,
) -> Bench:
    """Make a bench; `attributes` are those of the queue, `declared` its faults."""
    feed, facts, queues = Feed(), list[Fact](), dict[str, Queue]()
    feed.tap(facts.append)
    fifo = ".fifo" if name.endswith(".fifo") else ""
    target = ACCOUNT.queue(f"dead{fifo}")
    redrive = None if max_receive_count is None else RedrivePolicy(f"dead{fifo}", target, max_receive_count)
    made = replace(QueueAttributes.default(name, ACCOUNT), redrive_policy=redrive, **attributes)
    faults = None if declared is None else Faults(declared, 1, feed)
    queues[name] = Queue(
        name, ACCOUNT, store, clock, attributes=made, feed=feed, queues=queues, faults=faults
    )
    queues[f"dead{fifo}"] = Queue(f"dead{fifo}", ACCOUNT, store, clock, feed=feed)
    functions = ScriptedFunctions(clock, lambda function, invocation: returned(None))
    return Bench(clock, feed, queues[name], queues[f"dead{fifo}"], functions, facts, faults)


def bodies_of(records: Sequence[dict[str, Any]]) -> list[str]:
    """The bodies of records."""
    return [record["body"] for record in records]
