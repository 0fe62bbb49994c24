"""Shard iterators and GetRecords.

An iterator is opaque to clients: here it holds its place and when it was given out, so that nothing is kept
for it. Source: Kinesis API reference, GetShardIterator and GetRecords; texts as kinesalite has them.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import orjson

from engine.clock import Clock, from_millis, to_millis
from engine.value import dataclass
from triggers.kinesis.errors import ExpiredIterator, InvalidArgument
from triggers.kinesis.sequence_number import END, parse, record_part
from triggers.kinesis.shard import StreamShard, shard_id
from triggers.kinesis.stream import Stream

LIFETIME = timedelta(minutes=5)
MOST_RECORDS = 10_000
MILLISECOND = timedelta(milliseconds=1)

IteratorType = Literal[
    "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"
]


@dataclass(frozen=True, slots=True)
class ShardIterator:
    """A place in a shard: records after `position` come next."""

    stream: str
    shard: int
    position: int
    given_out: datetime


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record as GetRecords shows it."""

    sequence_number: str
    arrived_at: datetime
    data: bytes
    partition_key: str


@dataclass(frozen=True, slots=True)
class RecordsRead:
    """What GetRecords found. Without a `next_iterator` the shard has ended and goes on in `children`."""

    records: Sequence[ReadRecord]
    next_iterator: str | None
    millis_behind_latest: int
    children: Sequence[StreamShard]


def encode(iterator: ShardIterator) -> str:
    """Return an iterator as clients hold it."""
    parts = [iterator.stream, iterator.shard, iterator.position, to_millis(iterator.given_out)]
    return base64.b64encode(orjson.dumps(parts)).decode("ascii")


def decode(text: str) -> ShardIterator:
    """The reverse of `encode`. Raises InvalidArgument for what it has not made."""
    try:
        stream, shard, position, given_out = orjson.loads(base64.b64decode(text, validate=True))
        if not isinstance(stream, str) or {type(shard), type(position), type(given_out)} != {int}:
            raise TypeError
        if position > END:
            raise OverflowError
        return ShardIterator(stream, shard, position, from_millis(given_out))
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise InvalidArgument("Invalid ShardIterator.") from None


async def shard_iterator(
    stream: Stream,
    shard: StreamShard,
    kind: IteratorType,
    clock: Clock,
    *,
    sequence_number: str | None = None,
    timestamp: datetime | None = None,
) -> str:
    """Return an iterator. Raises InvalidArgument when its kind and the other arguments do not go together."""
    wants_number = kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
    if wants_number != (sequence_number is not None):
        raise InvalidArgument(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber "
            f"or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and "
            f"{'also a' if sequence_number is not None else 'no'} StartingSequenceNumber."
        )
    if kind == "AT_TIMESTAMP" and timestamp is None:
        raise InvalidArgument("Must specify timestamp parameter for iterator of type AT_TIMESTAMP.")
    if kind != "AT_TIMESTAMP" and timestamp is not None:
        raise InvalidArgument(f"Timestamp is only for iterators of type AT_TIMESTAMP, not {kind}.")
    if sequence_number is not None:
        position = _position(stream, shard, sequence_number) - (kind == "AT_SEQUENCE_NUMBER")
    elif timestamp is not None:
        position = await stream.position_before(shard, timestamp)
    elif kind == "LATEST":
        position = await stream.latest_position()
    else:
        position = 0
    return encode(ShardIterator(stream.stream_name, shard.number, position, clock.now()))


async def get_records(stream: Stream, iterator: ShardIterator, limit: int, clock: Clock) -> RecordsRead:
    """Read up to `limit` records from an iterator of this stream.

    Raises ExpiredIterator five minutes after it was given out, ShardNotFound when its shard has expired.
    """
    now = clock.now()
    if now - iterator.given_out > LIFETIME:
        raise ExpiredIterator(
            f"Iterator expired. The iterator was created at time {_utc(iterator.given_out)} while right now "
            f"it is {_utc(now)} which is further in the future than the tolerated delay of "
            f"{LIFETIME // MILLISECOND} milliseconds."
        )
    shard = stream.shard(shard_id(iterator.shard))
    run = await stream.read_shard(shard, iterator.position, limit)
    position = run.records[-1][0] if run.records else iterator.position
    if not run.more and not shard.is_open:
        children = [each for each in stream.all_shards if shard.number in each.parents]
        return RecordsRead(_records(shard, run.records), None, 0, children)
    following = await stream.next_arrival(shard, position) if run.more else None
    behind = 0 if following is None else max(0, (now - following) // MILLISECOND)
    token = encode(ShardIterator(iterator.stream, iterator.shard, position, clock.now()))
    return RecordsRead(_records(shard, run.records), token, behind, ())


def _records(shard: StreamShard, stored: Sequence[tuple[int, int, str, bytes]]) -> list[ReadRecord]:
    shared = shard.sequence_numbers
    return [
        ReadRecord(str(shared | record_part(position, arrived // 1000)), from_millis(arrived), data, key)
        for position, arrived, key, data in stored
    ]


def _position(stream: Stream, shard: StreamShard, sequence_number: str) -> int:
    parsed = parse(sequence_number)
    place = (
        f"StartingSequenceNumber {sequence_number} used in GetShardIterator on shard {shard.shard_id} in "
        f"stream {stream.stream_name} under account {stream.account_id} is invalid"
    )
    if parsed is None:
        raise InvalidArgument(f"{place}.")
    if parsed.shard != shard.number:
        raise InvalidArgument(
            f"Invalid StartingSequenceNumber. It encodes {shard_id(parsed.shard)}, while it was used in a "
            f"call to a shard with {shard.shard_id}"
        )
    if parsed.shard_created != shard.created_at // 1000:
        raise InvalidArgument(f"{place} because it did not come from this stream.")
    return parsed.position


def _utc(moment: datetime) -> str:
    return f"{moment:%a %b %d %H:%M:%S} UTC {moment:%Y}"
