"""Publishing: one message becomes its deliveries, all in one transaction.

What a subscriber cannot take goes to the dead-letter queue of its subscription, or is dropped; the sender is
told the same either way. Source: Amazon SNS developer guide, "Amazon SNS message delivery", "Dead-letter
queues" and "Message deduplication for FIFO topics".
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime

from engine.feed import Fact, Notice
from engine.invocation.destination import DestinationRefused
from engine.random_uuid import random_uuid
from engine.value import dataclass
from triggers.sns import topic_table
from triggers.sns.event import function_event, queue_envelope
from triggers.sns.message import Notification, OutgoingMessage
from triggers.sns.subscriber import SHOWN_CHARACTERS, Delivery, Subscriber, SubscriberOf
from triggers.sns.subscription import Subscription
from triggers.sns.topic import FIFO_SUFFIX, Topic


@dataclass(frozen=True, slots=True)
class Published:
    """What the sender is told, and what is left to do once the transaction is committed."""

    message_id: str
    sequence_number: str | None = None
    told: Sequence[Fact] = ()
    woken: Sequence[Subscriber] = ()


@dataclass(frozen=True, slots=True)
class Audience:
    """A topic with its subscriptions, and where their subscribers are found."""

    topic: Topic
    subscriptions: Sequence[Subscription]
    subscriber_of: SubscriberOf


@dataclass(frozen=True, slots=True)
class _Afterwards:
    told: list[Fact] = field(default_factory=list)
    woken: list[Subscriber] = field(default_factory=list)


def publish(
    connection: sqlite3.Connection,
    audience: Audience,
    message: OutgoingMessage,
    now: datetime,
    message_id: str | None = None,
) -> Published:
    """Store what each subscriber gets of a message that has been checked."""
    message_id = message_id or random_uuid()
    if not audience.topic.is_fifo:
        return _deliver(connection, audience, Notification(message_id, now, message), now)
    topic, group = audience.topic, message.group_id
    assert group is not None, "a message to a FIFO topic has a group"
    identity = deduplication_id(message)
    counted = group if topic.deduplicates_in_groups else ""
    repeated = topic_table.find_repeated(connection, topic.name, identity, counted, now)
    if repeated is not None:
        return Published(repeated.message_id, repeated.sequence_number)
    number = topic_table.next_sequence_number(connection, topic.name, is_configured=topic.is_configured)
    topic_table.remember(connection, topic.name, identity, counted, (message_id, number), now)
    shown = topic_table.shown_sequence_number(number)
    return _deliver(connection, audience, Notification(message_id, now, message, shown), now)


def deduplication_id(message: OutgoingMessage) -> str:
    """Return the id given, or else the SHA-256 of the body."""
    return message.deduplication_id or hashlib.sha256(message.body.encode()).hexdigest()


def _deliver(
    connection: sqlite3.Connection, audience: Audience, notification: Notification, now: datetime
) -> Published:
    afterwards = _Afterwards()
    message = notification.message
    for subscription in audience.subscriptions:
        body = message.body_for(subscription.protocol)
        policy = subscription.filter_policy
        if policy is None or policy.accepts(message.attributes, body):
            _deliver_to(connection, audience, subscription, notification, afterwards, now)
    return Published(notification.message_id, notification.sequence_number, afterwards.told, afterwards.woken)


def _deliver_to(
    connection: sqlite3.Connection,
    audience: Audience,
    subscription: Subscription,
    notification: Notification,
    afterwards: _Afterwards,
    now: datetime,
) -> None:
    topic = audience.topic
    if subscription.protocol == "lambda":
        delivery = _to_function(notification, topic, subscription)
    else:
        delivery = _to_queue(notification, topic, subscription, subscription.endpoint)
    reason = _try(connection, audience, subscription.endpoint, delivery, afterwards, now)
    if reason is None:
        return
    text = f"message {notification.message_id} was not delivered to {subscription.endpoint}: {reason}"
    dead_letters = subscription.dead_letter_arn
    if dead_letters is not None:
        letter = _to_queue(notification, topic, subscription, dead_letters)
        lost = _try(connection, audience, dead_letters, letter, afterwards, now)
        text += f"; it is in {dead_letters}" if lost is None else f"; nor to {dead_letters}: {lost}"
    afterwards.told.append(Notice(now, "error", topic.source, text))


def _try(
    connection: sqlite3.Connection,
    audience: Audience,
    arn: str,
    delivery: Delivery,
    afterwards: _Afterwards,
    now: datetime,
) -> str | None:
    """Deliver; return why it could not be."""
    subscriber = audience.subscriber_of(arn)
    if subscriber is None:
        return "it does not exist"
    try:
        fact = subscriber.deliver(connection, delivery, now)
    except DestinationRefused as refusal:
        return str(refusal)
    if fact is not None:
        afterwards.told.append(fact)
    afterwards.woken.append(subscriber)
    return None


def _to_function(notification: Notification, topic: Topic, subscription: Subscription) -> Delivery:
    message = notification.message
    return Delivery(
        function_event(notification, topic, subscription).decode(),
        topic.source,
        message.subject or message.body_for("lambda")[:SHOWN_CHARACTERS],
        lineage=message.lineage,
    )


def _to_queue(notification: Notification, topic: Topic, subscription: Subscription, queue: str) -> Delivery:
    message = notification.message
    is_raw = subscription.is_raw
    return Delivery(
        message.body_for("sqs") if is_raw else queue_envelope(notification, topic, subscription),
        topic.source,
        message.subject or message.body_for("sqs")[:SHOWN_CHARACTERS],
        message.attributes if is_raw else {},
        message.group_id,
        deduplication_id(message) if queue.endswith(FIFO_SUFFIX) else None,
        message.trace_header,
        message.lineage,
    )
