"""What rules and schedules send to: functions, queues, streams, topics and buses of a simulator, by ARN."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import orjson

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.errors import ApiError
from engine.invocation.destination import (
    EVENT_BYTES,
    Destination,
    DestinationMessage,
    DestinationRefused,
)
from engine.invocation.event import AsyncEvent
from engine.invocation.event_queue import EventQueue
from triggers.delivery.target import DeadLetters, NotDelivered, Outcome, Parcel, Target

if TYPE_CHECKING:
    from headrace.channels import Channels
    from triggers.eventbridge.buses import EventBuses
    from triggers.kinesis.stream import Stream
    from triggers.sqs.queue import Queue

MOST_HOPS = 5  # buses that an event passes on its way


class EventTargets:
    """Finds targets. `topic_of` finds topics, `buses` the buses, which need the targets themselves."""

    def __init__(
        self,
        account: Account,
        events: EventQueue,
        channels: "Channels",
        clock: Clock,
        topic_of: Callable[[str], Destination | None],
        buses: "Callable[[], EventBuses]",
    ) -> None:
        self._account = account
        self._events = events
        self._channels = channels
        self._clock = clock
        self._topic_of = topic_of
        self._buses = buses

    def find(self, arn: str) -> Target | None:
        """Return a target, None when there is none."""
        parts = arn.split(":")
        if len(parts) < 6 or parts[3:5] != [self._account.region, self._account.account_id]:
            return None
        match parts[2], parts[5:]:
            case "lambda", ["function", name, *qualifier] if self._events.knows(name):
                return FunctionTarget(name, qualifier[0] if qualifier else None, self._events)
            case "sqs", [name] if name in self._channels.queues:
                return QueueTarget(self._channels.queues[name], self._clock)
            case "kinesis", [resource] if (name := _after("stream/", resource)) in self._channels.streams:
                return StreamTarget(self._channels.streams[name], self._clock)
            case "events", [resource] if (bus := self._buses().find(arn)) is not None:
                return BusTarget(bus.name, self._buses())
            case "sns", [_] if (topic := self._topic_of(arn)) is not None:
                return TopicTarget(topic)
        return None

    def dead_letters(self, arn: str) -> DeadLetters | None:
        """Return a dead-letter queue, None when there is none."""
        queue = self._channels.queues.get(arn.rpartition(":")[2])
        return QueueTarget(queue, self._clock) if queue is not None and queue.arn == arn else None


class FunctionTarget:
    """Invokes a function asynchronously: delivered is what Lambda's queue has."""

    def __init__(self, name: str, qualifier: str | None, events: EventQueue) -> None:
        self.function: str | None = name
        self._name = name
        self._qualifier = qualifier
        self._events = events

    def send(self, connection: sqlite3.Connection, parcel: Parcel) -> Sequence[Outcome]:
        """Queue the event. Refuses what is no JSON or over 1 MB."""
        if len(parcel.body) > EVENT_BYTES:
            raise NotDelivered("SDK_CLIENT_ERROR", "the event is larger than a function takes", final=True)
        try:
            orjson.loads(parcel.body)
        except orjson.JSONDecodeError:
            raise NotDelivered("SDK_CLIENT_ERROR", "the input is not JSON", final=True) from None
        event = AsyncEvent(
            self._name,
            parcel.body,
            source=parcel.sender,
            request_id=parcel.request_id,
            qualifier=self._qualifier,
        )
        self._events.insert(connection, [event])
        return ()

    def wake(self) -> None:
        """Let the event run now."""
        self._events.wake()


class QueueTarget:
    """Sends messages to a queue; as a dead-letter queue, with attributes that say why."""

    function: str | None = None

    def __init__(self, queue: "Queue", clock: Clock) -> None:
        self._queue = queue
        self._clock = clock

    def send(self, connection: sqlite3.Connection, parcel: Parcel) -> Sequence[Outcome]:
        """Store the message. Refuses what SQS would refuse."""
        self._send(connection, parcel.body, {}, parcel.group_id)
        return ()

    def keep(self, connection: sqlite3.Connection, body: bytes, attributes: Mapping[str, str]) -> None:
        """Store a dead letter. Raises NotDelivered when it does not fit."""
        self._send(connection, body, attributes, None)

    def _send(
        self,
        connection: sqlite3.Connection,
        body: bytes,
        attributes: Mapping[str, str],
        group_id: str | None,
    ) -> None:
        from triggers.sqs import validation
        from triggers.sqs.message import MessageAttribute, OutgoingMessage
        from triggers.sqs.send import send

        message = OutgoingMessage(
            body.decode(),
            {name: MessageAttribute("String", value) for name, value in attributes.items() if value},
            group_id=group_id,
        )
        try:
            validation.check(self._queue.attributes, message)
        except ApiError as error:
            raise NotDelivered("SDK_CLIENT_ERROR", str(error), final=True) from error
        send(connection, self._queue.attributes, [message], self._clock.now())

    def wake(self) -> None:
        """Let receivers of the queue look."""
        self._queue.wake()


class StreamTarget:
    """Puts records into a stream."""

    function: str | None = None

    def __init__(self, stream: "Stream", clock: Clock) -> None:
        self._stream = stream
        self._clock = clock

    def send(self, connection: sqlite3.Connection, parcel: Parcel) -> Sequence[Outcome]:
        """Store the record in the shard of its partition key."""
        from triggers.kinesis import limits, stream_table
        from triggers.kinesis.limits import RecordEntry
        from triggers.kinesis.routing import hash_key

        entry = RecordEntry(parcel.body, parcel.partition_key or parcel.request_id)
        try:
            limits.check_record(entry, self._stream.max_record_bytes)
        except ApiError as error:
            raise NotDelivered("SDK_CLIENT_ERROR", str(error), final=True) from error
        key, name = hash_key(entry.partition_key), self._stream.stream_name
        shard = next(
            shard
            for shard in stream_table.load_shards(connection, name)
            if shard.is_open and shard.hash_keys.first <= key <= shard.hash_keys.last
        )
        row = (shard.row_id, to_millis(self._clock.now()), entry.partition_key, entry.data)
        stream_table.insert_records(connection, name, [row])
        return ()

    def wake(self) -> None:
        """Let readers of the stream look."""
        self._stream.wake()


class BusTarget:
    """Puts events to another bus, as they are."""

    function: str | None = None

    def __init__(self, name: str, buses: "EventBuses") -> None:
        self._name = name
        self._buses = buses

    def send(self, connection: sqlite3.Connection, parcel: Parcel) -> Sequence[Outcome]:
        """Put the event. Refuses what is no event, and one that has passed too many buses."""
        from triggers.eventbridge.event import BusEvent

        if parcel.hops >= MOST_HOPS:
            raise NotDelivered("SDK_CLIENT_ERROR", f"it has passed {MOST_HOPS} buses", final=True)
        event = BusEvent(parcel.body)
        if not event.has("id", "source", "detail-type", "detail"):
            raise NotDelivered("SDK_CLIENT_ERROR", "the input for a bus is not an event", final=True)
        return self._buses.put_in(connection, self._name, [event], hops=parcel.hops + 1)

    def wake(self) -> None:
        """Nobody waits for a bus."""


class TopicTarget:
    """Publishes to a topic."""

    function: str | None = None

    def __init__(self, topic: Destination) -> None:
        self._topic = topic

    def send(self, connection: sqlite3.Connection, parcel: Parcel) -> Sequence[Outcome]:
        """Publish the message. Refuses what SNS would refuse."""
        message = DestinationMessage(parcel.sender, parcel.body, (), request_id=parcel.request_id)
        try:
            self._topic.send(connection, message)
        except DestinationRefused as refusal:
            raise NotDelivered("SDK_CLIENT_ERROR", str(refusal), final=True) from refusal
        return ()

    def wake(self) -> None:
        """Let the subscribers have it."""
        self._topic.wake()


def _after(prefix: str, text: str) -> str:
    return text.removeprefix(prefix) if text.startswith(prefix) else ""
