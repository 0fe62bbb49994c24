"""Changes of objects, their events and the index, in one transaction of the real store."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import StoreError
from engine.feed import EventEmitted, Fact, Feed, RecursionStopped
from engine.invocation.event import AsyncEvent
from engine.store.database import Store
from tests.fakes.accepted_events import AcceptedEvents
from triggers.s3 import objects
from triggers.s3.journal import Gone, Journal, Stored
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
