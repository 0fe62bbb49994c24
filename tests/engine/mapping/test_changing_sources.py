"""Mappings of queues and streams that are deleted and made again while they run; on real ones."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Fact, Feed, Notice
from engine.functions.invocation import Invocation
from engine.mapping.event_source_mappings import EventSourceMappings
from engine.mapping.mapping_loop import Resources
from engine.store.database import Store
from tests.fakes.scripted_functions import Answer, ScriptedFunctions, returned
from triggers.kinesis.description import StreamDescription
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.stream_registry import StreamRegistry
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue_registry import QueueRegistry

ACCOUNT = Account()
JOBS, CLICKS = ACCOUNT.queue("jobs"), ACCOUNT.stream("clicks")
PLAIN = StreamDescription()


class There:
    """Registries, the mappings that read from them, and what their function got."""

    def __init__(self, store: Store, clock: Clock, feed: Feed) -> None:
        self.clock = clock
        self.queues = QueueRegistry({}, {}, ACCOUNT, store, clock, feed)
        self.streams = StreamRegistry({}, {}, ACCOUNT, store, clock, feed)
        self.got: list[str] = []
        self.functions = ScriptedFunctions(clock, self._answer)
        self.mappings = EventSourceMappings(
            Resources(
                queue_of=self.queues.at,
                stream_of=lambda arn: self.streams.streams.get(arn.rpartition("/")[2]),
                destination_of=lambda _: None,
                timeout_of=lambda *_: timedelta(seconds=3),
            ),
            account=ACCOUNT,
            runner=self.functions,
            store=store,
            clock=clock,
            feed=feed,
            environments=10,
        )
        self.queues.listen(self.mappings.source_changed)
        self.streams.listen(self.mappings.source_changed)

    def _answer(self, _: str, invocation: Invocation) -> Answer:
        for record in orjson.loads(invocation.payload)["Records"]:
            self.got.append(record["body"] if "body" in record else record["kinesis"]["partitionKey"])
        return returned({})

    async def make_queue(self, body: str) -> None:
        queue = await self.queues.create("jobs", {}, {})
        await queue.send([OutgoingMessage(body)])

    async def make_stream(self, key: str) -> None:
        stream = await self.streams.create("clicks", StreamProperties(), PLAIN)
        await stream.put_record(RecordEntry(b"", key))

    async def map(self, arn: str) -> dict[str, Any]:
        params: dict[str, Any] = {"EventSourceArn": arn, "FunctionName": "work"}
        if arn == CLICKS:
            params["StartingPosition"] = "TRIM_HORIZON"
        made = await self.mappings.create(params)
        await self.clock.idle()
        return made


@pytest.fixture
async def there(store: Store, clock: Clock, feed: Feed) -> AsyncIterator[There]:
    there = There(store, clock, feed)
    await there.mappings.open([])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(there.mappings.run())
        await there.mappings.ready.wait()
        yield there
        task.cancel()


async def test_a_mapping_waits_for_its_queue_to_be_made_again(there: There, feed: Feed) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)
    await there.make_queue("a")
    await there.map(JOBS)
    await there.queues.delete(there.queues.queues["jobs"])
    await there.clock.idle()
    assert [fact.text for fact in facts if isinstance(fact, Notice)] == [
        f"does not run: its source {JOBS} is not there any more"
    ]
    await asyncio.sleep(60)
    await there.make_queue("b")
    await there.clock.idle()
    assert there.got == ["a", "b"]


async def test_a_mapping_reads_a_stream_that_is_made_again_from_its_beginning(there: There) -> None:
    await there.make_stream("a")
    await there.map(CLICKS)
    for key in ("b", "c"):
        await there.streams.delete(there.streams.streams["clicks"], with_consumers=True)
        await there.make_stream(key)  # at once, while the mapping still leaves the one that is gone
        await there.clock.idle()
    assert there.got == ["a", "b", "c"]


async def test_a_queue_that_goes_during_an_invocation_lets_it_end(there: There) -> None:
    await there.make_queue("a")
    there.functions.seconds = 2.0
    params = {"EventSourceArn": JOBS, "FunctionName": "work"}
    uuid = (await there.mappings.create(params))["UUID"]
    await asyncio.sleep(1)
    await there.queues.delete(there.queues.queues["jobs"])
    await asyncio.sleep(5)
    assert there.got == ["a"]
    assert there.mappings.get(uuid)["State"] == "Enabled"
    await there.mappings.delete(uuid)
    await there.clock.idle()
    assert there.mappings.list() == []
