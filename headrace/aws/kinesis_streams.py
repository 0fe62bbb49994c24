"""Streams as a whole as HTTP: making, describing, changing and deleting them.

Source: the service model kinesis 2013-12-02.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from headrace.aws import kinesis_shapes
from headrace.aws.json_protocol import Input, Operation, taking
from headrace.aws.kinesis_names import StreamNames
from headrace.aws.kinesis_tags import check_tags
from triggers.kinesis.description import Mode, StreamDescription
from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.retention import changed_retention
from triggers.kinesis.settings import NAME
from triggers.kinesis.shard import shard_number
from triggers.kinesis.stream import Stream
from triggers.kinesis.stream_registry import ON_DEMAND_STREAM_LIMIT, SHARD_LIMIT, StreamRegistry

MODES = ("PROVISIONED", "ON_DEMAND")
ON_DEMAND_SHARDS = 4
MOST_ASKED_FOR = 10_000  # shards or streams; a page holds fewer
SHARDS_DESCRIBED, STREAMS_LISTED = 100, 100  # the most in a page
RECORD_KIB = 1024, 10_240
METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)
EVERY_METRIC = "ALL"


class StreamsWire:
    """Answers for the streams of a registry."""

    def __init__(self, registry: StreamRegistry, names: StreamNames) -> None:
        self._registry = registry
        self._streams = registry.streams
        self._names = names

    def operations(self) -> dict[str, Operation]:
        """Return what it answers, by the names of the operations."""
        on_stream = self._names.on_stream
        return {
            "CreateStream": taking(
                self._create_stream, "StreamName ShardCount StreamModeDetails Tags MaxRecordSizeInKiB"
            ),
            "DeleteStream": on_stream(self._delete_stream, "EnforceConsumerDeletion"),
            "ListStreams": taking(self._list_streams, "Limit ExclusiveStartStreamName NextToken"),
            "DescribeStream": on_stream(self._describe_stream, "Limit ExclusiveStartShardId"),
            "DescribeStreamSummary": on_stream(self._describe_stream_summary, ""),
            "DescribeLimits": taking(self._describe_limits, ""),
            "IncreaseStreamRetentionPeriod": on_stream(self._increase, "RetentionPeriodHours"),
            "DecreaseStreamRetentionPeriod": on_stream(self._decrease, "RetentionPeriodHours"),
            "UpdateStreamMode": taking(self._update_mode, "StreamARN StreamModeDetails"),
            "UpdateMaxRecordSize": taking(self._update_max_record_size, "StreamARN MaxRecordSizeInKiB"),
            "EnableEnhancedMonitoring": on_stream(self._enable_metrics, "ShardLevelMetrics"),
            "DisableEnhancedMonitoring": on_stream(self._disable_metrics, "ShardLevelMetrics"),
            "StartStreamEncryption": on_stream(self._start_encryption, "EncryptionType KeyId"),
            "StopStreamEncryption": on_stream(self._stop_encryption, "EncryptionType KeyId"),
        }

    async def _create_stream(self, given: Input) -> Mapping[str, Any]:
        """Make a stream, which is ACTIVE as soon as this has answered."""
        name = given.required_text("StreamName")
        if not NAME.fullmatch(name):
            if not 1 <= len(name) <= 128:
                bound = "less than or equal to 128" if name else "greater than or equal to 1"
                raise given.refused("StreamName", name, f"have length {bound}")
            raise given.refused("StreamName", name, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
        mode, shards = _mode_and_shards(given)
        tags = given.map_of_texts("Tags")
        check_tags(given, "Tags", tags)
        kib = given.number("MaxRecordSizeInKiB", *RECORD_KIB[:1], *RECORD_KIB)
        description = StreamDescription(mode, kib * 1024, tags)
        await self._registry.create(name, StreamProperties(shards), description)
        return {}

    async def _delete_stream(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        enforce = given.truth("EnforceConsumerDeletion")
        await self._registry.delete(stream, with_consumers=bool(enforce))
        return {}

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
        consumers = len(self._registry.consumers(stream))
        return {"StreamDescriptionSummary": kinesis_shapes.summary_shape(stream, consumers)}

    async def _describe_limits(self, _: Input) -> Mapping[str, Any]:
        return {
            "ShardLimit": SHARD_LIMIT,
            "OpenShardCount": self._registry.open_shards(),
            "OnDemandStreamCount": sum(
                stream.description.mode == "ON_DEMAND" for stream in self._streams.values()
            ),
            "OnDemandStreamCountLimit": ON_DEMAND_STREAM_LIMIT,
        }

    async def _increase(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await _change_retention(stream, given, "Increase")

    async def _decrease(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await _change_retention(stream, given, "Decrease")

    async def _update_mode(self, given: Input) -> Mapping[str, Any]:
        stream = self._names.by_arn(given)
        details = given.structure("StreamModeDetails")
        if details is None:
            raise given.missing("StreamModeDetails")
        mode = cast("Mode", details.choice("StreamMode", MODES))
        await stream.describe(replace(stream.description, mode=mode))
        return {}

    async def _update_max_record_size(self, given: Input) -> Mapping[str, Any]:
        stream = self._names.by_arn(given)
        if given.integer("MaxRecordSizeInKiB") is None:
            raise given.missing("MaxRecordSizeInKiB")
        size = given.number("MaxRecordSizeInKiB", *RECORD_KIB[:1], *RECORD_KIB) * 1024
        if self._registry.fixes(stream, "max_record_size_in_kib") and size != stream.max_record_bytes:
            raise InvalidArgument(
                f"headrace.toml declares max_record_size_in_kib for streams.{stream.stream_name}."
            )
        await stream.describe(replace(stream.description, max_record_bytes=size))
        return {}

    async def _enable_metrics(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await _change_metrics(stream, given, added=True)

    async def _disable_metrics(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await _change_metrics(stream, given, added=False)

    async def _start_encryption(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        given.choice("EncryptionType", ("KMS",))
        key_id = given.required_text("KeyId")
        await stream.describe(replace(stream.description, key_id=key_id))
        return {}

    async def _stop_encryption(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        given.choice("EncryptionType", ("KMS",))
        given.required_text("KeyId")
        await stream.describe(replace(stream.description, key_id=None))
        return {}


def _mode_and_shards(given: Input) -> tuple[Mode, int]:
    """Return what a new stream is to be. Without a word on either it is an on-demand stream [recorded]."""
    details, count = given.structure("StreamModeDetails"), given.integer("ShardCount")
    given.number("ShardCount", 1, 1, MOST_ASKED_FOR)
    default = "ON_DEMAND" if count is None else "PROVISIONED"
    mode = cast("Mode", default if details is None else details.choice("StreamMode", MODES))
    if mode == "PROVISIONED" and count is None:
        raise InvalidArgument("ShardCount must be given for a stream in PROVISIONED mode.")
    if mode == "ON_DEMAND" and count is not None:
        raise InvalidArgument("ShardCount cannot be given for a stream in ON_DEMAND mode.")
    return mode, ON_DEMAND_SHARDS if count is None else count


async def _change_retention(
    stream: Stream, given: Input, direction: Literal["Increase", "Decrease"]
) -> Mapping[str, Any]:
    hours = given.integer("RetentionPeriodHours")
    if hours is None:
        raise given.missing("RetentionPeriodHours")
    await stream.set_retention(changed_retention(hours, stream.retention, direction, stream.stream_name))
    return {}


async def _change_metrics(stream: Stream, given: Input, *, added: bool) -> Mapping[str, Any]:
    named = given.texts("ShardLevelMetrics")
    if not named:
        raise given.missing("ShardLevelMetrics")
    for name in named:
        if name not in (*METRICS, EVERY_METRIC):
            allowed = f"satisfy enum value set: [{', '.join((*METRICS, EVERY_METRIC))}]"
            raise given.refused("ShardLevelMetrics", name, allowed)
    wanted = set(METRICS) if EVERY_METRIC in named else set(named)
    before = list(stream.description.metrics)
    after = set(before) | wanted if added else set(before) - wanted
    metrics = [name for name in METRICS if name in after]
    await stream.describe(replace(stream.description, metrics=metrics))
    return {
        "StreamName": stream.stream_name,
        "CurrentShardLevelMetrics": before,
        "DesiredShardLevelMetrics": metrics,
        "StreamARN": stream.arn,
    }
