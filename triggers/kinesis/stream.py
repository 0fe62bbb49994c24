"""A Kinesis data stream in the store.

Puts:    records by hash key into the open shards, one write for a whole request.
Reads:   a shard from any position on, in order; what is older than the retention period is gone.
Reshards: at once; whoever reads does so parents first.
Source:  Amazon Kinesis Data Streams developer guide and API reference.
"""

import asyncio
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from engine.arn import Account
from engine.clock import Clock, from_millis, to_millis
from engine.errors import StoreError
from engine.feed import Feed, Notice
from engine.mapping.source import Shard, ShardPage, StartingPosition, StreamRecord
from engine.store.database import Store
from engine.value import dataclass
from triggers.kinesis import limits, resharding, stream_table
from triggers.kinesis.description import StreamDescription
from triggers.kinesis.errors import InvalidArgument, ShardNotFound, StreamNotFound
from triggers.kinesis.event import RecordOrigin, event_record
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.routing import HashKeyRange, even_ranges, hash_key
from triggers.kinesis.sequence_number import parse, record_part
from triggers.kinesis.shard import StreamShard, shard_id, shard_number
from triggers.kinesis.stream_table import RecordRun, Trimmed

READ_BYTES = 10 * 1024 * 1024
TRIM_EVERY_MILLIS = 60_000
EXECUTION_ROLE = "lambda-role"
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class PutResult:
    """Where a record was put."""

    shard_id: str
    sequence_number: str


class Stream:
    """One stream, a `StreamSource`. `open()` comes first."""

    kind: Literal["kinesis"] = "kinesis"

    def __init__(
        self,
        stream_name: str,
        properties: StreamProperties | None,
        account: Account,
        store: Store,
        clock: Clock,
        feed: Feed,
        *,
        role_arn: str | None = None,
    ) -> None:
        """`properties` are those of a configured stream, None when it was made over the API.

        `role_arn` is the execution role that records name; a role of the account when it is not given.
        """
        default = properties or StreamProperties()
        self.stream_name = stream_name
        self.name = f"streams.{stream_name}"
        self.arn = account.stream(stream_name)
        self.account_id = account.account_id
        self.max_record_bytes = default.max_record_bytes
        self.retention = default.retention
        self.description = StreamDescription()
        self.is_deleted = False
        self.created_at = clock.now()
        self._configured = properties
        self._origin = RecordOrigin(self.arn, account.region, role_arn or account.role(EXECUTION_ROLE))
        self._store, self._clock, self._feed = store, clock, feed
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._resharding = asyncio.Lock()
        self._trim_at = 0
        self._take_shards(())

    async def open(self) -> None:
        """Make a configured stream in the store if it is missing; take its shards and retention from there.

        The stored shards stay when the configuration has another number of them; a Notice says so.
        """
        configured = self._configured
        if configured is None:
            stored = await self._store.read(partial(stream_table.load, name=self.stream_name))
        else:
            stored = await self._store.write(
                partial(
                    stream_table.open_stream, name=self.stream_name, properties=configured, now=self._now()
                )
            )
        self.created_at, self.retention = from_millis(stored.created_at), stored.retention
        self.description = stored.description
        if stored.description.max_record_bytes is not None:
            self.max_record_bytes = stored.description.max_record_bytes
        self._take_shards(stored.shards)
        if configured is not None and len(self._open) != configured.shards:
            text = (
                f"the stream keeps its {len(self._open)} open shards, although the configuration says "
                f"`shards = {configured.shards}`, which counts when a stream is made: "
                "split and merge shards to change them"
            )
            self._feed.publish(Notice(self._clock.now(), "warning", self.name, text))

    @property
    def all_shards(self) -> Sequence[StreamShard]:
        """All shards in the order of their numbers, so parents first; some may have expired."""
        return self._shards

    async def list_shards(self) -> Sequence[StreamShard]:
        """Return all shards within the retention period, in the order of their numbers."""
        await self._trim_when_due()
        return self._shards

    def shard(self, shard_id: str) -> StreamShard:
        """Return a shard by its id. Raises ShardNotFound."""
        number = shard_number(shard_id)
        shard = None if number is None else self._by_number.get(number)
        if shard is None:
            raise ShardNotFound(shard_id, self.stream_name, self.account_id)
        return shard

    async def put_records(self, entries: Sequence[RecordEntry]) -> list[PutResult]:
        """Store records and return, in their order, where each went, once that is committed.

        Raises ValidationFailed or InvalidArgument for what Kinesis refuses, StoreError when the store fails;
        then nothing was put.
        """
        limits.check_request(entries, self.max_record_bytes)
        return await self._put(entries)

    async def put_record(
        self, entry: RecordEntry, *, sequence_number_for_ordering: str | None = None
    ) -> PutResult:
        """Store one record. Its sequence number is greater than the one given, as any put later has.

        Raises as `put_records` does, and InvalidArgument for a sequence number that cannot have been put.
        """
        limits.check_record(entry, self.max_record_bytes)
        if sequence_number_for_ordering is not None:
            self._check_ordering(sequence_number_for_ordering)
        (result,) = await self._put((entry,))
        return result

    async def shards(self) -> Sequence[Shard]:
        """Return all shards within the retention period, parents first."""
        return [
            Shard(shard.shard_id, tuple(shard_id(each) for each in shard.parents if each in self._by_number))
            for shard in await self.list_shards()
        ]

    async def start(self, shard_id: str, at: StartingPosition) -> int:
        """Return the position after which a reader begins. Raises ShardNotFound.

        Whoever began with LATEST and comes to a shard that was opened later begins it with TRIM_HORIZON.
        """
        shard = self.shard(shard_id)
        if at.kind == "AT_TIMESTAMP" and at.timestamp is not None:
            return await self.position_before(shard, at.timestamp)
        if at.kind == "LATEST":
            return await self.latest_position()
        return 0

    async def read(self, shard_id: str, after: int, limit: int) -> ShardPage:
        """Return up to `limit` records of a shard after a position; a shard that has expired has ended.

        A reader whose place has expired goes on with the oldest record. Raises ShardNotFound for a shard
        that there has never been.
        """
        number = shard_number(shard_id)
        shard = None if number is None else self._by_number.get(number)
        if shard is None:
            if number is not None and number < self._shards[-1].number:
                return ShardPage((), ended=True)
            raise ShardNotFound(shard_id, self.stream_name, self.account_id)
        run = await self.read_shard(shard, after, limit)
        # As the shard was before reading: one that was closed meanwhile may have got records meanwhile.
        return ShardPage(self._stream_records(shard, run), ended=not run.more and not shard.is_open)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each put and each change of the shards; return what ends that."""
        self._listeners = (*self._listeners, callback)

        def forget() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not callback)

        return forget

    async def read_shard(self, shard: StreamShard, after: int, limit: int) -> RecordRun:
        """Return up to `limit` records of a shard after a position, as the store has them."""
        self.check_that_it_is_there()
        await self._trim_when_due()
        operation = partial(
            stream_table.read_records,
            shard=shard.row_id,
            after=after,
            limit=limit,
            max_bytes=READ_BYTES,
            horizon=self._horizon(),
        )
        return await self._store.read(operation)

    async def next_arrival(self, shard: StreamShard, after: int) -> datetime | None:
        """Return when the first record after a position arrived; None when there is none."""
        operation = partial(
            stream_table.next_arrival, shard=shard.row_id, after=after, horizon=self._horizon()
        )
        arrived_at = await self._store.read(operation)
        return None if arrived_at is None else from_millis(arrived_at)

    async def latest_position(self) -> int:
        """Return the position of the newest record, after which only records come that are put later."""
        return await self._store.read(partial(stream_table.last_position, name=self.stream_name))

    async def position_before(self, shard: StreamShard, moment: datetime) -> int:
        """Return the position after which the records of a shard come that arrived at `moment` or later."""
        operation = partial(
            stream_table.position_before, name=self.stream_name, shard=shard.row_id, moment=to_millis(moment)
        )
        return await self._store.read(operation)

    async def split_shard(self, shard_id: str, new_starting_hash_key: int) -> None:
        """Close a shard and divide its hash keys between two children.

        Raises ShardNotFound, InvalidArgument.
        """
        async with self._resharding:
            shard = self._open_shard(shard_id)
            place = f"shard {shard.shard_id} in stream {self.stream_name} under account {self.account_id}"
            await self._reshard((shard,), resharding.split(shard.hash_keys, new_starting_hash_key, place))

    async def merge_shards(self, shard_id: str, adjacent_shard_id: str) -> None:
        """Close two shards and give their hash keys to one child.

        Raises ShardNotFound, InvalidArgument.
        """
        async with self._resharding:
            shard, adjacent = self._open_shard(shard_id), self._open_shard(adjacent_shard_id)
            merged = resharding.merge(shard.hash_keys, adjacent.hash_keys)
            if merged is None:
                raise InvalidArgument(
                    f"Shards {shard.shard_id} and {adjacent.shard_id} in stream {self.stream_name} "
                    f"under account {self.account_id} are not an adjacent pair of shards eligible for merging"
                )
            await self._reshard((shard, adjacent), (merged,))

    async def update_shard_count(self, target: int) -> None:
        """Split and merge shards until `target` of them share the hash keys evenly. Raises StoreError."""
        async with self._resharding:
            firsts = {keys.first for keys in even_ranges(target)}
            for first in sorted(firsts - set(self._first_hash_keys)):
                shard = self._open[bisect_right(self._first_hash_keys, first) - 1]
                keys = shard.hash_keys
                halves = HashKeyRange(keys.first, first - 1), HashKeyRange(first, keys.last)
                await self._reshard((shard,), halves)
            while superfluous := sorted(set(self._first_hash_keys) - firsts):
                index = self._first_hash_keys.index(superfluous[0])
                lower, upper = self._open[index - 1], self._open[index]
                merged = HashKeyRange(lower.hash_keys.first, upper.hash_keys.last)
                await self._reshard((lower, upper), (merged,))

    async def describe(self, description: StreamDescription) -> None:
        """Store what is said of the stream from now on. Raises StoreError."""
        self.check_that_it_is_there()
        await self._store.write(
            partial(stream_table.describe, name=self.stream_name, description=description)
        )
        self.description = description
        if description.max_record_bytes is not None:
            self.max_record_bytes = description.max_record_bytes

    def check_that_it_is_there(self) -> None:
        """Raise StreamNotFound once the stream is deleted."""
        if self.is_deleted:
            raise StreamNotFound(self.stream_name, self.account_id)

    async def set_retention(self, retention: timedelta) -> None:
        """Keep records for `retention`, whole hours, until it is set again or the configuration changes."""
        await self._store.write(
            partial(stream_table.set_retention, name=self.stream_name, retention=retention)
        )
        self.retention = retention
        self._trim_at = 0

    async def _put(self, entries: Sequence[RecordEntry]) -> list[PutResult]:
        while self._resharding.locked():
            async with self._resharding:  # the new shards take it
                pass
        self.check_that_it_is_there()
        now = self._now()
        shards = [self.route(entry) for entry in entries]
        rows = [
            (shard.row_id, now, entry.partition_key, entry.data)
            for shard, entry in zip(shards, entries, strict=True)
        ]
        trim = self._trimming() if self._claim_trimming(now) else None

        def operation(connection: sqlite3.Connection) -> tuple[int, Trimmed | None]:
            first = stream_table.insert_records(connection, self.stream_name, rows)
            return first, trim(connection) if trim is not None else None

        first, trimmed = await self._store.write(operation)
        if trimmed is not None:
            self._take_trimmed(trimmed)
        self._tell_listeners()
        second = now // 1000
        return [
            PutResult(shard.shard_id, str(shard.sequence_numbers | record_part(position, second)))
            for position, shard in enumerate(shards, start=first)
        ]

    def route(self, entry: RecordEntry) -> StreamShard:
        """Return the open shard that takes a record."""
        explicit = entry.explicit_hash_key
        key = hash_key(entry.partition_key) if explicit is None else int(explicit)
        return self._open[bisect_right(self._first_hash_keys, key) - 1]

    def _stream_records(self, shard: StreamShard, run: RecordRun) -> list[StreamRecord]:
        origin, shard_id, shared = self._origin, shard.shard_id, shard.sequence_numbers
        moment, millis = self.created_at, None  # records of one put share their moment
        records = []
        for position, arrived_at, key, data in run.records:
            if arrived_at != millis:
                moment, millis = from_millis(arrived_at), arrived_at
            number = str(shared | record_part(position, arrived_at // 1000))
            record = event_record(origin, shard_id, number, arrived_at, key, data)
            records.append(StreamRecord(position, number, key, moment, record))
        return records

    def _open_shard(self, shard_id: str) -> StreamShard:
        shard = self.shard(shard_id)
        if not shard.is_open:
            raise InvalidArgument(
                f"Shard {shard.shard_id} in stream {self.stream_name} under account {self.account_id} "
                "is closed: only open shards are split or merged"
            )
        return shard

    async def _reshard(self, closing: Sequence[StreamShard], children: Sequence[HashKeyRange]) -> None:
        operation = partial(
            stream_table.reshard, name=self.stream_name, closing=closing, children=children, now=self._now()
        )
        self._take_shards(await self._store.write(operation))
        self._tell_listeners()

    def _check_ordering(self, sequence_number: str) -> None:
        parsed = parse(sequence_number)
        if parsed is None or parsed.arrived * 1000 > self._now():
            raise InvalidArgument(
                f"ExclusiveMinimumSequenceNumber {sequence_number} used in PutRecord on stream "
                f"{self.stream_name} under account {self.account_id} is invalid."
            )

    def _claim_trimming(self, now: int) -> bool:
        """Say whether it is time to trim; whoever is told so does it."""
        if now < self._trim_at:
            return False
        self._trim_at = now + TRIM_EVERY_MILLIS
        return True

    async def _trim_when_due(self) -> None:
        if self._claim_trimming(self._now()):
            with suppress(StoreError):  # what has expired is not read, whether it is deleted or not
                self._take_trimmed(await self._store.write(self._trimming()))

    def _trimming(self) -> Callable[[sqlite3.Connection], Trimmed]:
        return partial(stream_table.trim, name=self.stream_name, horizon=self._horizon())

    def _take_trimmed(self, trimmed: Trimmed) -> None:
        if trimmed.more:
            self._trim_at = 0
        if len(trimmed.shards) != len(self._shards):
            self._take_shards(trimmed.shards)

    def _take_shards(self, shards: tuple[StreamShard, ...]) -> None:
        self._shards = shards
        self._by_number = {shard.number: shard for shard in shards}
        self._open = sorted((each for each in shards if each.is_open), key=lambda each: each.hash_keys.first)
        self._first_hash_keys = [shard.hash_keys.first for shard in self._open]

    def wake(self) -> None:
        """Let readers look, after records were stored within a transaction of somebody else's."""
        self._tell_listeners()

    def _tell_listeners(self) -> None:
        for callback in self._listeners:
            callback()

    def _horizon(self) -> int:
        return self._now() - self.retention // MILLISECOND

    def _now(self) -> int:
        return to_millis(self._clock.now())
