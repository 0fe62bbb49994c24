"""All topics and their subscriptions: those of the configuration, and those made over the API.

They are kept in memory and changed there once the store has the change. Source: Amazon SNS API reference.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.random_uuid import random_uuid
from engine.store.database import Store
from triggers.sns import subscription as subscribing
from triggers.sns import topic_table
from triggers.sns.errors import InvalidParameter, NotFound
from triggers.sns.message import OutgoingMessage
from triggers.sns.publication import Audience, Published, publish
from triggers.sns.subscriber import SubscriberOf
from triggers.sns.subscription import AttributeRefused, Protocol, Subscription
from triggers.sns.topic import (
    Topic,
    check_name,
    problem_of_attribute,
    shown_attributes,
)
from triggers.sns.topic_table import SubscriptionRow, TopicRow
from triggers.sns.validation import check_batch

TAGS_MOST = 50


class Topics:
    """Knows topics by name. `subscriber_of` finds functions and queues by ARN."""

    def __init__(
        self, account: Account, store: Store, clock: Clock, feed: Feed, subscriber_of: SubscriberOf
    ) -> None:
        self.account = account
        self._store = store
        self._clock = clock
        self._feed = feed
        self._subscriber_of = subscriber_of
        self._topics: dict[str, Topic] = {}
        self._subscriptions: dict[str, Subscription] = {}  # by ARN, in the order in which they were made
        self._changing = asyncio.Lock()

    async def open(self, topics: Sequence[Topic], subscriptions: Sequence[Subscription]) -> None:
        """Take the topics of the configuration, then those of the store. Raises StoreError."""
        topic_rows, subscription_rows = await self._store.read(topic_table.load)
        self._topics = {topic.name: topic for topic in topics}
        for row in topic_rows:
            declared = self._topics.get(row.name)
            if declared is not None:
                attributes = {**row.attributes, **declared.attributes}
                self._topics[row.name] = replace(declared, attributes=attributes, tags=row.tags)
            elif not row.is_configured:
                arn = self.account.topic(row.name)
                self._topics[row.name] = Topic(row.name, arn, row.attributes, row.tags)
        self._subscriptions = {each.arn: each for each in subscriptions}
        declared_ones = {(each.topic, each.endpoint) for each in subscriptions}
        for stored in subscription_rows:
            topic = self._topics.get(stored.topic)
            if topic is not None and (stored.topic, stored.endpoint) not in declared_ones:
                self._subscriptions[stored.arn] = subscribing.make_subscription(
                    stored.arn, topic, cast("Protocol", stored.protocol), stored.endpoint, stored.attributes
                )

    @property
    def all(self) -> list[Topic]:
        """Return every topic, by name."""
        return [self._topics[name] for name in sorted(self._topics)]

    def find(self, name: str) -> Topic | None:
        """Return a topic; None when there is none of this name."""
        return self._topics.get(name)

    def named(self, arn: str) -> Topic:
        """Return a topic by its ARN. Raises InvalidParameter for what is no ARN, NotFound."""
        count = len(arn.split(":"))
        if count < 6:
            raise InvalidParameter(f"TopicArn Reason: An ARN must have at least 6 elements, not {count}")
        if count > 6:
            raise InvalidParameter("Topic Name")
        topic = self._topics.get(arn.rpartition(":")[2])
        if topic is None or topic.arn != arn:
            raise NotFound("Topic")
        return topic

    def subscriptions(self, topic: Topic | None = None) -> list[Subscription]:
        """Return the subscriptions of one topic or all, in the order in which they were made."""
        every = list(self._subscriptions.values())
        return every if topic is None else [each for each in every if each.topic == topic.name]

    def subscription(self, arn: str) -> Subscription | None:
        """Return a subscription by its ARN, None when there is none. Raises InvalidParameter for no ARN."""
        count = len(arn.split(":"))
        if count < 6:
            raise InvalidParameter(
                f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {count}"
            )
        return self._subscriptions.get(arn)

    async def create(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> Topic:
        """Make a topic, or return the one that is there already with these attributes and tags.

        Raises InvalidParameter for one that is there with others.
        """
        is_fifo = attributes.get("FifoTopic", "false") == "true"
        check_name(name, is_fifo=is_fifo)
        own = {attribute: value for attribute, value in attributes.items() if attribute != "FifoTopic"}
        for attribute, value in own.items():
            problem = problem_of_attribute(attribute, value, is_fifo=is_fifo)
            if problem is not None:
                reason = f"Unknown attribute {attribute}" if problem == "AttributeName" else problem
                raise InvalidParameter(f"Attributes Reason: {reason}")
        _check_tags(tags)
        async with self._changing:
            existing = self._topics.get(name)
            if existing is not None:
                self._check_equal(existing, own, tags)
                return existing
            topic = Topic(name, self.account.topic(name), own, tags)
            await self._store.write(partial(topic_table.replace_topic, row=_topic_row(topic)))
            self._topics[name] = topic
        return topic

    async def delete(self, arn: str) -> None:
        """Delete a topic with its subscriptions; one that is not there is a success."""
        async with self._changing:
            try:
                topic = self.named(arn)
            except NotFound:
                return
            if topic.is_configured:
                raise InvalidParameter(f"TopicArn Reason: {_declared(topic)}")
            await self._store.write(partial(topic_table.delete_topic, name=topic.name))
            for each in self.subscriptions(topic):
                del self._subscriptions[each.arn]
            del self._topics[topic.name]

    async def set_attribute(self, arn: str, name: str, value: str) -> None:
        """Change one attribute of a topic. Raises InvalidParameter also where the configuration decides."""
        async with self._changing:
            topic = self.named(arn)
            problem = problem_of_attribute(name, value, is_fifo=topic.is_fifo)
            if problem is not None:
                raise InvalidParameter(problem)
            if name in topic.fixed:
                raise InvalidParameter(f"{name} Reason: {_declared(topic)}")
            await self._keep(replace(topic, attributes={**topic.attributes, name: value}))

    async def set_tags(self, topic: Topic, tags: Mapping[str, str]) -> None:
        """Give a topic other tags."""
        _check_tags(tags)
        async with self._changing:
            await self._keep(replace(self._topics[topic.name], tags=tags))

    async def subscribe(
        self, topic_arn: str, protocol: str, endpoint: str, attributes: Mapping[str, str]
    ) -> Subscription:
        """Subscribe an endpoint, or return its subscription when it is subscribed with these attributes."""
        async with self._changing:
            topic = self.named(topic_arn)
            known = subscribing.checked_protocol(protocol)
            subscribing.check_endpoint(topic, known, endpoint)
            try:
                made = subscribing.make_subscription(
                    f"{topic.arn}:{random_uuid()}", topic, known, endpoint, attributes
                )
            except AttributeRefused as error:
                raise InvalidParameter(f"Attributes Reason: {_reason(error)}") from None
            for existing in self.subscriptions(topic):
                if existing.endpoint == endpoint:
                    if not existing.has(attributes):
                        raise InvalidParameter(
                            "Attributes Reason: Subscription already exists with different attributes"
                        )
                    return existing
            await self._store.write(partial(topic_table.save_subscription, row=_subscription_row(made)))
            self._subscriptions[made.arn] = made
        return made

    async def unsubscribe(self, arn: str) -> None:
        """End a subscription; one that is not there is a success."""
        async with self._changing:
            found = self.subscription(arn)
            if found is None:
                return
            self._refuse_configured(found)
            await self._store.write(partial(topic_table.delete_subscription, arn=arn))
            del self._subscriptions[arn]

    async def set_subscription_attribute(self, arn: str, name: str, value: str) -> None:
        """Change one attribute of a subscription."""
        async with self._changing:
            found = self.subscription(arn)
            if found is None:
                raise NotFound("Subscription")
            try:
                changed = subscribing.with_attribute(found, self._topics[found.topic], name, value)
            except AttributeRefused as error:
                raise InvalidParameter(str(error)) from None
            self._refuse_configured(found)
            await self._store.write(partial(topic_table.save_subscription, row=_subscription_row(changed)))
            self._subscriptions[arn] = changed

    async def publish(self, topic: Topic, messages: Sequence[OutgoingMessage]) -> list[Published]:
        """Return once every delivery of the messages is in the store. Raises TopicError, and stores nothing,
        when one of them is not taken.
        """
        check_batch(topic, messages)
        published = await self._store.write(
            partial(self.publish_in, topic=topic, messages=messages, message_id=None)
        )
        self.wake(published)
        return published

    def publish_in(
        self,
        connection: sqlite3.Connection,
        topic: Topic,
        messages: Sequence[OutgoingMessage],
        message_id: str | None = None,
    ) -> list[Published]:
        """Store the deliveries of messages that have been checked, within a transaction of the caller's on
        the store's thread. Call `wake` with what this returns when the transaction is committed.

        `message_id` is for a single message, which keeps it however often the transaction is tried.
        """
        audience = Audience(topic, self.subscriptions(topic), self._subscriber_of)
        now = self._clock.now()
        return [publish(connection, audience, message, now, message_id) for message in messages]

    def wake(self, published: Sequence[Published]) -> None:
        """Let subscribers look, and tell the feed what happened."""
        for each in published:
            for fact in each.told:
                self._feed.publish(fact)
            for subscriber in each.woken:
                subscriber.wake()

    async def _keep(self, topic: Topic) -> None:
        await self._store.write(partial(topic_table.save_topic, row=_topic_row(topic)))
        self._topics[topic.name] = topic

    def _check_equal(self, topic: Topic, attributes: Mapping[str, str], tags: Mapping[str, str]) -> None:
        shown = shown_attributes(topic, self.account, 0)
        if any(shown.get(name, _USUAL.get(name)) != value for name, value in attributes.items()):
            reason = _declared(topic) if topic.is_configured else ""
            raise InvalidParameter(
                "Attributes Reason: Topic already exists with different attributes"
                + (f" ({reason})" if reason else "")
            )
        if any(topic.tags.get(key) != value for key, value in tags.items()):
            raise InvalidParameter("Tags Reason: Topic already exists with different tags")

    def _refuse_configured(self, subscription: Subscription) -> None:
        if subscription.is_configured:
            topic = self._topics[subscription.topic]
            raise InvalidParameter(f"SubscriptionArn Reason: {_declared(topic)}")


_USUAL = {"MaximumMessageSize": "262144", "SignatureVersion": "1", "TracingConfig": "PassThrough"}


def _declared(topic: Topic) -> str:
    return f"headrace.toml declares {topic.source}: change it there"


def _reason(error: AttributeRefused) -> str:
    return "Unknown attribute" if str(error) == "AttributeName" else str(error)


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MOST:
        raise InvalidParameter(f"Tags Reason: a topic has {TAGS_MOST} tags at most")


def _topic_row(topic: Topic) -> TopicRow:
    attributes = {name: value for name, value in topic.attributes.items() if name not in topic.fixed}
    return TopicRow(topic.name, topic.is_configured, attributes, topic.tags)


def _subscription_row(subscription: Subscription) -> SubscriptionRow:
    return SubscriptionRow(
        subscription.arn,
        subscription.topic,
        subscription.protocol,
        subscription.endpoint,
        subscription.attributes,
    )
