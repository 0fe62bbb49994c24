"""The shards of streams as HTTP: listing, splitting and merging them.

Source: the service model kinesis 2013-12-02.
"""

from collections.abc import Mapping
from typing import Any

from engine.clock import Clock
from engine.errors import ValidationFailed
from headrace.aws import kinesis_shapes
from headrace.aws.json_protocol import Input, Operation, taking
from headrace.aws.kinesis_listing import Listing, begun, continued, token
from headrace.aws.kinesis_names import StreamNames
from triggers.kinesis.errors import InvalidArgument, StreamNotFound
from triggers.kinesis.limits import HASH_KEY, HASH_KEY_PATTERN
from triggers.kinesis.shard_filter import matching
from triggers.kinesis.stream import Stream
from triggers.kinesis.stream_registry import StreamRegistry

MOST_ASKED_FOR = 10_000
SHARDS_LISTED = 1000  # the most in a page


class ShardsWire:
    """Answers for the shards of a registry's streams."""

    def __init__(self, registry: StreamRegistry, names: StreamNames, clock: Clock) -> None:
        self._registry = registry
        self._names = names
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        """Return what it answers, by the names of the operations."""
        on_stream = self._names.on_stream
        return {
            "ListShards": taking(
                self._list_shards,
                "StreamName StreamARN StreamCreationTimestamp ExclusiveStartShardId ShardFilter MaxResults"
                " NextToken",
            ),
            "SplitShard": on_stream(self._split_shard, "ShardToSplit NewStartingHashKey"),
            "MergeShards": on_stream(self._merge_shards, "ShardToMerge AdjacentShardToMerge"),
            "UpdateShardCount": on_stream(self._update_shard_count, "TargetShardCount ScalingType"),
        }

    async def _list_shards(self, given: Input) -> Mapping[str, Any]:
        now = self._clock.now()
        following = given.text("NextToken")
        if following is None:
            stream = self._names.stream(given)
            listing = begun(stream.stream_name, given)
        else:
            if given.text("StreamName") is not None:
                raise InvalidArgument("NextToken and StreamName cannot be provided together.")
            listing = continued(following, now)
            stream = self._names.named(listing.stream, given.text("StreamARN"))
        created = given.moment("StreamCreationTimestamp")
        if created is not None and abs((created - stream.created_at).total_seconds()) >= 1:
            raise StreamNotFound(stream.stream_name, stream.account_id)
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

    async def _split_shard(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        shard_id, key = given.required_text("ShardToSplit"), given.required_text("NewStartingHashKey")
        if not HASH_KEY.fullmatch(key):
            raise given.refused(
                "NewStartingHashKey", key, f"satisfy regular expression pattern: {HASH_KEY_PATTERN}"
            )
        _check_mode(stream)
        self._registry.check_shard_limit(1)
        await stream.split_shard(shard_id, int(key))
        return {}

    async def _merge_shards(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        shard_id, adjacent = given.required_text("ShardToMerge"), given.required_text("AdjacentShardToMerge")
        _check_mode(stream)
        await stream.merge_shards(shard_id, adjacent)
        return {}

    async def _update_shard_count(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        target = given.integer("TargetShardCount")
        if target is None:
            raise given.missing("TargetShardCount")
        given.number("TargetShardCount", 1, 1, MOST_ASKED_FOR)
        given.choice("ScalingType", ("UNIFORM_SCALING",))
        _check_mode(stream)
        current = sum(shard.is_open for shard in stream.all_shards)
        counts = f"Current open shard count: {current} Target shard count: {target}"
        if target > 2 * current:
            raise InvalidArgument(
                f"UpdateShardCount cannot scale up over double your current open shard count. {counts}"
            )
        if target * 2 < current:
            raise InvalidArgument(
                f"UpdateShardCount cannot scale down below half your current open shard count. {counts}"
            )
        self._registry.check_shard_limit(max(0, target - current))
        await stream.update_shard_count(target)
        return {
            "StreamName": stream.stream_name,
            "CurrentShardCount": current,
            "TargetShardCount": target,
            "StreamARN": stream.arn,
        }


def _check_mode(stream: Stream) -> None:
    """Raise ValidationFailed for a stream whose shards are not its owner's to divide."""
    if stream.description.mode == "ON_DEMAND":
        raise ValidationFailed(
            f"Request is invalid. Stream {stream.stream_name} under account {stream.account_id} is in "
            "On-Demand mode."
        )
