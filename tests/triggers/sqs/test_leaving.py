"""How messages leave a queue otherwise: retention, redrive, moving back, purging."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.feed import Fact, Feed, MessageRedriven
from engine.store.database import Store
from triggers.sqs.errors import InvalidParameter, PurgeQueueInProgress
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.message_table import Counts
from triggers.sqs.queue import Queue, configured_queues
from triggers.sqs.settings import QueueSettings

NO_WAIT = timedelta()
MakeQueues = Callable[..., dict[str, Queue]]


async def stored_messages(store: Store) -> int:
    """Return how many rows there are, also of messages that no queue shows any more."""
    sql = "SELECT count(*) FROM sqs_messages WHERE queue = 'jobs'"
    return await store.read(lambda connection: int(connection.execute(sql).fetchone()[0]))


@pytest.fixture
def make(store: Store, clock: Clock, feed: Feed) -> MakeQueues:
    def make(**settings: dict[str, object]) -> dict[str, Queue]:
        models = {
            name.replace("_fifo", ".fifo"): QueueSettings.model_validate(each)
            for name, each in settings.items()
        }
        return configured_queues(models, Account(), store, clock, feed)

    return make


def redrive_to(name: str, most: int) -> dict[str, object]:
    return {"redrive_policy": {"dead_letter_target_arn": f"queues.{name}", "max_receive_count": most}}


async def fail(queue: Queue, times: int) -> None:
    """Receive all there is, so many times, and delete nothing."""
    for _ in range(times):
        await queue.receive(10, visibility_timeout=NO_WAIT, wait=NO_WAIT)


async def bodies(queue: Queue) -> list[str]:
    return [message.body for message in await queue.peek(100)]


async def test_messages_past_the_retention_period_are_gone(make: MakeQueues, store: Store) -> None:
    queue = make(jobs={"message_retention_period": 60})["jobs"]
    await queue.send([OutgoingMessage("received"), OutgoingMessage("never")])
    await queue.receive(1)
    await asyncio.sleep(59.9)
    assert len(await queue.receive(10, wait=NO_WAIT)) == 2
    await asyncio.sleep(0.2)
    assert await queue.peek(10) == []
    await asyncio.sleep(30)
    assert await queue.receive(10, wait=NO_WAIT) == []
    assert await stored_messages(store) == 0


async def test_what_expires_without_being_received_is_removed_by_the_next_send(
    make: MakeQueues, store: Store
) -> None:
    queue = make(jobs={"message_retention_period": 60})["jobs"]
    await queue.send([OutgoingMessage(str(number)) for number in range(20)])
    await asyncio.sleep(60)
    assert await queue.counts() == Counts(0, 0, 0)
    await queue.send([OutgoingMessage("new")])
    assert await stored_messages(store) == 1


async def test_a_message_that_was_received_too_often_goes_to_the_dead_letter_queue(
    make: MakeQueues, feed: Feed, clock: Clock
) -> None:
    queues = make(jobs=redrive_to("failures", 2), failures={})
    queue, failures = queues["jobs"], queues["failures"]
    facts: list[Fact] = []
    feed.tap(facts.append)
    sent_at = clock.now()
    (sent,) = await queue.send([OutgoingMessage("poison", system_attributes={"AWSTraceHeader": "Root=1"})])
    await fail(queue, 2)
    assert await bodies(failures) == []
    waiting = asyncio.create_task(failures.receive(1))
    await asyncio.sleep(1)
    assert not waiting.done()
    before = clock.now()
    await fail(queue, 1)
    (message,) = await waiting
    assert clock.now() == before
    assert message.message_id == sent.message_id
    assert message.record["attributes"] == {
        "ApproximateReceiveCount": "3",
        "SentTimestamp": str(to_millis(sent_at)),
        "SenderId": "AIDAHEADRACE000000001",
        "ApproximateFirstReceiveTimestamp": str(to_millis(sent_at)),
        "AWSTraceHeader": "Root=1",
        "DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:000000000000:jobs",
    }
    assert message.record["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:failures"
    assert facts == [
        MessageRedriven(
            before,
            "queues.jobs",
            sent.message_id,
            2,
            "arn:aws:sqs:us-east-1:000000000000:failures",
        )
    ]


async def test_redriving_makes_room_for_other_messages(make: MakeQueues) -> None:
    queues = make(jobs=redrive_to("failures", 1), failures={})
    queue = queues["jobs"]
    await queue.send([OutgoingMessage(f"bad {number}") for number in range(10)])
    await fail(queue, 1)
    await asyncio.sleep(1)
    await queue.send([OutgoingMessage("good")])
    assert [each.record["body"] for each in await queue.receive(10, wait=NO_WAIT)] == ["good"]
    assert await queues["failures"].count() == 10


async def test_retention_in_a_dead_letter_queue_counts_from_the_first_sending(make: MakeQueues) -> None:
    queues = make(
        jobs=redrive_to("failures", 1) | {"message_retention_period": 600},
        failures={"message_retention_period": 300},
    )
    await queues["jobs"].send([OutgoingMessage("a")])
    await asyncio.sleep(299)
    await fail(queues["jobs"], 2)
    assert await bodies(queues["failures"]) == ["a"]
    await asyncio.sleep(1)
    assert await bodies(queues["failures"]) == []


async def test_in_fifo_queues_redriving_frees_the_group_and_begins_retention_anew(
    make: MakeQueues, clock: Clock
) -> None:
    queues = make(jobs_fifo=redrive_to("failures.fifo", 1), failures_fifo={})
    queue, failures = queues["jobs.fifo"], queues["failures.fifo"]
    sent = await queue.send(
        [OutgoingMessage(body, group_id="g", deduplication_id=body) for body in ("bad", "good")]
    )
    await queue.receive(1, visibility_timeout=NO_WAIT)
    await asyncio.sleep(1)
    assert [each.record["body"] for each in await queue.receive(10, wait=NO_WAIT)] == ["good"]
    (message,) = await failures.receive(1)
    assert message.group == "g"
    assert message.message_id == sent[0].message_id
    assert message.record["attributes"]["MessageDeduplicationId"] == sent[0].message_id
    assert message.record["attributes"]["SentTimestamp"] == str(to_millis(clock.now()))


async def test_moving_back_sends_each_message_to_where_it_came_from(
    make: MakeQueues, clock: Clock, store: Store
) -> None:
    queues = make(a=redrive_to("failures", 1), b=redrive_to("failures", 1), failures={})
    for name in ("a", "b"):
        (before,) = await queues[name].send([OutgoingMessage(name)])
        await fail(queues[name], 2)
    await queues["failures"].send([OutgoingMessage("nobody's")])
    waiting = asyncio.create_task(queues["b"].receive(1))
    await asyncio.sleep(5)
    assert await queues["failures"].move_back() == 2
    assert await bodies(queues["failures"]) == ["nobody's"]
    assert await bodies(queues["a"]) == ["a"]
    (message,) = await waiting
    assert message.message_id != before.message_id
    assert message.record["attributes"] == {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": str(to_millis(clock.now())),
        "SenderId": "AIDAHEADRACE000000001",
        "ApproximateFirstReceiveTimestamp": str(to_millis(clock.now())),
    }


async def test_moving_back_can_go_to_any_queue_of_the_same_kind(make: MakeQueues) -> None:
    queues = make(failures={}, jobs={}, other_fifo={})
    await queues["failures"].send([OutgoingMessage(str(number)) for number in range(2500)])
    held = await queues["failures"].receive(1)
    assert await queues["failures"].move_back(queues["jobs"]) == 2499
    assert (await bodies(queues["jobs"]))[:3] == ["1", "2", "3"]
    assert await bodies(queues["failures"]) == [held[0].record["body"]]
    for wrong, words in (("failures", "cannot be the same"), ("other.fifo", "of the same type")):
        with pytest.raises(InvalidParameter, match=words):
            await queues["failures"].move_back(queues[wrong])


async def test_moving_back_leaves_what_has_expired(make: MakeQueues) -> None:
    queues = make(jobs={}, failures={"message_retention_period": 60})
    await queues["failures"].send([OutgoingMessage("old")])
    await asyncio.sleep(60)
    assert await queues["failures"].move_back(queues["jobs"]) == 0


async def test_moving_back_keeps_the_order_of_groups(make: MakeQueues) -> None:
    queues = make(jobs_fifo=redrive_to("failures.fifo", 1), failures_fifo={})
    queue, failures = queues["jobs.fifo"], queues["failures.fifo"]
    await queue.send(
        [OutgoingMessage(str(number), group_id="g", deduplication_id=str(number)) for number in range(5)]
    )
    await fail(queue, 2)
    assert await queue.count() == 0
    await failures.receive(2, visibility_timeout=timedelta(seconds=1))
    await asyncio.sleep(1)
    assert await failures.move_back() == 5
    assert [each.record["body"] for each in await queue.receive(10, wait=NO_WAIT)] == list("01234")
    assert await failures.receive(1, wait=NO_WAIT) == []


async def test_purging_empties_a_queue_once_a_minute(make: MakeQueues) -> None:
    queues = make(jobs={}, other={})
    for queue in queues.values():
        await queue.send([OutgoingMessage(str(number)) for number in range(10_050)])
    await queues["jobs"].receive(10)
    await queues["jobs"].purge()
    assert await queues["jobs"].count() == 0
    assert await queues["other"].count() == 10_050
    await asyncio.sleep(59.9)
    with pytest.raises(PurgeQueueInProgress) as caught:
        await queues["jobs"].purge()
    assert str(caught.value) == "Only one PurgeQueue operation on jobs is allowed every 60 seconds."
    await asyncio.sleep(0.1)
    await queues["jobs"].purge()


async def test_a_purged_fifo_queue_takes_messages_of_the_same_groups_again(make: MakeQueues) -> None:
    queue = make(jobs_fifo={})["jobs.fifo"]
    await queue.send([OutgoingMessage("a", group_id="g", deduplication_id="1")])
    await queue.receive(1)
    await queue.purge()
    assert await queue.receive(1, wait=NO_WAIT) == []
    await queue.send([OutgoingMessage("b", group_id="g", deduplication_id="2")])
    assert [each.record["body"] for each in await queue.receive(1)] == ["b"]
