"""Making, describing, changing and deleting streams on the endpoint, with boto3."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from engine.clock import VIRTUAL_START, Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.aws.kinesis import KinesisWire
from headrace.aws.service_model import service_model
from tests.fakes.channels_endpoint import ChannelsEndpoint, channels_endpoint

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/"
NOT_SIMULATED = {
    "DescribeAccountSettings",
    "SubscribeToShard",
    "UpdateAccountSettings",
    "UpdateStreamRecordDistributionStrategy",
    "UpdateStreamWarmThroughput",
    # Channels and queues of Kinesis.
    "AcknowledgeDeadLetterQueueRecords",
    "AcknowledgeQueueRecords",
    "CreateChannel",
    "CreateQueue",
    "DeleteChannel",
    "DeleteQueue",
    "DescribeChannel",
    "DescribeQueue",
    "ListChannels",
    "ListQueues",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RestoreDeadLetterQueueRecords",
    "UpdateChannel",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateQueue",
    "UpdateQueueRecordsVisibility",
}


@pytest.fixture
async def there(clock: Clock, store: Store, feed: Feed) -> AsyncIterator[ChannelsEndpoint]:
    streams: dict[str, dict[str, Any]] = {
        "declared": {"max_record_size_in_kib": 1024},
        "clicks": {"shards": 2},
        "limited": {"throughput_limits": True},
    }
    async with channels_endpoint(clock, store, feed, queues={}, streams=streams) as endpoint:
        yield endpoint


async def test_every_operation_of_streams_is_answered(there: ChannelsEndpoint, clock: Clock) -> None:
    answered = KinesisWire(there.streams, clock).operations
    known = service_model("kinesis", "2013-12-02")["operations"].keys()
    assert answered.keys() == known - NOT_SIMULATED


async def test_a_stream_is_made_used_and_deleted(there: ChannelsEndpoint) -> None:
    await there.kinesis("create_stream", StreamName="made", ShardCount=2, Tags={"a": "b"})
    summary = (await there.kinesis("describe_stream_summary", StreamName="made"))["StreamDescriptionSummary"]
    assert summary == {
        "StreamName": "made",
        "StreamARN": f"{ARN}made",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": VIRTUAL_START,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
        "OpenShardCount": 2,
        "ConsumerCount": 0,
        "MaxRecordSizeInKiB": 1024,
    }
    put = await there.kinesis("put_record", StreamName="made", Data=b"x", PartitionKey="k")
    iterator = await there.kinesis(
        "get_shard_iterator",
        StreamARN=f"{ARN}made",
        ShardId=put["ShardId"],
        ShardIteratorType="TRIM_HORIZON",
    )
    assert [each["Data"] for each in (await there.kinesis("get_records", **iterator))["Records"]] == [b"x"]

    await there.kinesis("delete_stream", StreamName="made")
    gone = ("ResourceNotFoundException", "Stream made under account 000000000000 not found.")
    assert await there.refused("kinesis", "describe_stream", StreamName="made") == gone
    assert await there.refused("kinesis", "get_records", **iterator) == gone
    await there.kinesis("create_stream", StreamName="made", ShardCount=1)  # at once, as Kinesis lets one


async def test_waiters_are_content(there: ChannelsEndpoint) -> None:
    await there.kinesis("create_stream", StreamName="made", ShardCount=1)
    for waiter, name in (("stream_exists", "made"), ("stream_not_exists", "none")):
        wait = partial(there.clients["kinesis"].get_waiter(waiter).wait, StreamName=name)
        await asyncio.get_running_loop().run_in_executor(None, wait)


@pytest.mark.parametrize(
    ("given", "mode", "shards"),
    [
        pytest.param({}, "ON_DEMAND", 4, id="nothing said"),
        pytest.param({"ShardCount": 3}, "PROVISIONED", 3, id="a number of shards"),
        pytest.param({"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}, "ON_DEMAND", 4, id="on demand"),
        pytest.param(
            {"StreamModeDetails": {"StreamMode": "PROVISIONED"}, "ShardCount": 1},
            "PROVISIONED",
            1,
            id="both said",
        ),
    ],
)
async def test_a_stream_has_the_shards_of_its_mode(
    there: ChannelsEndpoint, given: dict[str, Any], mode: str, shards: int
) -> None:
    await there.kinesis("create_stream", StreamName="made", **given)
    description = (await there.kinesis("describe_stream", StreamName="made"))["StreamDescription"]
    assert description["StreamModeDetails"] == {"StreamMode": mode}
    assert len(description["Shards"]) == shards


async def test_shards_are_split_and_merged_until_there_are_so_many(there: ChannelsEndpoint) -> None:
    answer = await there.kinesis(
        "update_shard_count", StreamName="clicks", TargetShardCount=3, ScalingType="UNIFORM_SCALING"
    )
    assert answer == {
        "StreamName": "clicks",
        "CurrentShardCount": 2,
        "TargetShardCount": 3,
        "StreamARN": f"{ARN}clicks",
    }
    found = await there.kinesis("list_shards", StreamName="clicks", ShardFilter={"Type": "AT_LATEST"})
    assert len(found["Shards"]) == 3
    assert (await there.kinesis("describe_limits"))["OpenShardCount"] == 5


async def test_a_stream_changes_its_mode(there: ChannelsEndpoint) -> None:
    details = {"StreamMode": "ON_DEMAND"}
    await there.kinesis("update_stream_mode", StreamARN=f"{ARN}clicks", StreamModeDetails=details)
    assert (await there.kinesis("describe_limits"))["OnDemandStreamCount"] == 1
    shard = "shardId-000000000000"
    for operation, parameters in (
        ("split_shard", {"ShardToSplit": shard, "NewStartingHashKey": "5"}),
        ("merge_shards", {"ShardToMerge": shard, "AdjacentShardToMerge": "shardId-000000000001"}),
        ("update_shard_count", {"TargetShardCount": 3, "ScalingType": "UNIFORM_SCALING"}),
    ):
        assert await there.refused("kinesis", operation, StreamName="clicks", **parameters) == (
            "ValidationException",
            "Request is invalid. Stream clicks under account 000000000000 is in On-Demand mode.",
        )


async def test_the_size_of_records_is_updated(there: ChannelsEndpoint) -> None:
    record = {"StreamName": "clicks", "Data": b"x" * (1024 * 1024 + 1), "PartitionKey": "k"}
    assert (await there.refused("kinesis", "put_record", **record))[0] == "ValidationException"
    await there.kinesis("update_max_record_size", StreamARN=f"{ARN}clicks", MaxRecordSizeInKiB=2048)
    await there.kinesis("put_record", **record)


async def test_tags_are_listed_in_pages(there: ChannelsEndpoint) -> None:
    await there.kinesis("add_tags_to_stream", StreamName="clicks", Tags={"b": "2", "a": "1", "c": "3"})
    first = await there.kinesis("list_tags_for_stream", StreamName="clicks", Limit=2)
    assert first == {
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
        "HasMoreTags": True,
    }
    rest = await there.kinesis("list_tags_for_stream", StreamName="clicks", ExclusiveStartTagKey="b")
    assert rest == {"Tags": [{"Key": "c", "Value": "3"}], "HasMoreTags": False}
    await there.kinesis("remove_tags_from_stream", StreamName="clicks", TagKeys=["a", "b"])
    found = await there.kinesis("list_tags_for_resource", ResourceARN=f"{ARN}clicks")
    assert found == {"Tags": [{"Key": "c", "Value": "3"}]}
    await there.kinesis("tag_resource", ResourceARN=f"{ARN}clicks", Tags={"d": ""})
    await there.kinesis("untag_resource", ResourceARN=f"{ARN}clicks", TagKeys=["c"])
    found = await there.kinesis("list_tags_for_resource", ResourceARN=f"{ARN}clicks")
    assert found == {"Tags": [{"Key": "d", "Value": ""}]}


async def test_encryption_is_said_and_not_done(there: ChannelsEndpoint) -> None:
    key = {"StreamName": "clicks", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    await there.kinesis("start_stream_encryption", **key)
    described = (await there.kinesis("describe_stream", StreamName="clicks"))["StreamDescription"]
    assert (described["EncryptionType"], described["KeyId"]) == ("KMS", "alias/aws/kinesis")
    put = await there.kinesis("put_record", StreamName="clicks", Data=b"x", PartitionKey="k")
    assert put["EncryptionType"] == "KMS"
    await there.kinesis("stop_stream_encryption", **key)
    described = (await there.kinesis("describe_stream", StreamName="clicks"))["StreamDescription"]
    assert described["EncryptionType"] == "NONE"
    assert "KeyId" not in described


async def test_metrics_are_named_and_not_measured(there: ChannelsEndpoint) -> None:
    answer = await there.kinesis(
        "enable_enhanced_monitoring",
        StreamName="clicks",
        ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"],
    )
    assert answer["CurrentShardLevelMetrics"] == []
    assert answer["DesiredShardLevelMetrics"] == ["IncomingBytes", "OutgoingBytes"]
    answer = await there.kinesis(
        "disable_enhanced_monitoring", StreamName="clicks", ShardLevelMetrics=["OutgoingBytes"]
    )
    assert answer["DesiredShardLevelMetrics"] == ["IncomingBytes"]
    answer = await there.kinesis(
        "disable_enhanced_monitoring", StreamName="clicks", ShardLevelMetrics=["ALL"]
    )
    assert answer["DesiredShardLevelMetrics"] == []


async def test_a_policy_is_kept(there: ChannelsEndpoint) -> None:
    named = {"ResourceARN": f"{ARN}clicks"}
    assert (await there.refused("kinesis", "get_resource_policy", **named))[0] == "ResourceNotFoundException"
    await there.kinesis("put_resource_policy", **named, Policy='{"Statement":[]}')
    assert await there.kinesis("get_resource_policy", **named) == {"Policy": '{"Statement":[]}'}
    await there.kinesis("delete_resource_policy", **named)
    assert (await there.refused("kinesis", "delete_resource_policy", **named))[
        0
    ] == "ResourceNotFoundException"


async def test_consumers_are_registered_described_and_deregistered(there: ChannelsEndpoint) -> None:
    stream = {"StreamARN": f"{ARN}clicks"}
    made = await there.kinesis("register_stream_consumer", **stream, ConsumerName="b", Tags={"x": "y"})
    consumer = made["Consumer"]
    assert consumer == {
        "ConsumerName": "b",
        "ConsumerARN": f"{ARN}clicks/consumer/b:1767225600",
        "ConsumerStatus": "CREATING",
        "ConsumerCreationTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
    }
    described = {**consumer, "ConsumerStatus": "ACTIVE", **stream}
    by_arn = await there.kinesis("describe_stream_consumer", ConsumerARN=consumer["ConsumerARN"])
    by_name = await there.kinesis("describe_stream_consumer", **stream, ConsumerName="b")
    assert by_arn == by_name == {"ConsumerDescription": described}
    tags = await there.kinesis("list_tags_for_resource", ResourceARN=consumer["ConsumerARN"])
    assert tags == {"Tags": [{"Key": "x", "Value": "y"}]}
    await there.kinesis("tag_resource", ResourceARN=consumer["ConsumerARN"], Tags={"x": "z"})

    await there.kinesis("register_stream_consumer", **stream, ConsumerName="a")
    first = await there.kinesis("list_stream_consumers", **stream, MaxResults=1)
    rest = await there.kinesis("list_stream_consumers", **stream, NextToken=first["NextToken"])
    assert [each["ConsumerName"] for each in first["Consumers"] + rest["Consumers"]] == ["a", "b"]
    assert (await there.refused("kinesis", "delete_stream", StreamName="clicks"))[0] == (
        "InvalidArgumentException"
    )
    await there.kinesis("deregister_stream_consumer", ConsumerARN=consumer["ConsumerARN"])
    code, _ = await there.refused("kinesis", "describe_stream_consumer", **stream, ConsumerName="b")
    assert code == "ResourceNotFoundException"


async def test_a_stream_with_consumers_is_deleted_when_that_is_asked_for(there: ChannelsEndpoint) -> None:
    await there.kinesis("create_stream", StreamName="made", ShardCount=1)
    await there.kinesis("register_stream_consumer", StreamARN=f"{ARN}made", ConsumerName="a")
    assert (await there.refused("kinesis", "delete_stream", StreamName="made"))[0] == "ResourceInUseException"
    await there.kinesis("delete_stream", StreamName="made", EnforceConsumerDeletion=True)


async def test_records_beyond_the_limits_of_a_shard_fail_one_by_one(there: ChannelsEndpoint) -> None:
    exceeded = (
        "ProvisionedThroughputExceededException",
        "Rate exceeded for shard shardId-000000000000 in stream limited under account 000000000000.",
    )
    half = {"Data": b"x" * (512 * 1024 - 1), "PartitionKey": "k"}
    answer = await there.kinesis("put_records", StreamName="limited", Records=[half, half, half])
    assert answer["FailedRecordCount"] == 1
    assert [each.get("ErrorCode") for each in answer["Records"]] == [None, None, exceeded[0]]
    assert answer["Records"][2]["ErrorMessage"] == exceeded[1]
    assert await there.refused("kinesis", "put_record", StreamName="limited", **half) == exceeded
    await asyncio.sleep(1)
    await there.kinesis("put_record", StreamName="limited", **half)

    iterator = await there.kinesis(
        "get_shard_iterator",
        StreamName="limited",
        ShardId="shardId-000000000000",
        ShardIteratorType="LATEST",
    )
    for _ in range(5):
        await there.kinesis("get_records", **iterator)
    assert await there.refused("kinesis", "get_records", **iterator) == exceeded
    await asyncio.sleep(1)
    await there.kinesis("get_records", **iterator)


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "text"),
    [
        pytest.param(
            "create_stream",
            {"StreamName": "clicks", "ShardCount": 1},
            "ResourceInUseException",
            "Stream clicks under account 000000000000 already exists.",
            id="a name that is taken",
        ),
        pytest.param(
            "create_stream",
            {"StreamName": "a b", "ShardCount": 1},
            "ValidationException",
            "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member"
            " must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
            id="a name with a space",
        ),
        pytest.param(
            "create_stream",
            {"StreamName": "a" * 129, "ShardCount": 1},
            "ValidationException",
            f"1 validation error detected: Value '{'a' * 129}' at 'streamName' failed to satisfy constraint:"
            " Member must have length less than or equal to 128",
            id="a name that is too long",
        ),
        pytest.param(
            "create_stream",
            {"StreamName": "a", "ShardCount": 0},
            "ValidationException",
            "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: Member must"
            " have value greater than or equal to 1",
            id="no shards",
        ),
        pytest.param(
            "create_stream",
            {"StreamName": "a", "ShardCount": 1, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
            "InvalidArgumentException",
            "ShardCount cannot be given for a stream in ON_DEMAND mode.",
            id="shards of an on-demand stream",
        ),
        pytest.param(
            "create_stream",
            {"StreamName": "a", "WarmThroughputMiBps": 5},
            "SerializationException",
            "WarmThroughputMiBps is not simulated by Headrace.",
            id="warm throughput",
        ),
        pytest.param(
            "delete_stream",
            {"StreamName": "declared"},
            "InvalidArgumentException",
            "headrace.toml declares streams.declared: remove it there.",
            id="deleting a stream of the configuration",
        ),
        pytest.param(
            "update_max_record_size",
            {"StreamARN": f"{ARN}declared", "MaxRecordSizeInKiB": 2048},
            "InvalidArgumentException",
            "headrace.toml declares max_record_size_in_kib for streams.declared.",
            id="what the configuration fixes",
        ),
        pytest.param(
            "update_shard_count",
            {"StreamName": "clicks", "TargetShardCount": 5, "ScalingType": "UNIFORM_SCALING"},
            "InvalidArgumentException",
            "UpdateShardCount cannot scale up over double your current open shard count. Current open shard"
            " count: 2 Target shard count: 5",
            id="more than twice as many shards",
        ),
        pytest.param(
            "enable_enhanced_monitoring",
            {"StreamName": "clicks", "ShardLevelMetrics": ["Noise"]},
            "ValidationException",
            "1 validation error detected: Value 'Noise' at 'shardLevelMetrics' failed to satisfy constraint:"
            " Member must satisfy enum value set: [IncomingBytes, IncomingRecords, OutgoingBytes,"
            " OutgoingRecords, WriteProvisionedThroughputExceeded, ReadProvisionedThroughputExceeded,"
            " IteratorAgeMilliseconds, ALL]",
            id="a metric that there is not",
        ),
        pytest.param(
            "tag_resource",
            {"ResourceARN": f"{ARN}clicks", "Tags": {str(n): "" for n in range(51)}},
            "InvalidArgumentException",
            f"Failed to add tags to resource {ARN}clicks because it cannot have more than 50 tags associated"
            " with it.",
            id="too many tags",
        ),
        pytest.param(
            "describe_stream_consumer",
            {"StreamARN": f"{ARN}clicks", "ConsumerName": "none"},
            "ResourceNotFoundException",
            f"Consumer none, stream {ARN}clicks under account 000000000000 not found.",
            id="a consumer that is not there",
        ),
        pytest.param(
            "update_stream_warm_throughput",
            {"StreamName": "clicks", "WarmThroughputMiBps": 5},
            "NotImplementedException",
            "Kinesis UpdateStreamWarmThroughput is not simulated by Headrace.",
            id="an operation that is not simulated",
        ),
    ],
)
async def test_is_refused(
    there: ChannelsEndpoint, operation: str, parameters: dict[str, Any], code: str, text: str
) -> None:
    assert await there.refused("kinesis", operation, **parameters) == (code, text)
