"""Kinesis Data Streams as HTTP: putting and reading records, describing and resharding streams.

Source: the service model kinesis 2013-12-02.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, cast

from engine.clock import Clock
from headrace.aws import kinesis_shapes
from headrace.aws.json_protocol import Input, JsonService, Operation, taking
from headrace.aws.kinesis_listing import Listing, begun, continued, token
from triggers.kinesis.errors import InvalidArgument, StreamNotFound
from triggers.kinesis.iterator import MOST_RECORDS, IteratorType, decode, get_records, shard_iterator
from triggers.kinesis.limits import HASH_KEY, HASH_KEY_PATTERN, RecordEntry
from triggers.kinesis.retention import changed_retention
from triggers.kinesis.shard import shard_number
from triggers.kinesis.shard_filter import matching
from triggers.kinesis.stream import Stream

TARGET = "Kinesis_20131202"
BODY_BYTES = 16 * 1024 * 1024  # ten megabytes of records, in base64
STREAM_ARN = re.compile(r"arn:aws[^:]*:kinesis:[^:]+:\d{12}:stream/([^/\s]+)")
ITERATOR_TYPES = ("AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON")
MOST_ASKED_FOR = 10_000  # shards or streams; a page holds fewer
SHARDS_LISTED, SHARDS_DESCRIBED, STREAMS_LISTED = 1000, 100, 100  # the most in a page

StreamOperation = Callable[[Stream, Input], Awaitable[Mapping[str, Any]]]


class KinesisWire:
    """Answers for the streams, which it knows by name."""

    def __init__(self, streams: Mapping[str, Stream], account_id: str, clock: Clock) -> None:
        self._streams = streams
        self._account_id = account_id
        self._clock = clock

    def service(self) -> JsonService:
        """Return what answers on the endpoint."""
        operations = {
            "PutRecord": self._on_stream(
                self._put_record, "Data PartitionKey ExplicitHashKey SequenceNumberForOrdering"
            ),
            "PutRecords": self._on_stream(self._put_records, "Records"),
            "GetShardIterator": self._on_stream(
                self._get_shard_iterator, "ShardId ShardIteratorType StartingSequenceNumber Timestamp"
            ),
            "GetRecords": taking(self._get_records, "ShardIterator Limit StreamARN"),
            "ListShards": taking(
                self._list_shards,
                "StreamName StreamARN StreamCreationTimestamp ExclusiveStartShardId ShardFilter MaxResults"
                " NextToken",
            ),
            "ListStreams": taking(self._list_streams, "Limit ExclusiveStartStreamName NextToken"),
            "DescribeStream": self._on_stream(self._describe_stream, "Limit ExclusiveStartShardId"),
            "DescribeStreamSummary": self._on_stream(self._describe_stream_summary, ""),
            "SplitShard": self._on_stream(self._split_shard, "ShardToSplit NewStartingHashKey"),
            "MergeShards": self._on_stream(self._merge_shards, "ShardToMerge AdjacentShardToMerge"),
            "IncreaseStreamRetentionPeriod": self._on_stream(self._increase, "RetentionPeriodHours"),
            "DecreaseStreamRetentionPeriod": self._on_stream(self._decrease, "RetentionPeriodHours"),
        }
        return JsonService(TARGET, "1.1", operations, BODY_BYTES)

    def _on_stream(self, operation: StreamOperation, members: str) -> Operation:
        async def find_and_operate(given: Input) -> Mapping[str, Any]:
            return await operation(self._stream(given), given)

        return taking(find_and_operate, f"StreamName StreamARN {members}")

    def _stream(self, given: Input) -> Stream:
        name, arn = given.text("StreamName"), given.text("StreamARN")
        if name is None and arn is None:
            raise InvalidArgument("Either StreamName or StreamARN must be given.")
        if arn is not None:
            matched = STREAM_ARN.fullmatch(arn)
            if matched is None:
                raise given.refused(
                    "StreamARN", arn, f"satisfy regular expression pattern: {STREAM_ARN.pattern}"
                )
            if name is not None and name != matched[1]:
                raise InvalidArgument(f"StreamARN {arn} and StreamName {name} name different streams.")
            name = matched[1]
        assert name is not None
        return self._named(name, arn)

    def _named(self, name: str, arn: str | None = None) -> Stream:
        stream = self._streams.get(name)
        if stream is None or (arn is not None and arn != stream.arn):
            account_id = self._account_id if arn is None else arn.split(":")[4]
            raise StreamNotFound(name, account_id)
        return stream

    async def _put_record(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        result = await stream.put_record(
            _entry(given), sequence_number_for_ordering=given.text("SequenceNumberForOrdering")
        )
        return {
            "ShardId": result.shard_id,
            "SequenceNumber": result.sequence_number,
            "EncryptionType": kinesis_shapes.NO_ENCRYPTION,
        }

    async def _put_records(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        records = given.structures("Records")
        if records is None:
            raise given.missing("Records")
        results = await stream.put_records([_entry(record) for record in records])
        return {
            "FailedRecordCount": 0,
            "Records": [kinesis_shapes.put_shape(result) for result in results],
            "EncryptionType": kinesis_shapes.NO_ENCRYPTION,
        }

    async def _get_shard_iterator(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        shard = stream.shard(given.required_text("ShardId"))
        kind = cast("IteratorType", given.choice("ShardIteratorType", ITERATOR_TYPES))
        text = await shard_iterator(
            stream,
            shard,
            kind,
            self._clock,
            sequence_number=given.text("StartingSequenceNumber"),
            timestamp=given.moment("Timestamp"),
        )
        return {"ShardIterator": text}

    async def _get_records(self, given: Input) -> Mapping[str, Any]:
        limit = given.number("Limit", MOST_RECORDS, 1, MOST_RECORDS)
        iterator = decode(given.required_text("ShardIterator"))
        stream = self._named(iterator.stream, given.text("StreamARN"))
        return kinesis_shapes.records_shape(await get_records(stream, iterator, limit, self._clock))

    async def _list_shards(self, given: Input) -> Mapping[str, Any]:
        now = self._clock.now()
        following = given.text("NextToken")
        if following is None:
            stream = self._stream(given)
            listing = begun(stream.stream_name, given)
        else:
            if given.text("StreamName") is not None:
                raise InvalidArgument("NextToken and StreamName cannot be provided together.")
            listing = continued(following, now)
            stream = self._named(listing.stream, given.text("StreamARN"))
        created = given.moment("StreamCreationTimestamp")
        if created is not None and abs((created - stream.created_at).total_seconds()) >= 1:
            raise StreamNotFound(stream.stream_name, self._account_id)
        shards = [
            shard
            for shard in matching(await stream.list_shards(), listing.wanted, now - stream.retention)
            if shard.number > listing.after
        ]
        most = min(given.number("MaxResults", SHARDS_LISTED, 1, MOST_ASKED_FOR), SHARDS_LISTED)
        answer: dict[str, Any] = {"Shards": [kinesis_shapes.shard_shape(shard) for shard in shards[:most]]}
        if len(shards) > most:
            rest = Listing(listing.stream, listing.wanted, shards[most - 1].number)
            answer["NextToken"] = token(rest, now)
        return answer

    async def _list_streams(self, given: Input) -> Mapping[str, Any]:
        most = min(given.number("Limit", STREAMS_LISTED, 1, MOST_ASKED_FOR), STREAMS_LISTED)
        after = given.text("NextToken") or given.text("ExclusiveStartStreamName") or ""
        names = sorted(name for name in self._streams if name > after)
        page = names[:most]
        answer: dict[str, Any] = {
            "StreamNames": page,
            "HasMoreStreams": len(names) > most,
            "StreamSummaries": [kinesis_shapes.stream_shape(self._streams[name]) for name in page],
        }
        if len(names) > most:
            answer["NextToken"] = page[-1]
        return answer

    async def _describe_stream(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        most = min(given.number("Limit", SHARDS_DESCRIBED, 1, MOST_ASKED_FOR), SHARDS_DESCRIBED)
        after = shard_number(given.text("ExclusiveStartShardId") or "")
        shards = [shard for shard in await stream.list_shards() if after is None or shard.number > after]
        shape = kinesis_shapes.description_shape(stream, shards[:most], has_more=len(shards) > most)
        return {"StreamDescription": shape}

    async def _describe_stream_summary(self, stream: Stream, _: Input) -> Mapping[str, Any]:
        return {"StreamDescriptionSummary": kinesis_shapes.summary_shape(stream)}

    async def _split_shard(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        shard_id, key = given.required_text("ShardToSplit"), given.required_text("NewStartingHashKey")
        if not HASH_KEY.fullmatch(key):
            raise given.refused(
                "NewStartingHashKey", key, f"satisfy regular expression pattern: {HASH_KEY_PATTERN}"
            )
        await stream.split_shard(shard_id, int(key))
        return {}

    async def _merge_shards(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        await stream.merge_shards(
            given.required_text("ShardToMerge"), given.required_text("AdjacentShardToMerge")
        )
        return {}

    async def _increase(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await _change_retention(stream, given, "Increase")

    async def _decrease(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await _change_retention(stream, given, "Decrease")


def _entry(given: Input) -> RecordEntry:
    data = given.blob("Data")
    if data is None:
        raise given.missing("Data")
    return RecordEntry(data, given.required_text("PartitionKey"), given.text("ExplicitHashKey"))


async def _change_retention(
    stream: Stream, given: Input, direction: Literal["Increase", "Decrease"]
) -> Mapping[str, Any]:
    hours = given.integer("RetentionPeriodHours")
    if hours is None:
        raise given.missing("RetentionPeriodHours")
    await stream.set_retention(changed_retention(hours, stream.retention, direction, stream.stream_name))
    return {}
