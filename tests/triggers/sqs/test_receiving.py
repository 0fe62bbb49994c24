"""Receiving from standard queues: visibility, receipts, waiting, deleting."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from engine.arn import Account
from engine.clock import VIRTUAL_START, Clock, to_millis
from engine.mapping.source import QueueMessage
from engine.store.database import Store
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidParameter, OverLimit, ReceiptHandleIsInvalid
from triggers.sqs.message import MessageAttribute, OutgoingMessage
from triggers.sqs.message_table import Counts
from triggers.sqs.queue import IN_FLIGHT_MOST, Queue

SECOND = timedelta(seconds=1)
NO_WAIT = timedelta()


@pytest.fixture
def queue(store: Store, clock: Clock) -> Queue:
    return Queue("jobs", Account(), store, clock)


def messages(*bodies: str) -> list[OutgoingMessage]:
    return [OutgoingMessage(body) for body in bodies]


async def received(queue: Queue, limit: int = 10) -> list[str]:
    """The bodies that a mapping gets at once."""
    return [each.record["body"] for each in await queue.receive(limit, wait=NO_WAIT)]


async def test_a_received_message_is_hidden_until_its_visibility_timeout_ends(
    queue: Queue, clock: Clock
) -> None:
    await queue.send(messages("a", "b"))
    assert await received(queue) == ["a", "b"]
    assert await received(queue) == []
    await asyncio.sleep(29.9)
    assert await received(queue) == []
    await asyncio.sleep(0.1)
    assert await received(queue) == ["a", "b"]


async def test_the_record_is_the_recorded_one(queue: Queue, clock: Clock) -> None:
    attributes = {"WeeksOn": MessageAttribute("Number", "6"), "b": MessageAttribute("Binary", b"\x00")}
    sent_at = clock.now()
    (sent,) = await queue.send(
        [OutgoingMessage("hello", attributes, {"AWSTraceHeader": "Root=1"}, group_id="tenant")]
    )
    await asyncio.sleep(2)
    await queue.receive(1, visibility_timeout=SECOND)
    await asyncio.sleep(1)
    (message,) = await queue.receive(1)
    assert message.group is None
    assert list(message.record.items()) == [
        ("messageId", sent.message_id),
        ("receiptHandle", message.receipt_handle),
        ("body", "hello"),
        (
            "attributes",
            {
                "ApproximateReceiveCount": "2",
                "SentTimestamp": str(to_millis(sent_at)),
                "SenderId": "AIDAHEADRACE000000001",
                "ApproximateFirstReceiveTimestamp": str(to_millis(sent_at) + 2000),
                "AWSTraceHeader": "Root=1",
                "MessageGroupId": "tenant",
            },
        ),
        (
            "messageAttributes",
            {
                "WeeksOn": {
                    "stringValue": "6",
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": "Number",
                },
                "b": {
                    "binaryValue": "AA==",
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": "Binary",
                },
            },
        ),
        ("md5OfMessageAttributes", "68b96086713b9f4c8681ea9113196fe4"),
        ("md5OfBody", "5d41402abc4b2a76b9719d911017c592"),
        ("eventSource", "aws:sqs"),
        ("eventSourceARN", "arn:aws:sqs:us-east-1:000000000000:jobs"),
        ("awsRegion", "us-east-1"),
    ]


async def test_a_record_without_attributes_has_no_md5_of_them(queue: Queue) -> None:
    await queue.send(messages("a"))
    (message,) = await queue.receive(1)
    assert message.record["messageAttributes"] == {}
    assert "md5OfMessageAttributes" not in message.record


async def test_a_send_wakes_a_receiver_without_a_timer(queue: Queue, clock: Clock) -> None:
    waiting = asyncio.create_task(queue.receive(10))
    await asyncio.sleep(5)
    before = clock.now()
    await queue.send(messages("a"))
    assert [each.record["body"] for each in await waiting] == ["a"]
    assert clock.now() == before


async def test_what_is_sent_in_a_transaction_is_received_after_wake(queue: Queue, store: Store) -> None:
    waiting = asyncio.create_task(queue.receive(10))
    await asyncio.sleep(1)
    await store.write(lambda connection: queue.send_in(connection, "a"))
    queue.wake()
    assert [each.record["body"] for each in await waiting] == ["a"]


@pytest.mark.parametrize(
    ("delay", "of_queue", "seconds"),
    [
        pytest.param(None, 0, 0, id="no delay"),
        pytest.param(7, 0, 7, id="the message's own"),
        pytest.param(None, 9, 9, id="the queue's"),
        pytest.param(0, 9, 0, id="the message's own none beats the queue's"),
    ],
)
async def test_a_delayed_message_arrives_at_its_moment(
    store: Store, clock: Clock, delay: int | None, of_queue: int, seconds: int
) -> None:
    attributes = QueueAttributes("jobs", "arn", delay=timedelta(seconds=of_queue))
    queue = Queue("jobs", Account(), store, clock, attributes=attributes)
    sent_at = clock.now()
    given = None if delay is None else timedelta(seconds=delay)
    await queue.send([OutgoingMessage("a", delay=given)])
    assert await queue.counts() == (Counts(0, 0, 1) if seconds else Counts(1, 0, 0))
    assert [each.record["body"] for each in await queue.receive(1)] == ["a"]
    assert clock.now() == sent_at + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "wait", [pytest.param(timedelta(seconds=20), id="long"), pytest.param(NO_WAIT, id="none")]
)
async def test_an_empty_queue_answers_after_the_wait(queue: Queue, clock: Clock, wait: timedelta) -> None:
    before = clock.now()
    assert await queue.receive(10, wait=wait) == []
    assert await queue.receive_messages(10, wait=wait) == []
    assert clock.now() == before + 2 * wait


async def test_a_client_waits_as_long_as_the_queue_says(store: Store, clock: Clock) -> None:
    attributes = QueueAttributes("jobs", "arn", receive_message_wait_time=timedelta(seconds=3))
    queue = Queue("jobs", Account(), store, clock, attributes=attributes)
    before = clock.now()
    assert await queue.receive_messages(1) == []
    assert clock.now() == before + timedelta(seconds=3)


async def test_cancelling_a_receive_gives_back_what_it_had_hidden(queue: Queue) -> None:
    await queue.send(messages("a"))
    receiving = asyncio.create_task(queue.receive(10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    (message,) = await queue.receive(10, wait=NO_WAIT)
    assert message.record["attributes"]["ApproximateReceiveCount"] == "1"


async def test_a_mapping_with_a_window_receives_thousands_at_once(queue: Queue) -> None:
    await queue.send(messages(*map(str, range(3000))))
    assert await received(queue, 2500) == [str(number) for number in range(2500)]
    assert await queue.counts() == Counts(500, 2500, 0)


@pytest.mark.parametrize("seconds", [pytest.param(5, id="hidden"), pytest.param(40, id="after the timeout")])
async def test_any_receipt_deletes_a_message_of_a_standard_queue(queue: Queue, seconds: int) -> None:
    await queue.send(messages("a"))
    (first,) = await queue.receive(1)
    await asyncio.sleep(seconds)
    await queue.delete_message(first.receipt_handle)
    await queue.delete_message(first.receipt_handle)  # twice is a success
    await asyncio.sleep(60)
    assert await received(queue) == []


async def test_an_old_receipt_deletes_a_message_that_another_has_received(queue: Queue) -> None:
    await queue.send(messages("a"))
    (first,) = await queue.receive(1)
    (second,) = await queue.receive(1)  # thirty seconds later
    assert second.receipt_handle != first.receipt_handle
    await queue.delete([first.receipt_handle])
    assert await queue.count() == 0


@pytest.mark.parametrize(
    "handle", ["", "nonsense", "AQEB", "AQEB????", "AQEBOTk5OTk5OTk5OTk5OTk5OTk5OTk6MTox"]
)
async def test_what_is_no_receipt_handle_is_refused(queue: Queue, handle: str) -> None:
    with pytest.raises(ReceiptHandleIsInvalid):
        await queue.delete_message(handle)
    with pytest.raises(ReceiptHandleIsInvalid):
        await queue.change_message_visibility(handle, SECOND)
    await queue.delete([handle])  # a mapping passes it over


async def test_a_handle_of_a_deleted_message_deletes_no_later_one(queue: Queue) -> None:
    await queue.send(messages("a"))
    (first,) = await queue.receive(1)
    await queue.delete([first.receipt_handle])
    await queue.send(messages("b"))  # takes the place of the other in the store
    await queue.delete([first.receipt_handle])
    assert await received(queue) == ["b"]


@pytest.mark.parametrize(
    ("after", "timeout", "visible_after"),
    [
        pytest.param(10, 0, 10, id="zero shows it now"),
        pytest.param(10, 5, 15, id="it can be shortened"),
        pytest.param(10, 100, 110, id="and extended, from now"),
        pytest.param(35, 100, 135, id="also after it has ended"),
    ],
)
async def test_visibility_can_be_changed(
    queue: Queue, clock: Clock, after: int, timeout: int, visible_after: int
) -> None:
    await queue.send(messages("a"))
    start = clock.now()
    (first,) = await queue.receive(1)
    await asyncio.sleep(after)
    await queue.change_message_visibility(first.receipt_handle, timedelta(seconds=timeout))
    await queue.receive(1)
    assert clock.now() - start == timedelta(seconds=visible_after)


async def test_shortening_the_timeout_wakes_who_waits(queue: Queue, clock: Clock) -> None:
    await queue.send(messages("a"))
    (first,) = await queue.receive(1)
    waiting = asyncio.create_task(queue.receive(1))
    await asyncio.sleep(1)
    before = clock.now()
    await queue.change_message_visibility(first.receipt_handle, NO_WAIT)
    assert len(await waiting) == 1
    assert clock.now() == before


@pytest.mark.parametrize("most", [1, 3000, 500_000, 10_000_000])
async def test_a_mapping_receives_as_many_messages_as_make_so_many_bytes(queue: Queue, most: int) -> None:
    await queue.send(messages(*(character * 2000 for character in 'a"é\n' * 75)))
    seen: list[QueueMessage] = []
    while found := await queue.receive(1000, most_bytes=most, wait=NO_WAIT):
        size = sum(len(orjson.dumps(message.record)) for message in found)
        assert size < 1.1 * most or len(found) == 1
        assert size > 0.9 * most or most < 10_000 or len(seen) + len(found) == 300
        seen += found
    assert [message.record["body"][0] for message in seen] == list('a"é\n' * 75)


async def test_messages_are_hidden_longer_by_the_receipt_that_hides_them(queue: Queue) -> None:
    await queue.send(messages("a", "b"))
    first, second = await queue.receive(2)
    await queue.change_message_visibility(second.receipt_handle, timedelta(0))
    await asyncio.sleep(29)
    await queue.hide_longer([first.receipt_handle, second.receipt_handle], 2 * SECOND)
    assert await received(queue) == ["b"]
    await asyncio.sleep(1.9)
    assert await received(queue) == []
    await asyncio.sleep(0.1)
    assert await received(queue) == ["a"]


async def test_messages_are_not_hidden_for_less_time(queue: Queue, clock: Clock) -> None:
    await queue.send(messages("a"))
    (first,) = await queue.receive(1)
    await queue.hide_longer([first.receipt_handle], SECOND)
    await queue.receive(1)
    assert clock.now() - VIRTUAL_START == 30 * SECOND


async def test_a_receipt_that_is_given_back_does_not_count(queue: Queue) -> None:
    await queue.send(messages("a", "b"))
    first, _ = await queue.receive(2)
    await queue.give_back([first.receipt_handle])
    (again,) = await queue.receive(2)
    assert again.record["attributes"] | {"ApproximateFirstReceiveTimestamp": ""} == first.record[
        "attributes"
    ] | {"ApproximateFirstReceiveTimestamp": ""}


async def test_a_message_is_held_for_twelve_hours_at_most(queue: Queue) -> None:
    await queue.send(messages("a"))
    (first,) = await queue.receive(1)
    await asyncio.sleep(10)
    with pytest.raises(InvalidParameter, match="beyond the limit \\[43200 seconds\\]"):
        await queue.change_message_visibility(first.receipt_handle, timedelta(hours=12))
    await queue.change_message_visibility(first.receipt_handle, timedelta(hours=12, seconds=-10))


async def test_the_visibility_of_a_deleted_message_cannot_be_changed(queue: Queue) -> None:
    await queue.send(messages("a"))
    (first,) = await queue.receive(1)
    await queue.delete_message(first.receipt_handle)
    with pytest.raises(InvalidParameter, match="Message does not exist or is not available"):
        await queue.change_message_visibility(first.receipt_handle, SECOND)


async def test_leases_of_mappings_are_released_and_those_of_clients_are_not(queue: Queue) -> None:
    await queue.send(messages("mapping", "client"))
    await queue.receive(1)
    await queue.receive_messages(1)
    await queue.release_leases()
    (message,) = await queue.receive(10, wait=NO_WAIT)
    assert message.record["body"] == "mapping"
    assert message.record["attributes"]["ApproximateReceiveCount"] == "2"


async def test_only_so_many_messages_are_in_flight(store: Store, clock: Clock) -> None:
    assert IN_FLIGHT_MOST == 120_000
    queue = Queue("jobs", Account(), store, clock, in_flight_most=20)
    await queue.send(messages(*map(str, range(30))))
    held = await queue.receive_messages(15)
    assert len(await queue.receive_messages(15)) == 5
    with pytest.raises(OverLimit):
        await queue.receive_messages(1)
    waiting = asyncio.create_task(queue.receive(10))  # a mapping waits until there is room
    await asyncio.sleep(1)
    assert not waiting.done()
    before = clock.now()
    await queue.delete([message.receipt_handle or "" for message in held[:3]])
    assert len(await waiting) == 3
    assert clock.now() == before
    assert await queue.counts() == Counts(7, 20, 0)


async def test_a_fifo_queue_yields_nothing_more_when_too_many_are_in_flight(
    store: Store, clock: Clock
) -> None:
    queue = Queue("jobs.fifo", Account(), store, clock, in_flight_most=1)
    await queue.send([OutgoingMessage(body, group_id=body, deduplication_id=body) for body in "ab"])
    assert len(await queue.receive_messages(10)) == 1
    assert await queue.receive_messages(10) == []


async def test_what_a_mapping_left_hidden_stays_so_over_a_restart(queue: Queue, clock: Clock) -> None:
    await queue.send([OutgoingMessage("failed"), OutgoingMessage("in hand")])
    failed, _ = await queue.receive(2, wait=timedelta())
    await queue.leave_hidden([failed.receipt_handle])
    await queue.release_leases()
    assert [each.record["body"] for each in await queue.receive(2, wait=timedelta())] == ["in hand"]
    await clock.sleep_until(clock.now() + queue.visibility_timeout)
    bodies = [each.record["body"] for each in await queue.receive(2, wait=timedelta())]
    assert sorted(bodies) == ["failed", "in hand"]
