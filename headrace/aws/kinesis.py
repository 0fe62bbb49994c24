"""Kinesis Data Streams as HTTP: putting and reading records, and all of it put together as a service.

Source: the service model kinesis 2013-12-02.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web

from engine.clock import Clock, to_millis
from headrace.aws import kinesis_shapes
from headrace.aws.json_protocol import Input, JsonService, Operation, taking
from headrace.aws.kinesis_consumers import ConsumersWire
from headrace.aws.kinesis_names import StreamNames
from headrace.aws.kinesis_shards import ShardsWire
from headrace.aws.kinesis_streams import StreamsWire
from headrace.aws.kinesis_tags import TagsWire
from headrace.aws.service_model import service_model
from triggers.kinesis.errors import ThroughputExceeded
from triggers.kinesis.iterator import MOST_RECORDS, IteratorType, decode, get_records, shard_iterator
from triggers.kinesis.limits import RecordEntry, check_record, check_request
from triggers.kinesis.shard import shard_id
from triggers.kinesis.stream import PutResult, Stream
from triggers.kinesis.stream_registry import StreamRegistry
from triggers.kinesis.throughput import StreamThroughput

if TYPE_CHECKING:
    from headrace.aws.cbor_protocol import CborService

TARGET = "Kinesis_20131202"
VERSION = "2013-12-02"
BODY_BYTES = 16 * 1024 * 1024  # ten megabytes of records, in base64
ITERATOR_TYPES = ("AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON")


class KinesisWire:
    """Answers for the streams of a registry."""

    def __init__(self, registry: StreamRegistry, clock: Clock) -> None:
        self._clock = clock
        self._registry = registry
        self._names = names = StreamNames(registry)
        records: dict[str, Operation] = {
            "PutRecord": names.on_stream(
                self._put_record, "Data PartitionKey ExplicitHashKey SequenceNumberForOrdering"
            ),
            "PutRecords": names.on_stream(self._put_records, "Records"),
            "GetShardIterator": names.on_stream(
                self._get_shard_iterator, "ShardId ShardIteratorType StartingSequenceNumber Timestamp"
            ),
            "GetRecords": taking(self._get_records, "ShardIterator Limit StreamARN"),
        }
        self.operations: Mapping[str, Operation] = {
            **records,
            **StreamsWire(registry, names).operations(),
            **ShardsWire(registry, names, clock).operations(),
            **TagsWire(registry, names).operations(),
            **ConsumersWire(registry, names).operations(),
        }

    def handler(self) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        """Return what answers on the endpoint to requests for `TARGET`, in JSON or CBOR."""
        json = JsonService(TARGET, "1.1", self.operations, BODY_BYTES)
        cbor = cache(self._cbor_service)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await (cbor() if "cbor" in request.content_type else json).handle(request)

        return handle

    def _cbor_service(self) -> "CborService":
        from headrace.aws.cbor_protocol import CborService

        return CborService(TARGET, self.operations, BODY_BYTES, partial(service_model, "kinesis", VERSION))

    async def _put_record(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        entry = _entry(given)
        if (throughput := self._registry.throughput(stream)) is not None:
            check_record(entry, stream.max_record_bytes)
            for error in throughput.refused([entry], self._now()).values():
                raise error
        result = await stream.put_record(
            entry, sequence_number_for_ordering=given.text("SequenceNumberForOrdering")
        )
        return {
            "ShardId": result.shard_id,
            "SequenceNumber": result.sequence_number,
            "EncryptionType": kinesis_shapes.encryption_of(stream),
        }

    async def _put_records(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        records = given.structures("Records")
        if records is None:
            raise given.missing("Records")
        entries = [_entry(record) for record in records]
        results: Sequence[PutResult | ThroughputExceeded]
        throughput = self._registry.throughput(stream)
        if throughput is None:
            results, failed = await stream.put_records(entries), 0
        else:
            results, failed = await self._put_within(throughput, stream, entries)
        return {
            "FailedRecordCount": failed,
            "Records": [kinesis_shapes.put_shape(result) for result in results],
            "EncryptionType": kinesis_shapes.encryption_of(stream),
        }

    async def _put_within(
        self, throughput: StreamThroughput, stream: Stream, entries: Sequence[RecordEntry]
    ) -> tuple[list[PutResult | ThroughputExceeded], int]:
        """Put what is within the limits; return what became of each, and how many were too many."""
        check_request(entries, stream.max_record_bytes)
        refused = throughput.refused(entries, self._now())
        rest = [entry for index, entry in enumerate(entries) if index not in refused]
        put = iter(await stream.put_records(rest) if rest else ())
        return [refused.get(index) or next(put) for index in range(len(entries))], len(refused)

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
        stream = self._names.named(iterator.stream, given.text("StreamARN"))
        throughput = self._registry.throughput(stream)
        if throughput is None:
            return kinesis_shapes.records_shape(await get_records(stream, iterator, limit, self._clock))
        shard = stream.shard(shard_id(iterator.shard))
        throughput.check_read(shard, self._now())
        found = await get_records(stream, iterator, limit, self._clock)
        throughput.was_read(shard, sum(len(record.data) for record in found.records), self._now())
        return kinesis_shapes.records_shape(found)

    def _now(self) -> int:
        return to_millis(self._clock.now())


def _entry(given: Input) -> RecordEntry:
    data = given.blob("Data")
    if data is None:
        raise given.missing("Data")
    return RecordEntry(data, given.required_text("PartitionKey"), given.text("ExplicitHashKey"))
