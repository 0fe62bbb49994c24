"""Who a topic delivers to, and functions among them."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Protocol

from engine.feed import EventEmitted, Fact
from engine.invocation.destination import EVENT_BYTES, DestinationRefused
from engine.invocation.event import AsyncEvent, EventAcceptor, new_request_id
from engine.value import dataclass
from triggers.sns.message import MessageAttribute

SHOWN_CHARACTERS = 60  # the beginning of a message, by which a person recognises it


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a subscriber gets of a message: an event as JSON, an envelope, or the message itself.

    `source` is what facts call the topic, `about` how a person recognises the message. `attributes` are those
    of a message in a queue, `deduplication_id` is for FIFO queues.
    """

    body: str
    source: str
    about: str
    attributes: Mapping[str, MessageAttribute] = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    lineage: tuple[str, ...] = ()


class Subscriber(Protocol):
    """A function or a queue, as a topic sees it."""

    def deliver(self, connection: sqlite3.Connection, delivery: Delivery, now: datetime) -> Fact | None:
        """Store a delivery in the publishing transaction; return what the feed is to be told after it.

        Raises DestinationRefused before writing anything. Called on the store's thread.
        """

    def wake(self) -> None:
        """Say that the transaction is committed."""


SubscriberOf = Callable[[str], Subscriber | None]  # by ARN; None when it does not exist


class FunctionSubscriber:
    """Invokes a function asynchronously."""

    def __init__(self, function: str, qualifier: str | None, acceptor: EventAcceptor) -> None:
        self._function = function
        self._qualifier = qualifier
        self._acceptor = acceptor

    def deliver(self, connection: sqlite3.Connection, delivery: Delivery, now: datetime) -> Fact | None:
        """Queue the event. Refuses one that is larger than an event may be."""
        payload = delivery.body.encode()
        if len(payload) > EVENT_BYTES:
            raise DestinationRefused(
                f"the event of {len(payload)} bytes is larger than it may be ({EVENT_BYTES})"
            )
        event = AsyncEvent(
            self._function,
            payload,
            source=delivery.source,
            request_id=new_request_id(),
            qualifier=self._qualifier,
            lineage=delivery.lineage,
        )
        self._acceptor.insert(connection, [event])
        return EventEmitted(
            now, delivery.source, self._function, event.request_id, "Notification", delivery.about
        )

    def wake(self) -> None:
        """Let the queued event run now."""
        self._acceptor.wake()
