"""Topics: who gets what is published, in what form, and what stays over a restart."""

import asyncio
import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from engine.clock import VIRTUAL_START, Clock, from_millis
from engine.errors import StoreFull
from engine.feed import EventEmitted, Notice
from engine.invocation.destination import DestinationMessage, DestinationRefused, TextAttribute
from engine.store.database import Store
from tests.fakes.topics_bench import ACCOUNT, WORK, TopicsBench, topics_bench
from triggers.sns.destination import TopicDestination
from triggers.sns.errors import InvalidParameter
from triggers.sns.message import MessageAttribute, OutgoingMessage
from triggers.sns.subscription import make_subscription, subscription_arn
from triggers.sns.topic import Topic

JOBS, FAILURES = ACCOUNT.queue("jobs"), ACCOUNT.queue("failures")
ORDERS = ACCOUNT.queue("orders.fifo")
RAW = {"RawMessageDelivery": "true"}
GONE = ACCOUNT.queue("gone")


@pytest.fixture
async def bench(clock: Clock, store: Store) -> TopicsBench:
    return await topics_bench(clock, store)


async def news(bench: TopicsBench, *endpoints: str, **attributes: str) -> Topic:
    topic = await bench.topics.create("news", {}, {})
    for endpoint in endpoints:
        protocol = "lambda" if ":lambda:" in endpoint else "sqs"
        await bench.topics.subscribe(topic.arn, protocol, endpoint, attributes)
    return topic


async def fifo(bench: TopicsBench, endpoint: str = ORDERS, **attributes: str) -> Topic:
    given = {"FifoTopic": "true", "ContentBasedDeduplication": "true", **attributes}
    topic = await bench.topics.create("orders.fifo", given, {})
    await bench.topics.subscribe(topic.arn, "sqs", endpoint, {})
    return topic


async def test_a_function_gets_one_record(bench: TopicsBench) -> None:
    topic = await news(bench, WORK)
    attributes = {"n": MessageAttribute("Number", "1"), "b": MessageAttribute("Binary", b"\2\3\4")}
    (published,) = await bench.topics.publish(
        topic, [OutgoingMessage("hello", "greeting", attributes, lineage=("origin",))]
    )
    (event,) = bench.events.events
    (subscription,) = bench.topics.subscriptions(topic)
    (record,) = json.loads(event.payload)["Records"]
    sns = record.pop("Sns")
    assert record == {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "EventSource": "aws:sns",
    }
    assert " ".join(sns) == (
        "SignatureVersion Timestamp Signature SigningCertUrl MessageId Message MessageAttributes Type"
        " UnsubscribeUrl TopicArn Subject"
    )
    assert sns["Timestamp"] == "2026-01-01T00:00:00.000Z"
    assert sns["MessageAttributes"] == {
        "n": {"Type": "Number", "Value": "1"},
        "b": {"Type": "Binary", "Value": "AgME"},
    }
    assert (sns["MessageId"], sns["Message"], sns["Subject"]) == (published.message_id, "hello", "greeting")
    assert sns["UnsubscribeUrl"].endswith(f"/?Action=Unsubscribe&SubscriptionArn={subscription.arn}")
    assert (event.function, event.source, event.lineage) == ("work", "topics.news", ("origin",))
    (told,) = bench.facts
    assert told == EventEmitted(
        VIRTUAL_START, "topics.news", "work", event.request_id, "Notification", "greeting"
    )


async def test_a_queue_gets_an_envelope_as_aws_writes_it(bench: TopicsBench) -> None:
    topic = await news(bench, JOBS)
    attributes = {"n": MessageAttribute("Number", "1")}
    message = OutgoingMessage('hé"llo', attributes=attributes, group_id="fair", trace_header="Root=1-a")
    (published,) = await bench.topics.publish(topic, [message])
    (received,) = await bench.messages()
    envelope = json.loads(received.body)
    assert " ".join(envelope) == (
        "Type MessageId TopicArn Message Timestamp SignatureVersion Signature SigningCertURL"
        " UnsubscribeURL MessageAttributes"
    )
    assert received.body.startswith('{\n  "Type" : "Notification",\n  "MessageId" : "')
    assert received.body.endswith(
        ',\n  "MessageAttributes" : {\n    "n" : {"Type":"Number","Value":"1"}\n  }\n}'
    )
    assert (envelope["Message"], envelope["MessageId"]) == ('hé"llo', published.message_id)
    assert received.attributes == {}
    assert (received.group_id, received.system_attributes) == ("fair", {"AWSTraceHeader": "Root=1-a"})


async def test_a_queue_gets_the_message_itself_when_it_wants_it_raw(bench: TopicsBench) -> None:
    topic = await news(bench, JOBS, **RAW)
    attributes = {"a": MessageAttribute("String", "1"), "b": MessageAttribute("Binary", b"\2")}
    await bench.topics.publish(topic, [OutgoingMessage("text", "subject", attributes)])
    (received,) = await bench.messages()
    assert received.body == "text"
    assert {name: each.value for name, each in received.attributes.items()} == {"a": "1", "b": b"\2"}


async def test_every_subscriber_gets_what_its_policy_accepts(bench: TopicsBench) -> None:
    topic = await news(bench, WORK)
    await bench.topics.subscribe(topic.arn, "sqs", JOBS, {**RAW, "FilterPolicy": '{"kind": ["order"]}'})
    body = {"FilterPolicy": '{"kind": ["order"]}', "FilterPolicyScope": "MessageBody"}
    await bench.topics.subscribe(topic.arn, "sqs", FAILURES, {**RAW, **body})
    order = {"kind": MessageAttribute("String", "order")}
    await bench.topics.publish(topic, [OutgoingMessage("1", attributes=order)])
    await bench.topics.publish(topic, [OutgoingMessage('{"kind": "order"}')])
    assert [each["Message"] for each in bench.notifications()] == ["1", '{"kind": "order"}']
    assert await bench.bodies("jobs") == [1]
    assert await bench.bodies("failures") == [{"kind": "order"}]


async def test_a_policy_on_the_body_sees_what_the_protocol_gets(bench: TopicsBench) -> None:
    body = {"FilterPolicy": '{"kind": ["order"]}', "FilterPolicyScope": "MessageBody"}
    topic = await news(bench, JOBS, WORK, **body)
    bodies = {"default": "{}", "sqs": '{"kind": "order"}'}
    await bench.topics.publish(topic, [OutgoingMessage("...", bodies=bodies)])
    assert len(await bench.bodies()) == 1
    assert bench.events.events == []


async def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(bench: TopicsBench) -> None:
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": FAILURES})}
    topic = await news(bench, GONE, ACCOUNT.function("gone"), **redrive)
    await bench.topics.publish(topic, [OutgoingMessage("hello")])
    assert [each["Message"] for each in await bench.bodies("failures")] == ["hello", "hello"]
    texts = [fact.text for fact in bench.facts if isinstance(fact, Notice)]
    assert len(texts) == 2
    assert texts[0].endswith(f"was not delivered to {GONE}: it does not exist; it is in {FAILURES}")


async def test_what_is_too_large_for_a_queue_is_dropped_and_told_of(bench: TopicsBench) -> None:
    topic = await bench.topics.create("news", {"MaximumMessageSize": "1048576"}, {})
    await bench.topics.subscribe(topic.arn, "sqs", JOBS, {})
    await bench.topics.subscribe(topic.arn, "lambda", WORK, {})
    await bench.topics.publish(topic, [OutgoingMessage("x" * 1_048_576)])
    assert (await bench.bodies(), bench.events.events) == ([], [])
    assert len([fact for fact in bench.facts if isinstance(fact, Notice)]) == 2


async def test_a_batch_is_stored_together_or_not_at_all(bench: TopicsBench) -> None:
    topic = await news(bench, JOBS, WORK)
    with pytest.raises(InvalidParameter):
        await bench.topics.publish(topic, [OutgoingMessage("a"), OutgoingMessage("")])
    bench.events.refusal = StoreFull(None)
    with pytest.raises(StoreFull):
        await bench.topics.publish(topic, [OutgoingMessage("a")])
    assert await bench.bodies() == []
    bench.events.refusal = None
    await bench.topics.publish(topic, [OutgoingMessage("a"), OutgoingMessage("b")])
    assert [each["Message"] for each in await bench.bodies()] == ["a", "b"]


async def test_a_fifo_topic_keeps_order_and_leaves_repetitions_out(bench: TopicsBench, clock: Clock) -> None:
    topic = await fifo(bench)
    first, again, second = [
        (await bench.topics.publish(topic, [OutgoingMessage(body, group_id="g")]))[0] for body in "aab"
    ]
    assert (again.message_id, again.sequence_number) == (first.message_id, first.sequence_number)
    assert first.sequence_number is not None
    assert second.sequence_number is not None
    assert len(first.sequence_number) == 20
    assert first.sequence_number < second.sequence_number
    received = await bench.messages("orders.fifo")
    envelopes = [json.loads(message.body) for message in received]
    assert [each["Message"] for each in envelopes] == ["a", "b"]
    assert " ".join(envelopes[0]) == (
        "Type MessageId SequenceNumber TopicArn Message Timestamp UnsubscribeURL"
    )
    assert received[0].group_id == "g"
    assert received[0].deduplication_id == (
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    )
    await clock.sleep_until(clock.now() + timedelta(minutes=5))
    await bench.topics.publish(topic, [OutgoingMessage("a", group_id="g")])
    assert len(await bench.messages("orders.fifo")) == 1


@pytest.mark.parametrize(("scope", "count"), [("Topic", 1), ("MessageGroup", 2)])
async def test_ids_for_deduplication_count_in_their_scope(bench: TopicsBench, scope: str, count: int) -> None:
    topic = await fifo(bench, JOBS, FifoThroughputScope=scope)
    for group in "xy":
        await bench.topics.publish(topic, [OutgoingMessage("a", group_id=group, deduplication_id="1")])
    assert len(await bench.messages("jobs")) == count


async def test_topics_and_subscriptions_are_there_after_a_restart(
    bench: TopicsBench, clock: Clock, store: Store
) -> None:
    topic = await news(bench, JOBS, **RAW)
    await bench.topics.set_attribute(topic.arn, "DisplayName", "News")
    await bench.topics.set_tags(topic, {"team": "a"})
    (subscription,) = bench.topics.subscriptions()
    await bench.topics.set_subscription_attribute(subscription.arn, "FilterPolicy", '{"a": ["1"]}')
    again = await topics_bench(clock, store, queues=bench.queues)
    assert again.topics.all == bench.topics.all
    (found,) = again.topics.subscriptions()
    assert (found.arn, dict(found.attributes)) == (subscription.arn, {**RAW, "FilterPolicy": '{"a": ["1"]}'})
    await again.topics.publish(again.topics.all[0], [OutgoingMessage("dropped")])
    await again.topics.publish(
        again.topics.all[0], [OutgoingMessage("kept", attributes={"a": MessageAttribute("String", "1")})]
    )
    assert await again.bodies() == ["kept"]
    await again.topics.delete(topic.arn)
    assert (await topics_bench(clock, store)).topics.all == []


async def test_a_deleted_topic_leaves_nothing_to_one_of_its_name(bench: TopicsBench) -> None:
    topic = await fifo(bench)
    await bench.topics.publish(topic, [OutgoingMessage("a", group_id="g", deduplication_id="1")])
    await bench.topics.delete(topic.arn)
    again = await bench.topics.create("orders.fifo", {"FifoTopic": "true"}, {})
    assert bench.topics.subscriptions(again) == []
    await bench.topics.subscribe(again.arn, "sqs", JOBS, {})
    await bench.topics.publish(again, [OutgoingMessage("a", group_id="g", deduplication_id="1")])
    assert [each["Message"] for each in await bench.bodies()] == ["a"]


def declared() -> tuple[list[Topic], list[Any]]:
    attributes = {"DisplayName": "News"}
    topic = Topic("news", ACCOUNT.topic("news"), attributes, fixed=frozenset(["DisplayName"]))
    arn = subscription_arn(topic, "sqs", JOBS)
    return [topic], [make_subscription(arn, topic, "sqs", JOBS, RAW, is_configured=True)]


async def test_what_the_configuration_declares_is_not_changed(clock: Clock, store: Store) -> None:
    bench = await topics_bench(clock, store, *declared())
    topics, (topic,) = bench.topics, bench.topics.all
    (subscription,) = topics.subscriptions()
    assert await topics.create("news", {"DisplayName": "News"}, {}) == topic
    changes = [
        topics.create("news", {"DisplayName": "Other"}, {}),
        topics.delete(topic.arn),
        topics.set_attribute(topic.arn, "DisplayName", "Other"),
        topics.unsubscribe(subscription.arn),
        topics.set_subscription_attribute(subscription.arn, "RawMessageDelivery", "false"),
    ]
    for change in changes:
        with pytest.raises(InvalidParameter, match=r"headrace.toml declares topics\.news"):
            await change
    assert await topics.subscribe(topic.arn, "sqs", JOBS, RAW) == subscription


async def test_what_is_added_to_a_declared_topic_stays(clock: Clock, store: Store) -> None:
    bench = await topics_bench(clock, store, *declared())
    topic = bench.topics.all[0]
    await bench.topics.subscribe(topic.arn, "lambda", WORK, {})
    await bench.topics.set_attribute(topic.arn, "KmsMasterKeyId", "alias/aws/sns")
    again = await topics_bench(clock, store, *declared(), queues=bench.queues)
    assert again.topics.all[0].attributes["KmsMasterKeyId"] == "alias/aws/sns"
    await again.topics.publish(again.topics.all[0], [OutgoingMessage("a")])
    assert [each["Message"] for each in again.notifications()] == ["a"]
    assert await again.bodies() == ["a"]
    no_longer = await topics_bench(clock, store)
    assert (no_longer.topics.all, no_longer.topics.subscriptions()) == ([], [])


async def test_a_topic_is_a_destination_of_records(bench: TopicsBench, store: Store) -> None:
    await news(bench, JOBS, WORK)
    destination = TopicDestination(lambda: bench.topics, "news", ACCOUNT.topic("news"), "a subject")
    message = DestinationMessage(
        "origin", b'{"a": 1}', ("origin",), {"ErrorCode": TextAttribute("Number", "200")}
    )
    await store.write(partial(destination.send, message=message))
    assert bench.events.events == []
    destination.wake()
    (envelope,) = await bench.bodies()
    assert envelope["MessageId"] == message.request_id
    assert (envelope["Message"], envelope["Subject"]) == ('{"a": 1}', "a subject")
    assert envelope["MessageAttributes"] == {"ErrorCode": {"Type": "Number", "Value": "200"}}
    (event,) = bench.events.events
    assert event.lineage == ("origin",)


async def test_a_destination_refuses_what_the_topic_would_not_take(bench: TopicsBench, store: Store) -> None:
    await news(bench, JOBS)
    for name, body in (("news", b"x" * 262_145), ("gone", b"x")):
        destination = TopicDestination(lambda: bench.topics, name, ACCOUNT.topic(name))
        message = DestinationMessage("origin", body, ("origin",))
        with pytest.raises(DestinationRefused):
            await store.write(partial(destination.send, message=message))
    assert await bench.bodies() == []


async def test_waiting_receivers_are_woken(bench: TopicsBench) -> None:
    topic = await news(bench, JOBS, **RAW)
    async with asyncio.TaskGroup() as group:
        receiving = group.create_task(bench.queues["jobs"].receive_messages(1, wait=timedelta(seconds=20)))
        await asyncio.sleep(1)
        await bench.topics.publish(topic, [OutgoingMessage("a")])
    (message,) = receiving.result()
    assert message.sent_at == from_millis(1_767_225_601_000)
