"""Queues that come and go, in the real store."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import StoreFull
from engine.feed import Feed, Notice
from engine.store.database import Store
from triggers.sqs.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidParameter,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueError,
    QueueNameExists,
    UnsupportedOperation,
)
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue_registry import QueueRegistry
from triggers.sqs.settings import QueueSettings

ACCOUNT = Account()
ARN = "arn:aws:sqs:us-east-1:000000000000:"
FIFO = {"FifoQueue": "true"}


class Registries:
    """Opens registries on one store, one after the other as simulators do."""

    def __init__(self, store: Store, clock: Clock, feed: Feed) -> None:
        self.store, self.clock, self.feed = store, clock, feed

    async def open(self, **configured: Mapping[str, Any]) -> QueueRegistry:
        settings = {name: QueueSettings.model_validate(each) for name, each in configured.items()}
        registry = QueueRegistry({}, settings, ACCOUNT, self.store, self.clock, self.feed)
        await registry.open()
        return registry


@pytest.fixture
def registries(store: Store, clock: Clock, feed: Feed) -> Registries:
    return Registries(store, clock, feed)


def redrive_to(name: str) -> dict[str, str]:
    return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{ARN}{name}", "maxReceiveCount": 1})}


async def test_a_queue_that_was_made_is_there_after_a_restart(registries: Registries) -> None:
    registry = await registries.open()
    made = await registry.create("made", {"VisibilityTimeout": "5", "KmsMasterKeyId": "k"}, {"team": "a"})
    await made.send([OutgoingMessage("kept")])
    await registry.change_attributes(made, {"DelaySeconds": "7", "Policy": "{}"})
    await registry.change_tags(made, {"team": "b"})

    again = await registries.open()
    found = again.queues["made"]
    assert found.attributes == made.attributes
    assert found.attributes.delay == timedelta(seconds=7)
    assert found.attributes.without_effect == {"KmsMasterKeyId": "k", "Policy": "{}"}
    assert again.tags(found) == {"team": "b"}
    assert await found.count() == 1
    assert (found.created_at, found.changed_at) == (made.created_at, made.changed_at)


async def test_making_a_queue_again_returns_it_or_names_what_differs(registries: Registries) -> None:
    registry = await registries.open(declared={"visibility_timeout": 5})
    made = await registry.create("made", {"VisibilityTimeout": "5"}, {})
    assert await registry.create("made", {}, {}) is made
    assert await registry.create("made", {"VisibilityTimeout": "5", "DelaySeconds": "0"}, {}) is made
    assert await registry.create("declared", {"VisibilityTimeout": "5"}, {}) is registry.queues["declared"]
    for name in ("made", "declared"):
        with pytest.raises(QueueNameExists, match="a different value for attribute VisibilityTimeout"):
            await registry.create(name, {"VisibilityTimeout": "6"}, {})


@pytest.mark.parametrize(
    ("name", "attributes", "error", "text"),
    [
        pytest.param("with space", {}, InvalidParameter, "1 to 80 in length", id="a name with a space"),
        pytest.param("n" * 81, {}, InvalidParameter, "1 to 80 in length", id="a name that is too long"),
        pytest.param("a.fifo", {}, InvalidParameter, "Can only include", id="a FIFO name without FifoQueue"),
        pytest.param("a", FIFO, InvalidParameter, "must end with .fifo", id="FifoQueue without a FIFO name"),
        pytest.param("a", {"FifoQueue": "false"}, InvalidAttributeName, "FifoQueue", id="FifoQueue false"),
        pytest.param("a", {"Colour": "red"}, InvalidAttributeName, "Colour", id="an unknown attribute"),
        pytest.param(
            "a", {"DelaySeconds": "901"}, InvalidAttributeValue, "DelaySeconds", id="a value out of range"
        ),
        pytest.param(
            "a", redrive_to("none"), InvalidParameter, "does not exist", id="no such dead-letter queue"
        ),
        pytest.param(
            "b.fifo", FIFO | redrive_to("dead"), InvalidParameter, "same type", id="one of another kind"
        ),
    ],
)
async def test_a_queue_that_sqs_would_not_make(
    registries: Registries, name: str, attributes: dict[str, str], error: type[QueueError], text: str
) -> None:
    registry = await registries.open(dead={})
    with pytest.raises(error, match=text):
        await registry.create(name, attributes, {})
    assert list(registry.queues) == ["dead"]
    assert list((await registries.open()).queues) == []


async def test_a_deleted_queue_goes_with_all_it_had(registries: Registries) -> None:
    registry = await registries.open()
    for name, attributes, group in (("made", {}, None), ("made.fifo", FIFO, "g")):
        made = await registry.create(name, attributes, {"a": "b"})
        messages = [
            OutgoingMessage(str(n), group_id=group, deduplication_id=group and str(n)) for n in (1, 2)
        ]
        await made.send(messages)
        await registry.delete(made)
        assert name not in registry.queues
        with pytest.raises(QueueDoesNotExist):
            await made.send(messages)
        with pytest.raises(QueueDoesNotExist):
            await registry.delete(made)
        with pytest.raises(QueueDeletedRecently):
            await registry.create(name, attributes, {})
        await asyncio.sleep(60)
        anew = await registry.create(name, attributes, {})
        assert await anew.count() == 0
        assert registry.tags(anew) == {}
        await anew.send(messages)
        assert await anew.count() == 2  # nothing was remembered of the other's either


async def test_who_waits_for_messages_is_told_that_the_queue_is_gone(
    registries: Registries, clock: Clock
) -> None:
    registry = await registries.open()
    made = await registry.create("made", {}, {})
    before = clock.now()
    waiting = asyncio.create_task(made.receive_messages(1, wait=timedelta(seconds=20)))
    await asyncio.sleep(1)
    await registry.delete(made)
    with pytest.raises(QueueDoesNotExist):
        await waiting
    assert clock.now() - before == timedelta(seconds=1)


async def test_messages_stay_when_their_dead_letter_queue_is_gone(registries: Registries) -> None:
    registry = await registries.open()
    dead = await registry.create("dead", {}, {})
    made = await registry.create("made", {"VisibilityTimeout": "0", **redrive_to("dead")}, {})
    await registry.delete(dead)
    await made.send([OutgoingMessage("a")])
    for count in (1, 2, 3):
        (message,) = await made.receive_messages(1)
        assert message.receive_count == count


async def test_what_the_configuration_declares_belongs_to_it(registries: Registries) -> None:
    registry = await registries.open(jobs={"visibility_timeout": 5})
    jobs = registry.queues["jobs"]
    with pytest.raises(UnsupportedOperation, match=r"headrace.toml declares queues.jobs"):
        await registry.delete(jobs)
    with pytest.raises(InvalidAttributeValue, match=r"headrace.toml declares it for queues.jobs"):
        await registry.change_attributes(jobs, {"VisibilityTimeout": "6"})
    await registry.change_attributes(jobs, {"VisibilityTimeout": "5", "DelaySeconds": "1"})

    assert (await registries.open(jobs={})).queues["jobs"].attributes.delay == timedelta(seconds=1)
    declared = await registries.open(jobs={"delay_seconds": 2})
    assert declared.queues["jobs"].attributes.delay == timedelta(seconds=2)
    assert list((await registries.open()).queues) == []


async def test_the_configuration_takes_over_a_queue_that_was_made(registries: Registries) -> None:
    registry = await registries.open()
    made = await registry.create("made", {"DelaySeconds": "9", "VisibilityTimeout": "9"}, {})
    await made.send([OutgoingMessage("a")])
    taken = await registries.open(made={"visibility_timeout": 5})
    attributes = taken.queues["made"].attributes
    assert (attributes.visibility_timeout, attributes.delay) == (timedelta(seconds=5), timedelta(seconds=9))
    assert await taken.queues["made"].count() == 1
    with pytest.raises(UnsupportedOperation):
        await taken.delete(taken.queues["made"])


async def test_changes_that_no_longer_go_with_the_configuration_are_left_out_with_a_notice(
    registries: Registries, feed: Feed
) -> None:
    notices: list[Notice] = []
    feed.tap(lambda fact: notices.append(fact) if isinstance(fact, Notice) else None)
    registry = await registries.open(**{"a.fifo": {}})
    changes = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    await registry.change_attributes(registry.queues["a.fifo"], changes)
    again = await registries.open(**{"a.fifo": {"deduplication_scope": "queue"}})
    assert again.queues["a.fifo"].attributes.fifo_throughput_limit == "perQueue"
    (notice,) = notices
    assert "does not go with headrace.toml any more" in notice.text


async def test_a_store_that_fails_leaves_queues_as_they_were(
    registries: Registries, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = await registries.open()
    made = await registry.create("made", {}, {"a": "b"})
    await made.send([OutgoingMessage("a")])

    async def fail(_: object) -> None:
        raise StoreFull(None)

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", fail)
        for attempt in (
            registry.create("other", {}, {}),
            registry.delete(made),
            registry.change_attributes(made, {"DelaySeconds": "5"}),
            registry.change_tags(made, {}),
        ):
            with pytest.raises(StoreFull):
                await attempt
    assert list(registry.queues) == ["made"]
    assert registry.tags(made) == {"a": "b"}
    assert not made.attributes.delay
    await made.send([OutgoingMessage("b")])
    assert await made.count() == 2


async def test_listeners_hear_of_queues_that_come_and_go(registries: Registries) -> None:
    registry = await registries.open()
    heard: list[tuple[str, bool]] = []
    registry.listen(lambda arn: heard.append((arn, registry.at(arn) is not None)))
    made = await registry.create("made", {}, {})
    await registry.create("made", {}, {})
    await registry.delete(made)
    assert heard == [(f"{ARN}made", True), (f"{ARN}made", False)]
