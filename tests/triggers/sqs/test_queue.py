"""Queues in the store, and as destinations of functions."""

import random
import re
from functools import partial
from pathlib import Path

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.invocation.destination import DestinationMessage, DestinationRefused, TextAttribute
from engine.store.database import Store
from triggers.sqs.attributes import MESSAGE_BYTES
from triggers.sqs.destination import QueueDestination
from triggers.sqs.message import MessageAttribute
from triggers.sqs.queue import Queue


@pytest.fixture
def queue(store: Store, clock: Clock) -> Queue:
    return Queue("failures", Account(), store, clock)


async def test_messages_come_back_oldest_first_with_all_they_were_sent_with(
    queue: Queue, store: Store, clock: Clock
) -> None:
    attributes = {"n": MessageAttribute("Number.int", "6"), "b": MessageAttribute("Binary", b"\x00\xff")}
    first = await store.write(
        partial(
            queue.send_in, body="one", attributes=attributes, system_attributes={"AWSTraceHeader": "Root=1"}
        )
    )
    second = await store.write(partial(queue.send_in, body="zwei ü"))
    found = await queue.peek(10)
    assert [message.message_id for message in found] == [first, second]
    assert found[0].attributes == attributes
    assert found[0].system_attributes == {"AWSTraceHeader": "Root=1"}
    assert found[0].sent_at == clock.now()
    assert found[1].body == "zwei ü"
    assert [message.body for message in await queue.peek(1)] == ["one"]
    assert await queue.count() == 2


async def test_queues_do_not_see_each_others_messages(queue: Queue, store: Store, clock: Clock) -> None:
    await store.write(partial(queue.send_in, body="one"))
    other = Queue("jobs", Account(), store, clock)
    assert await other.peek(10) == []
    assert await other.count() == 0
    assert other.arn == "arn:aws:sqs:us-east-1:000000000000:jobs"


async def test_messages_survive_a_restart(tmp_path: Path, clock: Clock) -> None:
    async with Store(tmp_path / "headrace.db", clock) as store:
        await store.write(partial(Queue("jobs", Account(), store, clock).send_in, body="one"))
    async with Store(tmp_path / "headrace.db", clock) as store:
        assert [message.body for message in await Queue("jobs", Account(), store, clock).peek(10)] == ["one"]


async def test_a_dead_letter_arrives_with_its_attributes_and_a_trace_header(
    queue: Queue, store: Store, clock: Clock
) -> None:
    destination = QueueDestination(queue.arn, lambda: queue, clock, random.Random(1))
    letter = DestinationMessage("f", b'{"k":1}', ("f",), {"ErrorCode": TextAttribute("Number", "200")})
    await store.write(partial(destination.send, message=letter))
    (message,) = await queue.peek(10)
    assert message.body == '{"k":1}'
    assert message.attributes == {"ErrorCode": MessageAttribute("Number", "200")}
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0",
        message.system_attributes["AWSTraceHeader"],
    )


async def test_a_message_over_one_megabyte_is_refused(queue: Queue, store: Store, clock: Clock) -> None:
    destination = QueueDestination(queue.arn, lambda: queue, clock, random.Random(1))
    attributes = {"a": TextAttribute("String", "xx")}
    fits = DestinationMessage("f", b"x" * (MESSAGE_BYTES - 9), ("f",), attributes)
    await store.write(partial(destination.send, message=fits))
    with pytest.raises(DestinationRefused, match="larger than the queue takes"):
        await store.write(
            partial(destination.send, message=DestinationMessage("f", fits.body + b"x", ("f",), attributes))
        )
    assert await queue.count() == 1
