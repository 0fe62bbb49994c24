"""All streams by name: made, changed and deleted while they are in use, and kept in the store.

A stream that the configuration declares belongs to it: it is not deleted, and what is said of it there is not
changed. Source: Kinesis API reference, CreateStream, DeleteStream and RegisterStreamConsumer.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.feed import Feed
from engine.store.database import Store
from triggers.kinesis import consumer_table, stream_table
from triggers.kinesis.consumer_table import Consumer
from triggers.kinesis.description import StreamDescription
from triggers.kinesis.errors import (
    ConsumerNotFound,
    InvalidArgument,
    LimitExceeded,
    ResourceInUse,
    StreamNotFound,
)
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.settings import StreamSettings
from triggers.kinesis.stream import Stream
from triggers.kinesis.throughput import StreamThroughput

Listener = Callable[[str], None]

SHARD_LIMIT = 20_000  # of an account, in the largest regions
ON_DEMAND_STREAM_LIMIT = 50
CONSUMERS_MOST = 20  # of a stream


class StreamRegistry:
    """Owns `streams`, which others look into. `open()` comes first."""

    def __init__(
        self,
        streams: dict[str, Stream],
        settings: Mapping[str, StreamSettings],
        account: Account,
        store: Store,
        clock: Clock,
        feed: Feed,
    ) -> None:
        """`settings` are those of the configured streams, by name."""
        self.streams = streams
        self.account = account
        self._settings = settings
        self._store, self._clock, self._feed = store, clock, feed
        self._consumers: dict[tuple[str, str], Consumer] = {}
        self._throughputs: dict[str, StreamThroughput] = {}
        self._listeners: list[Listener] = []
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Make the streams that are configured, and those that are in the store. Raises StoreError."""
        for name, settings in self._settings.items():
            self.streams[name] = self._stream(name, settings.properties())
        for name in await self._store.read(stream_table.made_by_api):
            if name not in self.streams:
                self.streams[name] = self._stream(name, None)
        await asyncio.gather(*(stream.open() for stream in self.streams.values()))
        for name, settings in self._settings.items():
            if "max_record_size_in_kib" in settings.model_fields_set:
                self.streams[name].max_record_bytes = settings.properties().max_record_bytes
            if settings.throughput_limits:
                self._throughputs[name] = StreamThroughput(self.streams[name])
        consumers = await self._store.read(consumer_table.load)
        self._consumers = {(each.stream, each.name): each for each in consumers}

    def listen(self, callback: Listener) -> None:
        """Call `callback` with the ARN of each stream that is made or deleted from now on."""
        self._listeners.append(callback)

    async def create(self, name: str, properties: StreamProperties, description: StreamDescription) -> Stream:
        """Make a stream.

        Raises ResourceInUse when there is one of that name, LimitExceeded for too many shards, StoreError.
        """
        async with self._changing:
            if name in self.streams:
                raise ResourceInUse(f"Stream {name} under account {self.account.account_id} already exists.")
            self.check_shard_limit(properties.shards)
            now = to_millis(self._clock.now())
            await self._store.write(
                partial(
                    stream_table.create_stream,
                    name=name,
                    properties=properties,
                    description=description,
                    now=now,
                )
            )
            stream = self._stream(name, None)
            await stream.open()
            self.streams[name] = stream
        self._tell(stream.arn)
        return stream

    async def delete(self, stream: Stream, *, with_consumers: bool) -> None:
        """Delete a stream with its records, and with its consumers if that is asked for.

        Raises ResourceInUse when it has consumers, InvalidArgument when the configuration declares it,
        StreamNotFound when it is gone, and StoreError.
        """
        name = stream.stream_name
        if name in self._settings:
            raise InvalidArgument(f"headrace.toml declares streams.{name}: remove it there.")
        async with self._changing:
            stream.check_that_it_is_there()
            if not with_consumers and self.consumers(stream):
                raise ResourceInUse(
                    f"Stream {name} under account {self.account.account_id} has registered consumers: "
                    "deregister them first, or set EnforceConsumerDeletion."
                )
            stream.is_deleted = True  # nothing that is asked for from now on comes after what follows
            try:
                while await self._store.write(partial(stream_table.delete_some_records, name=name)):
                    pass
                await self._store.write(partial(stream_table.delete_stream, name=name))
            except BaseException:
                stream.is_deleted = False
                raise
            del self.streams[name]
            for consumer in self.consumers(stream):
                del self._consumers[name, consumer.name]
        self._tell(stream.arn)

    def check_shard_limit(self, added: int) -> None:
        """Raise LimitExceeded when so many more shards would be too many for an account."""
        count = self.open_shards()
        if count + added > SHARD_LIMIT:
            raise LimitExceeded(
                f"This request would exceed the shard limit for the account {self.account.account_id} in "
                f"{self.account.region}. Current shard count for the account: {count}. Limit: {SHARD_LIMIT}. "
                f"Number of additional shards that would have resulted from this request: {added}."
            )

    def open_shards(self) -> int:
        """Return how many open shards all streams have."""
        return sum(shard.is_open for stream in self.streams.values() for shard in stream.all_shards)

    def fixes(self, stream: Stream, option: str) -> bool:
        """Whether the configuration of a stream says something of this option."""
        settings = self._settings.get(stream.stream_name)
        return settings is not None and option in settings.model_fields_set

    def throughput(self, stream: Stream) -> StreamThroughput | None:
        """Return what holds a stream to its limits; None where nothing does."""
        return self._throughputs.get(stream.stream_name)

    def consumers(self, stream: Stream) -> list[Consumer]:
        """Return the consumers of a stream in the order of their names."""
        name = stream.stream_name
        return [consumer for (of, _), consumer in sorted(self._consumers.items()) if of == name]

    def consumer(self, stream: Stream, name: str) -> Consumer:
        """Return a consumer of a stream. Raises ConsumerNotFound."""
        consumer = self._consumers.get((stream.stream_name, name))
        if consumer is None:
            raise ConsumerNotFound(name, stream.arn, self.account.account_id)
        return consumer

    async def register(self, stream: Stream, name: str, tags: Mapping[str, str]) -> Consumer:
        """Register a consumer.

        Raises ResourceInUse when there is one of that name, LimitExceeded for one too many, and StoreError.
        """
        async with self._changing:
            stream.check_that_it_is_there()
            of_stream = self.consumers(stream)
            if any(each.name == name for each in of_stream):
                raise ResourceInUse(f"Consumer {name} under stream {stream.arn} already exists.")
            if len(of_stream) >= CONSUMERS_MOST:
                raise LimitExceeded(f"A stream has at most {CONSUMERS_MOST} consumers.")
            consumer = Consumer(stream.stream_name, name, to_millis(self._clock.now()), dict(tags))
            await self._store.write(partial(consumer_table.save, consumer=consumer))
            self._consumers[stream.stream_name, name] = consumer
        return consumer

    async def change_consumer_tags(self, consumer: Consumer, tags: Mapping[str, str]) -> None:
        """Give a consumer other tags. Raises StoreError."""
        changed = replace(consumer, tags=dict(tags))
        await self._store.write(partial(consumer_table.save, consumer=changed))
        self._consumers[consumer.stream, consumer.name] = changed

    async def deregister(self, consumer: Consumer) -> None:
        """Forget a consumer. Raises StoreError."""
        async with self._changing:
            await self._store.write(partial(consumer_table.delete, consumer=consumer))
            self._consumers.pop((consumer.stream, consumer.name), None)

    def named(self, name: str, account_id: str | None = None) -> Stream:
        """Return a stream. Raises StreamNotFound, which names the account that was asked for."""
        stream = self.streams.get(name)
        if stream is None:
            raise StreamNotFound(name, account_id or self.account.account_id)
        return stream

    def _stream(self, name: str, properties: StreamProperties | None) -> Stream:
        return Stream(name, properties, self.account, self._store, self._clock, self._feed)

    def _tell(self, arn: str) -> None:
        for callback in self._listeners:
            callback(arn)
