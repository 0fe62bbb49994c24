"""Topics in the real store, real queues, and functions whose events are remembered."""

import json
from dataclasses import dataclass
from typing import Any

import orjson

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Fact, Feed
from engine.store.database import Store
from headrace.topic_wiring import open_topics
from tests.fakes.accepted_events import AcceptedEvents
from triggers.sns.topics import Topics
from triggers.sqs.message import Message
from triggers.sqs.queue import Queue

ACCOUNT = Account()
QUEUES = ("jobs", "failures", "orders.fifo", "failures.fifo")
WORK = ACCOUNT.function("work")


@dataclass(frozen=True, slots=True)
class TopicsBench:
    """The function `work`, the queues of QUEUES, and the topics of the store."""

    topics: Topics
    queues: dict[str, Queue]
    events: AcceptedEvents
    facts: list[Fact]

    async def bodies(self, queue: str = "jobs") -> list[Any]:
        """Receive and delete what is in a queue; return the bodies, parsed where they are JSON."""
        return [_parsed(message.body) for message in await self.messages(queue)]

    async def messages(self, queue: str = "jobs") -> list[Message]:
        """Receive and delete what is in a queue."""
        messages = await self.queues[queue].receive_messages(10)
        for message in messages:
            await self.queues[queue].delete_message(message.receipt_handle or "")
        return messages

    def notifications(self) -> list[dict[str, Any]]:
        """Return what functions were invoked with: the `Sns` of each event, the oldest first."""
        return [orjson.loads(event.payload)["Records"][0]["Sns"] for event in self.events.events]


async def topics_bench(
    clock: Clock, store: Store, *configured: Any, queues: dict[str, Queue] | None = None
) -> TopicsBench:
    """Open the topics of a store, with those configured: topics, then subscriptions."""
    feed, facts, events = Feed(), list[Fact](), AcceptedEvents()
    feed.tap(facts.append)
    if queues is None:
        queues = {name: Queue(name, ACCOUNT, store, clock) for name in QUEUES}
    topics, subscriptions = configured or ([], [])
    opened = await open_topics(
        topics,
        subscriptions,
        account=ACCOUNT,
        queues=queues,
        store=store,
        clock=clock,
        feed=feed,
        acceptor=events,
        knows=lambda name: name == "work",
    )
    return TopicsBench(opened, queues, events, facts)


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
