"""FIFO queues: order, groups, numbers and deduplication."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.store.database import Store
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidParameter
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.message_table import Counts
from triggers.sqs.queue import Queue

NO_WAIT = timedelta()


@pytest.fixture
def queue(store: Store, clock: Clock) -> Queue:
    return Queue("jobs.fifo", Account(), store, clock)


def message(body: str, group: str = "g", identity: str | None = None) -> OutgoingMessage:
    return OutgoingMessage(body, group_id=group, deduplication_id=body if identity is None else identity)


async def received(
    queue: Queue, limit: int = 10, *, visibility_timeout: timedelta | None = None
) -> list[str]:
    messages = await queue.receive(limit, visibility_timeout=visibility_timeout, wait=NO_WAIT)
    return [each.record["body"] for each in messages]


async def test_one_receive_takes_all_it_can_of_a_group_and_then_of_others(queue: Queue) -> None:
    await queue.send([message(body, body[0]) for body in ("a1", "b1", "a2", "c1", "b2", "a3")])
    assert await received(queue, 4) == ["a1", "a2", "a3", "b1"]
    assert await received(queue, 4) == ["c1"]


async def test_a_group_in_flight_yields_nothing_until_it_is_deleted(queue: Queue) -> None:
    await queue.send([message("a1", "a"), message("a2", "a"), message("b1", "b")])
    (first,) = await queue.receive(1)
    assert first.group == "a"
    assert await received(queue) == ["b1"]
    waiting = asyncio.create_task(queue.receive(10))
    await asyncio.sleep(1)
    await queue.delete([first.receipt_handle])
    assert [each.record["body"] for each in await waiting] == ["a2"]


async def test_a_group_comes_again_from_its_beginning_when_its_timeout_ends(queue: Queue) -> None:
    await queue.send([message(str(number)) for number in range(5)])
    assert await received(queue, 3) == ["0", "1", "2"]
    await asyncio.sleep(30)
    assert await received(queue, 10) == ["0", "1", "2", "3", "4"]


async def test_extending_one_message_holds_those_behind_it(queue: Queue) -> None:
    """[recorded: test_fifo_group_visibility_extends_with_change_message_visibility]"""
    await queue.send([message(str(number)) for number in range(3)])
    found = await queue.receive(3)
    await queue.change_message_visibility(found[1].receipt_handle, timedelta(seconds=60))
    await asyncio.sleep(30)
    (head,) = await queue.receive(10, wait=NO_WAIT)
    assert head.record["body"] == "0"
    await queue.delete([head.receipt_handle])
    assert await received(queue) == []
    await asyncio.sleep(30)
    assert await received(queue) == ["1", "2"]


async def test_a_message_is_not_deleted_with_an_expired_receipt(queue: Queue) -> None:
    await queue.send([message("a")])
    (first,) = await queue.receive(1)
    await asyncio.sleep(30)
    with pytest.raises(InvalidParameter) as caught:
        await queue.delete_message(first.receipt_handle)
    assert str(caught.value) == (
        f"Value {first.receipt_handle} for parameter ReceiptHandle is invalid. "
        "Reason: The receipt handle has expired."
    )
    with pytest.raises(InvalidParameter, match="has expired"):
        await queue.change_message_visibility(first.receipt_handle, timedelta(seconds=5))
    await queue.delete([first.receipt_handle])  # a mapping passes it over
    assert await received(queue) == ["a"]
    with pytest.raises(InvalidParameter, match="has expired"):
        await queue.delete_message(first.receipt_handle)  # somebody else has it in hand


async def test_an_extended_receipt_deletes(queue: Queue) -> None:
    await queue.send([message("a")])
    (first,) = await queue.receive(1)
    await queue.change_message_visibility(first.receipt_handle, timedelta(seconds=60))
    await asyncio.sleep(59)
    await queue.delete_message(first.receipt_handle)
    await queue.delete_message(first.receipt_handle)  # twice is a success
    assert await queue.count() == 0


async def test_sequence_numbers_have_20_digits_and_grow(queue: Queue) -> None:
    sent = await queue.send([message(str(number), str(number % 2)) for number in range(20)])
    numbers = [each.sequence_number or "" for each in sent]
    assert all(len(number) == 20 for number in numbers)
    assert numbers == sorted(set(numbers))
    (first, *_) = await queue.receive(10)
    assert list(first.record["attributes"])[-3:] == [
        "SequenceNumber",
        "MessageGroupId",
        "MessageDeduplicationId",
    ]
    assert first.record["attributes"]["SequenceNumber"] == numbers[0]


async def test_a_repeated_message_is_accepted_and_not_delivered_for_five_minutes(queue: Queue) -> None:
    first = await queue.send([message("a", identity="1")])
    found = await queue.receive(1)
    await queue.delete([found[0].receipt_handle])
    await asyncio.sleep(299.9)
    assert await queue.send([message("b", identity="1")]) == first
    assert await received(queue) == []
    await asyncio.sleep(0.1)
    assert await queue.send([message("c", identity="1")]) != first
    assert await received(queue) == ["c"]


@pytest.mark.parametrize(
    ("scope", "delivered"),
    [
        pytest.param("queue", ["a"], id="of the whole queue"),
        pytest.param("messageGroup", ["a", "b"], id="of each group"),
    ],
)
async def test_deduplication_has_a_scope(
    queue: Queue, scope: Literal["queue", "messageGroup"], delivered: list[str]
) -> None:
    queue.attributes = replace(queue.attributes, deduplication_scope=scope)
    await queue.send([message("a", "1", "x"), message("b", "2", "x"), message("c", "1", "x")])
    assert await received(queue) == delivered


async def test_ids_of_the_whole_queue_count_after_the_scope_was_narrowed(queue: Queue) -> None:
    """[recorded: test_fifo_change_to_high_throughput_after_creation]"""
    await queue.send([message("a", "1", "x")])
    queue.attributes = replace(queue.attributes, deduplication_scope="messageGroup")
    await queue.send([message("b", "2", "x"), message("c", "1", "y"), message("d", "1", "y")])
    assert await received(queue) == ["a", "c"]


async def test_ids_of_groups_do_not_count_after_the_scope_was_widened(queue: Queue) -> None:
    """[recorded: test_fifo_change_to_regular_throughput_after_creation]"""
    queue.attributes = replace(queue.attributes, deduplication_scope="messageGroup")
    await queue.send([message("a", "1", "x"), message("b", "2", "x")])
    queue.attributes = replace(queue.attributes, deduplication_scope="queue")
    await queue.send([message("c", "1", "x"), message("d", "3", "x")])
    assert await received(queue) == ["a", "c", "b"]


async def test_content_makes_the_id_where_the_queue_says_so(queue: Queue) -> None:
    queue.attributes = replace(queue.attributes, content_based_deduplication=True)
    same = OutgoingMessage("same", group_id="g")
    await queue.send([same, same, OutgoingMessage("same", group_id="g", deduplication_id="other")])
    found = await queue.receive(10)
    identities = [each.record["attributes"]["MessageDeduplicationId"] for each in found]
    assert identities == [hashlib.sha256(b"same").hexdigest(), "other"]


async def test_the_delay_of_the_queue_holds_its_messages(store: Store, clock: Clock) -> None:
    attributes = QueueAttributes("jobs.fifo", "arn", is_fifo=True, delay=timedelta(seconds=5))
    queue = Queue("jobs.fifo", Account(), store, clock, attributes=attributes)
    start = clock.now()
    await queue.send([message("a")])
    assert await queue.counts() == Counts(0, 0, 1)
    await queue.receive(1)
    assert clock.now() == start + timedelta(seconds=5)


async def test_released_leases_come_again_in_order(queue: Queue) -> None:
    await queue.send([message(str(number), str(number % 2)) for number in range(6)])
    await queue.receive(4)
    await queue.release_leases()
    assert await received(queue) == ["0", "2", "4", "1", "3", "5"]


async def test_a_group_goes_on_when_what_is_in_hand_has_expired(store: Store, clock: Clock) -> None:
    kept = replace(
        QueueAttributes.default("jobs.fifo", Account()), message_retention_period=timedelta(seconds=60)
    )
    queue = Queue("jobs.fifo", Account(), store, clock, attributes=kept)
    await queue.send([message("a1", "a"), message("a2", "a"), message("b1", "b")])
    await asyncio.sleep(50)
    assert await received(queue, visibility_timeout=timedelta(hours=1)) == ["a1", "a2", "b1"]
    await queue.send([message("a3", "a")])
    assert await received(queue) == []
    await asyncio.sleep(10)
    assert await received(queue) == ["a3"]
