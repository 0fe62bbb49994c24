"""How streams, shards and records look in the answers of Kinesis.

Source: the service model kinesis 2013-12-02.
"""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.errors import ApiError
from triggers.kinesis.iterator import RecordsRead
from triggers.kinesis.shard import StreamShard, shard_id
from triggers.kinesis.stream import PutResult, Stream

HOUR = timedelta(hours=1)
NO_ENCRYPTION = "NONE"


def put_shape(result: PutResult | ApiError) -> dict[str, Any]:
    """Return what PutRecords says of one record."""
    if isinstance(result, ApiError):
        return {"ErrorCode": result.code, "ErrorMessage": str(result)}
    return {"SequenceNumber": result.sequence_number, "ShardId": result.shard_id}


def records_shape(read: RecordsRead) -> dict[str, Any]:
    """Return the answer of GetRecords."""
    answer: dict[str, Any] = {
        "Records": [
            {
                "SequenceNumber": record.sequence_number,
                "ApproximateArrivalTimestamp": seconds(record.arrived_at),
                "Data": base64.b64encode(record.data).decode("ascii"),
                "PartitionKey": record.partition_key,
            }
            for record in read.records
        ],
        "MillisBehindLatest": read.millis_behind_latest,
    }
    if read.next_iterator is not None:
        answer["NextShardIterator"] = read.next_iterator
    else:
        answer["ChildShards"] = [
            {
                "ShardId": child.shard_id,
                "ParentShards": [shard_id(number) for number in child.parents],
                "HashKeyRange": _hash_keys(child),
            }
            for child in read.children
        ]
    return answer


def shard_shape(shard: StreamShard) -> dict[str, Any]:
    """Return a shard as ListShards and DescribeStream show it."""
    numbers = {"StartingSequenceNumber": shard.starting_sequence_number}
    if shard.ending_sequence_number is not None:
        numbers["EndingSequenceNumber"] = shard.ending_sequence_number
    shape: dict[str, Any] = {"ShardId": shard.shard_id}
    if shard.parent is not None:
        shape["ParentShardId"] = shard_id(shard.parent)
    if shard.adjacent_parent is not None:
        shape["AdjacentParentShardId"] = shard_id(shard.adjacent_parent)
    return {**shape, "HashKeyRange": _hash_keys(shard), "SequenceNumberRange": numbers}


def stream_shape(stream: Stream) -> dict[str, Any]:
    """Return a stream as ListStreams shows it."""
    return {
        "StreamName": stream.stream_name,
        "StreamARN": stream.arn,
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": stream.description.mode},
        "StreamCreationTimestamp": seconds(stream.created_at),
    }


def description_shape(stream: Stream, shards: Sequence[StreamShard], has_more: bool) -> dict[str, Any]:
    """Return a stream as DescribeStream shows it, with some of its shards."""
    return {
        **stream_shape(stream),
        "Shards": [shard_shape(shard) for shard in shards],
        "HasMoreShards": has_more,
        **_common(stream),
    }


def summary_shape(stream: Stream, consumers: int) -> dict[str, Any]:
    """Return a stream as DescribeStreamSummary shows it."""
    return {
        **stream_shape(stream),
        "OpenShardCount": sum(shard.is_open for shard in stream.all_shards),
        "ConsumerCount": consumers,
        "MaxRecordSizeInKiB": stream.max_record_bytes // 1024,
        **_common(stream),
    }


def seconds(moment: datetime) -> float:
    """Return a moment in seconds from 1970, to the millisecond."""
    return round(moment.timestamp(), 3)


def encryption_of(stream: Stream) -> str:
    """Return how the records of a stream are said to be encrypted."""
    return NO_ENCRYPTION if stream.description.key_id is None else "KMS"


def _common(stream: Stream) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "RetentionPeriodHours": stream.retention // HOUR,
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(stream.description.metrics)}],
        "EncryptionType": encryption_of(stream),
    }
    if stream.description.key_id is not None:
        shape["KeyId"] = stream.description.key_id
    return shape


def _hash_keys(shard: StreamShard) -> dict[str, str]:
    keys = shard.hash_keys
    return {"StartingHashKey": str(keys.first), "EndingHashKey": str(keys.last)}
