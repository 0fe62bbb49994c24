"""Changes of objects, their events and the index, in one transaction of the real store."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import StoreError
from engine.feed import EventEmitted, Fact, Feed, Notice, RecursionStopped
from engine.invocation.destination import DestinationMessage, DestinationRefused
from engine.invocation.event import AsyncEvent
from engine.store.database import Store
from tests.fakes.accepted_events import AcceptedEvents
from triggers.s3 import objects
from triggers.s3.journal import Gone, Journal, Retagged, Stored
from triggers.s3.notification import Notification
from triggers.s3.settle import FileState

STATE = FileState(1, 2, 3)
RULES = (
    Notification("all", "resize", ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")),
    Notification("pictures", "index", ("s3:ObjectCreated:*",), suffix=".jpg"),
)


def journal(clock: Clock, store: Store, feed: Feed, accepted: AcceptedEvents) -> Journal:
    """The journal of a bucket with two functions."""
    return Journal(
        "inbox",
        RULES,
        account=Account(),
        version="2.6",
        store=store,
        acceptor=accepted,
        feed=feed,
        clock=clock,
        loops_allowed=lambda _: False,
    )


async def test_every_matching_function_gets_an_event_of_its_own(
    clock: Clock, store: Store, feed: Feed
) -> None:
    accepted, facts = AcceptedEvents(), list[Fact]()
    feed.tap(facts.append)
    await journal(clock, store, feed, accepted).record([Stored("a.jpg", "e", STATE), Gone("b.jpg")])

    assert [(event.function, event.source) for event in accepted.events] == [
        ("resize", "buckets.inbox"),
        ("index", "buckets.inbox"),
        ("resize", "buckets.inbox"),
    ]
    assert [record["s3"]["configurationId"] for record in accepted.records()] == ["all", "pictures", "all"]
    assert [(fact.function, fact.name, fact.detail) for fact in facts if isinstance(fact, EventEmitted)] == [
        ("resize", "ObjectCreated:Put", "a.jpg"),
        ("index", "ObjectCreated:Put", "a.jpg"),
        ("resize", "ObjectRemoved:Delete", "b.jpg"),
    ]


async def test_both_functions_hear_of_one_change_with_one_sequencer(
    clock: Clock, store: Store, feed: Feed
) -> None:
    accepted = AcceptedEvents()
    await journal(clock, store, feed, accepted).record([Stored("a.jpg", "e", STATE)])

    assert len({record["s3"]["object"]["sequencer"] for record in accepted.records()}) == 1


async def test_sequencers_grow_at_one_moment_and_over_a_restart(
    clock: Clock, store: Store, feed: Feed
) -> None:
    accepted = AcceptedEvents()
    for _ in range(2):
        restarted = journal(clock, store, feed, accepted)
        await restarted.open(Path("/inbox"))
        await restarted.mark_seen(Path("/inbox"), {})
        await restarted.record([Stored("k", "1", STATE), Gone("k")])

    sequencers = [record["s3"]["object"]["sequencer"] for record in accepted.records()]
    assert sequencers == sorted(set(sequencers))


async def test_a_silent_change_is_known_and_not_told(clock: Clock, store: Store, feed: Feed) -> None:
    accepted = AcceptedEvents()
    entries = await journal(clock, store, feed, accepted).record([Stored("k", "e", STATE, event=None)])

    assert accepted.events == []
    found = await store.read(lambda connection: objects.find(connection, "inbox", ["k"]))
    assert found == {"k": entries[0]}


async def test_a_functions_own_doing_does_not_call_it_and_is_said(
    clock: Clock, store: Store, feed: Feed
) -> None:
    accepted, facts = AcceptedEvents(), list[Fact]()
    feed.tap(facts.append)
    await journal(clock, store, feed, accepted).record([Stored("a.jpg", "e", STATE, lineage=("resize",))])

    assert [(event.function, event.lineage) for event in accepted.events] == [("index", ("resize",))]
    stopped = [fact for fact in facts if isinstance(fact, RecursionStopped)]
    assert [(fact.function, fact.detail, fact.remedy) for fact in stopped] == [
        ("resize", "a.jpg", "recursive = true in the bucket's notification")
    ]


class FullQueue(AcceptedEvents):
    """Refuses what it is given, as a full disk does."""

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        """Fail."""
        raise StoreError("full")


async def test_the_index_is_not_changed_when_the_events_cannot_be_stored(
    clock: Clock, store: Store, feed: Feed
) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)
    with pytest.raises(StoreError):
        await journal(clock, store, feed, FullQueue()).record([Stored("k", "e", STATE)])

    assert await store.read(lambda connection: objects.find(connection, "inbox", ["k"])) == {}
    assert facts == []


class Inbox:
    """A destination that writes into the transaction it is given."""

    arn = "arn:aws:sqs:us-east-1:000000000000:jobs"

    def __init__(self, refusal: DestinationRefused | None = None) -> None:
        self.bodies: list[bytes] = []
        self.woken = 0
        self._refusal = refusal

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        assert connection.in_transaction
        if self._refusal is not None:
            raise self._refusal
        self.bodies.append(message.body)

    def wake(self) -> None:
        self.woken += 1


def telling(inbox: Inbox | None, clock: Clock, store: Store, feed: Feed) -> Journal:
    """The journal of a bucket that tells a queue of everything."""
    events = ("s3:ObjectCreated:*", "s3:ObjectTagging:*")
    return Journal(
        "inbox",
        [Notification("all", "", events, destination=Inbox.arn)],
        account=Account(),
        version="legacy",
        store=store,
        acceptor=AcceptedEvents(),
        feed=feed,
        clock=clock,
        loops_allowed=lambda _: False,
        destination_of=lambda arn: inbox if arn == Inbox.arn else None,
    )


async def test_a_queue_hears_of_objects_and_their_tags(clock: Clock, store: Store, feed: Feed) -> None:
    inbox = Inbox()
    journal = telling(inbox, clock, store, feed)
    await journal.record([Stored("k", "e", STATE)])
    await journal.record([Retagged("k", "e", '{"a":"1"}', "ObjectTagging:Put")])

    records = [orjson.loads(body)["Records"][0] for body in inbox.bodies]
    assert [(each["eventName"], each["eventVersion"]) for each in records] == [
        ("ObjectCreated:Put", "2.1"),
        ("ObjectTagging:Put", "2.3"),
    ]
    assert [list(each["s3"]["object"]) for each in records] == [
        ["key", "size", "eTag", "sequencer"],
        ["key", "eTag"],
    ]
    assert inbox.woken == 2
    found = await store.read(lambda connection: objects.find(connection, "inbox", ["k"]))
    assert found["k"].attributes.tags() == {"a": "1"}


@pytest.mark.parametrize(
    ("inbox", "said"),
    [
        pytest.param(None, "does not exist", id="it is gone"),
        pytest.param(Inbox(DestinationRefused("too large")), "too large", id="it refuses"),
    ],
)
async def test_a_queue_that_cannot_be_told_keeps_no_object_out(
    inbox: Inbox | None, said: str, clock: Clock, store: Store, feed: Feed
) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)

    assert await telling(inbox, clock, store, feed).record([Stored("k", "e", STATE)])

    assert [said in fact.text for fact in facts if isinstance(fact, Notice)] == [True]


async def test_what_was_put_is_known_without_the_store(clock: Clock, store: Store, feed: Feed) -> None:
    recent = journal(clock, store, feed, AcceptedEvents())
    await recent.record([Stored("k", "e", STATE)])
    assert recent.is_recent("k", STATE)
    assert not recent.is_recent("k", FileState(2, 2, 3))
    assert not recent.is_recent("other", STATE)
    await recent.record([Gone("k")])
    assert not recent.is_recent("k", STATE)
    assert not recent.is_recent("k", None)
