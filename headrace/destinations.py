"""What a configuration names as destinations, ready to be sent to."""

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Protocol

from engine.clock import Clock
from engine.invocation.destination import Destination, FunctionDestination
from engine.invocation.event import EventAcceptor
from engine.mapping.failure_destination import FailureDestination, MessageDestination, ObjectDestination
from engine.mapping.function_reference import parse_reference
from headrace.channels import Channels
from headrace.config import Configuration
from headrace.references import EVENT_KINDS, RECORD_KINDS, resolve
from headrace.topics import TopicsOfSimulator

if TYPE_CHECKING:
    from triggers.s3.bucket import Bucket


class BusFinder(Protocol):
    """Finds event buses as destinations."""

    def __call__(self, name: str, *, takes_records: bool) -> Destination:
        """Return a bus by name: for invocation records, or for what is an event already."""


class Destinations:
    """Finds destinations by name, such as `queues.failures`, or by ARN."""

    def __init__(
        self,
        configuration: Configuration,
        channels: Channels,
        buckets: "Mapping[str, Bucket]",
        acceptor: EventAcceptor,
        clock: Clock,
        chance: Random,
        topics: TopicsOfSimulator,
        bus_of: BusFinder,
    ) -> None:
        self._account = configuration.account
        self._channels = channels
        self._buckets = buckets
        self._acceptor = acceptor
        self._clock = clock
        self._chance = chance
        self._topics = topics
        self._bus_of = bus_of

    def of_events(self, reference: str | None) -> Destination | None:
        """Return where ended events of a function go; None for None."""
        if reference is None:
            return None
        function = parse_reference(reference, self._account)
        if function is not None and function.qualifier is not None:
            return FunctionDestination(function.name, function.arn, self._acceptor, function.qualifier)
        kind, name = resolve(reference, EVENT_KINDS)
        if kind == "queues":
            return self._queue(name)
        if kind == "topics":
            return self._topic(name)
        if kind == "event_buses":
            return self._bus_of(name, takes_records=True)
        return FunctionDestination(name, self._account.function(name), self._acceptor)

    def has(self, arn: str) -> bool:
        """Say whether what an ARN names is there, for ended events of a function to go to."""
        try:
            kind, name = resolve(arn, EVENT_KINDS)
        except ValueError:
            return False
        if not self._is_here(arn):
            return False
        if kind == "queues":
            return name in self._channels.queues
        return self._topics.has(name) if kind == "topics" else True

    def of_notifications(self, arn: str) -> Destination | None:
        """Return what a bucket's notification names beside a function; None when it is not there."""
        try:
            kind, name = resolve(arn, ("queues", "topics", "event_buses"))
        except ValueError:
            return None
        if not self._is_here(arn):
            return None
        if kind == "topics":
            return self._topic(name, "Amazon S3 Notification") if self._topics.has(name) else None
        if kind == "event_buses":
            return self._bus_of(name, takes_records=False)
        return self._queue(name) if name in self._channels.queues else None

    def topic_at(self, arn: str) -> Destination | None:
        """Return a topic; None when it is not there."""
        try:
            _, name = resolve(arn, ("topics",))
        except ValueError:
            return None
        return None if not self._is_here(arn) else self._topic(name) if self._topics.has(name) else None

    def of_records(self, arn: str) -> FailureDestination | None:
        """Return where the records go that a stream's mapping gave up; None when it is not there."""
        try:
            kind, name = resolve(arn, RECORD_KINDS)
        except ValueError:
            return None
        if kind != "buckets" and not self._is_here(arn):
            return None
        if kind == "topics":
            return MessageDestination(self._topic(name)) if self._topics.has(name) else None
        if kind == "buckets":
            return self._bucket(name)
        return MessageDestination(self._queue(name)) if name in self._channels.queues else None

    def _is_here(self, arn: str) -> bool:
        """Say whether an ARN is of this region and account; a bucket's names neither."""
        return arn.split(":")[3:5] == [self._account.region, self._account.account_id]

    def _bucket(self, name: str) -> FailureDestination | None:
        from triggers.s3.destination import BucketDestination

        bucket = self._buckets.get(name)
        return None if bucket is None else ObjectDestination(BucketDestination(bucket, self._account))

    def _topic(self, name: str, subject: str | None = None) -> Destination:
        from triggers.sns.destination import TopicDestination

        arn = self._account.topic(name)
        return TopicDestination(lambda: self._topics.current, name, arn, subject)

    def _queue(self, name: str) -> Destination:
        from triggers.sqs.destination import QueueDestination

        queues = self._channels.queues
        return QueueDestination(
            self._account.queue(name), lambda: queues.get(name), self._clock, self._chance
        )
