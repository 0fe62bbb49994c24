"""What topics are made of: settings of the configuration, and the functions and queues they deliver to."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Fact, Feed
from engine.invocation.destination import DestinationRefused
from engine.invocation.event import EventAcceptor
from engine.store.database import Store
from headrace.config import Configuration
from headrace.references import resolve
from triggers.sns.settings import SubscriptionSettings, TopicSettings
from triggers.sns.subscriber import Delivery, FunctionSubscriber, Subscriber
from triggers.sns.subscription import Protocol, Subscription, make_subscription, subscription_arn
from triggers.sns.topic import Topic
from triggers.sns.topics import Topics
from triggers.sqs.errors import QueueError
from triggers.sqs.message import MessageAttribute, OutgoingMessage
from triggers.sqs.queue import Queue
from triggers.sqs.send import send
from triggers.sqs.validation import check

OPTIONS = {  # option -> attribute
    "display_name": "DisplayName",
    "maximum_message_size": "MaximumMessageSize",
    "content_based_deduplication": "ContentBasedDeduplication",
    "fifo_throughput_scope": "FifoThroughputScope",
}


class QueueSubscriber:
    """Sends messages to a queue."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def deliver(self, connection: sqlite3.Connection, delivery: Delivery, now: datetime) -> Fact | None:
        """Store the message. Refuses what the queue would."""
        trace = delivery.trace_header
        message = OutgoingMessage(
            delivery.body,
            {
                name: MessageAttribute(attribute.data_type, attribute.value)
                for name, attribute in delivery.attributes.items()
            },
            {} if trace is None else {"AWSTraceHeader": trace},
            group_id=delivery.group_id,
            deduplication_id=delivery.deduplication_id,
        )
        try:
            check(self._queue.attributes, message)
        except QueueError as error:
            raise DestinationRefused(str(error)) from error
        send(connection, self._queue.attributes, [message], now)
        return None

    def wake(self) -> None:
        """Let receivers of the queue look."""
        self._queue.wake()


async def open_topics(
    topics: list[Topic],
    subscriptions: list[Subscription],
    *,
    account: Account,
    queues: Mapping[str, Queue],
    store: Store,
    clock: Clock,
    feed: Feed,
    acceptor: EventAcceptor,
    knows: Callable[[str], bool],
) -> Topics:
    """Return the topics given and those of the store. Raises StoreError."""

    def subscriber_of(arn: str) -> Subscriber | None:
        parts = arn.split(":")
        if parts[3:5] != [account.region, account.account_id]:
            return None
        if parts[2] == "sqs":
            queue = queues.get(parts[5])
            return None if queue is None else QueueSubscriber(queue)
        qualifier = parts[7] if len(parts) > 7 else None
        return FunctionSubscriber(parts[6], qualifier, acceptor) if knows(parts[6]) else None

    opened = Topics(account, store, clock, feed, subscriber_of)
    await opened.open(topics, subscriptions)
    return opened


def configured_topics(configuration: Configuration) -> tuple[list[Topic], list[Subscription]]:
    """Return what `[topics]` says."""
    account = configuration.account
    topics, subscriptions = [], []
    for name, settings in configuration.file.topics.items():
        topic = _topic(name, settings, account)
        topics.append(topic)
        subscriptions += [_subscription(topic, each, account) for each in settings.subscriptions]
    return topics, subscriptions


def _topic(name: str, settings: TopicSettings, account: Account) -> Topic:
    attributes = {
        attribute: _text(getattr(settings, option))
        for option, attribute in OPTIONS.items()
        if option in settings.model_fields_set
    }
    return Topic(name, account.topic(name), attributes, fixed=frozenset(OPTIONS.values()))


def _subscription(topic: Topic, settings: SubscriptionSettings, account: Account) -> Subscription:
    kind, name = resolve(settings.endpoint, ("functions", "queues"))
    protocol: Protocol = "lambda" if kind == "functions" else "sqs"
    endpoint = account.function(name) if kind == "functions" else account.queue(name)
    attributes: dict[str, str] = {}
    if settings.raw_message_delivery:
        attributes["RawMessageDelivery"] = "true"
    if settings.filter_policy is not None:
        attributes["FilterPolicy"] = settings.filter_policy
        attributes["FilterPolicyScope"] = settings.filter_policy_scope
    if settings.redrive_policy is not None:
        queue = account.queue(resolve(settings.redrive_policy.dead_letter_target_arn, ("queues",))[1])
        attributes["RedrivePolicy"] = orjson.dumps({"deadLetterTargetArn": queue}).decode()
    return make_subscription(
        subscription_arn(topic, protocol, endpoint),
        topic,
        protocol,
        endpoint,
        attributes,
        is_configured=True,
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
