"""Kinesis on the endpoint: boto3 and a plain client."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import boto3
import cbor2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.arn import Account
from engine.clock import VIRTUAL_START, Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.kinesis import TARGET, KinesisWire
from headrace.aws.listener import listen
from tests.fakes.endpoint import Reply, name_the_handler, request
from triggers.kinesis.settings import StreamSettings
from triggers.kinesis.stream import Stream
from triggers.kinesis.stream_registry import StreamRegistry

ACCOUNT = Account()
FIRST, SECOND, THIRD = (f"shardId-{number:012d}" for number in range(3))
MIDDLE = 2**127
ERROR = "1 validation error detected:"
AT_MOST_500 = "failed to satisfy constraint: Member must have length less than or equal to 500"
KINDS = (
    "failed to satisfy constraint: Member must satisfy enum value set: "
    "[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
)


@dataclass(frozen=True, slots=True)
class There:
    """The endpoint's address and what is behind it."""

    url: str
    streams: dict[str, Stream]
    client: Any

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with boto3, in another thread."""
        method = partial(getattr(self.client, operation), **parameters)
        answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(None, method)
        answer.pop("ResponseMetadata")
        return answer

    async def post(
        self, operation: str, body: bytes, content_type: str = "application/x-amz-json-1.1"
    ) -> Reply:
        """Send a request as it is."""
        headers = {"X-Amz-Target": f"Kinesis_20131202.{operation}", "Content-Type": content_type}
        return await asyncio.get_running_loop().run_in_executor(
            None, partial(request, self.url, "POST", "/", body, headers)
        )


@pytest.fixture
async def there(clock: Clock, store: Store, feed: Feed) -> AsyncIterator[There]:
    settings = {name: StreamSettings(shards=shards) for name, shards in {"clicks": 1, "views": 3}.items()}
    registry = StreamRegistry({}, settings, ACCOUNT, store, clock, feed)
    await registry.open()
    streams = registry.streams
    other = partial(name_the_handler, handler="other")
    handlers = Handlers(other, other, other, {TARGET: KinesisWire(registry, clock).handler()})
    async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
        client = boto3.client(
            "kinesis",
            endpoint_url=endpoint.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
        yield There(endpoint.url, streams, client)
        client.close()


async def refused(there: There, operation: str, **parameters: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        await there.call(operation, **parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


async def read(there: There, shard: str, stream: str = "clicks", **more: Any) -> list[bytes]:
    kind = more.pop("ShardIteratorType", "TRIM_HORIZON")
    found = await there.call(
        "get_shard_iterator", StreamName=stream, ShardId=shard, ShardIteratorType=kind, **more
    )
    answer = await there.call("get_records", ShardIterator=found["ShardIterator"])
    return [record["Data"] for record in answer["Records"]]


async def test_a_record_is_put_and_read(there: There) -> None:
    put = await there.call("put_record", StreamName="clicks", Data=b"\x00\xffhello", PartitionKey="kéy")
    assert put["ShardId"] == FIRST
    iterator = await there.call(
        "get_shard_iterator", StreamName="clicks", ShardId=FIRST, ShardIteratorType="TRIM_HORIZON"
    )
    answer = await there.call("get_records", ShardIterator=iterator["ShardIterator"], Limit=5)
    (record,) = answer["Records"]
    assert record["SequenceNumber"] == put["SequenceNumber"]
    assert record["Data"] == b"\x00\xffhello"
    assert record["PartitionKey"] == "kéy"
    assert record["ApproximateArrivalTimestamp"] == VIRTUAL_START
    assert answer["MillisBehindLatest"] == 0
    assert answer["NextShardIterator"]


async def test_records_are_put_together(there: There) -> None:
    records: list[dict[str, Any]] = [
        {"Data": b"%d" % number, "PartitionKey": f"key-{number}"} for number in range(20)
    ]
    records.append({"Data": b"", "PartitionKey": "any", "ExplicitHashKey": "0"})
    answer = await there.call("put_records", StreamName="views", Records=records)
    assert answer["FailedRecordCount"] == 0
    assert len(answer["Records"]) == 21
    assert answer["Records"][-1]["ShardId"] == FIRST
    found = [data for shard in (FIRST, SECOND, THIRD) for data in await read(there, shard, "views")]
    assert sorted(found) == sorted(record["Data"] for record in records)


@pytest.mark.parametrize(
    "naming",
    [
        {"StreamName": "clicks"},
        {"StreamARN": ACCOUNT.stream("clicks")},
        {"StreamName": "clicks", "StreamARN": ACCOUNT.stream("clicks")},
    ],
    ids=["by name", "by ARN", "by both"],
)
async def test_a_stream_is_named_in_every_way(there: There, naming: dict[str, str]) -> None:
    answer = await there.call("describe_stream_summary", **naming)
    assert answer["StreamDescriptionSummary"]["StreamName"] == "clicks"


async def test_where_reading_begins(there: There) -> None:
    numbers = []
    for number in range(3):
        put = await there.call("put_record", StreamName="clicks", Data=b"%d" % number, PartitionKey="k")
        numbers.append(put["SequenceNumber"])
        await asyncio.sleep(10)
    at = {"StartingSequenceNumber": numbers[1]}
    assert await read(there, FIRST, ShardIteratorType="AT_SEQUENCE_NUMBER", **at) == [b"1", b"2"]
    assert await read(there, FIRST, ShardIteratorType="AFTER_SEQUENCE_NUMBER", **at) == [b"2"]
    assert await read(there, FIRST, ShardIteratorType="LATEST") == []
    moment = VIRTUAL_START + timedelta(seconds=20)
    assert await read(there, FIRST, ShardIteratorType="AT_TIMESTAMP", Timestamp=moment) == [b"2"]


async def test_a_stream_is_described(there: There) -> None:
    common = {
        "StreamName": "clicks",
        "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": VIRTUAL_START,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }
    assert (await there.call("describe_stream_summary", StreamName="clicks"))["StreamDescriptionSummary"] == {
        **common,
        "OpenShardCount": 1,
        "ConsumerCount": 0,
        "MaxRecordSizeInKiB": 1024,
    }
    shard = there.streams["clicks"].all_shards[0]
    assert (await there.call("describe_stream", StreamName="clicks"))["StreamDescription"] == {
        **common,
        "Shards": [
            {
                "ShardId": FIRST,
                "HashKeyRange": {
                    "StartingHashKey": "0",
                    "EndingHashKey": "340282366920938463463374607431768211455",
                },
                "SequenceNumberRange": {"StartingSequenceNumber": shard.starting_sequence_number},
            }
        ],
        "HasMoreShards": False,
    }


async def test_shards_are_described_in_pages(there: There) -> None:
    first = (await there.call("describe_stream", StreamName="views", Limit=2))["StreamDescription"]
    assert [shard["ShardId"] for shard in first["Shards"]] == [FIRST, SECOND]
    assert first["HasMoreShards"]
    rest = await there.call("describe_stream", StreamName="views", ExclusiveStartShardId=SECOND)
    assert [shard["ShardId"] for shard in rest["StreamDescription"]["Shards"]] == [THIRD]


async def test_streams_are_listed_in_pages(there: There) -> None:
    first = await there.call("list_streams", Limit=1)
    assert first["StreamNames"] == ["clicks"]
    assert first["HasMoreStreams"]
    assert first["StreamSummaries"][0]["StreamARN"] == ACCOUNT.stream("clicks")
    for more in ({"NextToken": first["NextToken"]}, {"ExclusiveStartStreamName": "clicks"}):
        rest = await there.call("list_streams", **more)
        assert (rest["StreamNames"], rest["HasMoreStreams"]) == (["views"], False)


async def test_shards_are_listed_in_pages(there: There) -> None:
    first = await there.call("list_shards", StreamName="views", MaxResults=2)
    assert [shard["ShardId"] for shard in first["Shards"]] == [FIRST, SECOND]
    rest = await there.call("list_shards", NextToken=first["NextToken"])
    assert [shard["ShardId"] for shard in rest["Shards"]] == [THIRD]
    assert "NextToken" not in rest
    await asyncio.sleep(301)
    assert (await refused(there, "list_shards", NextToken=first["NextToken"]))[
        0
    ] == "ExpiredNextTokenException"


async def test_shards_are_listed_by_a_filter_that_pages_keep(there: There) -> None:
    await asyncio.sleep(100)
    await there.call("split_shard", StreamName="clicks", ShardToSplit=FIRST, NewStartingHashKey=str(MIDDLE))
    latest = {"ShardFilter": {"Type": "AT_LATEST"}}
    first = await there.call("list_shards", StreamName="clicks", MaxResults=1, **latest)
    rest = await there.call("list_shards", NextToken=first["NextToken"])
    assert [shard["ShardId"] for shard in first["Shards"] + rest["Shards"]] == [SECOND, THIRD]
    before = {"Type": "AT_TIMESTAMP", "Timestamp": VIRTUAL_START + timedelta(seconds=50)}
    early = await there.call("list_shards", StreamName="clicks", ShardFilter=before)
    assert [shard["ShardId"] for shard in early["Shards"]] == [FIRST]


async def test_a_split_shard_leads_readers_to_its_children(there: There) -> None:
    await there.call("put_record", StreamName="clicks", Data=b"before", PartitionKey="k")
    await there.call("split_shard", StreamName="clicks", ShardToSplit=FIRST, NewStartingHashKey=str(MIDDLE))
    iterator = await there.call(
        "get_shard_iterator", StreamName="clicks", ShardId=FIRST, ShardIteratorType="TRIM_HORIZON"
    )
    end = await there.call("get_records", ShardIterator=iterator["ShardIterator"])
    assert [record["Data"] for record in end["Records"]] == [b"before"]
    assert "NextShardIterator" not in end
    assert end["ChildShards"] == [
        {
            "ShardId": SECOND,
            "ParentShards": [FIRST],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(MIDDLE - 1)},
        },
        {
            "ShardId": THIRD,
            "ParentShards": [FIRST],
            "HashKeyRange": {"StartingHashKey": str(MIDDLE), "EndingHashKey": str(2**128 - 1)},
        },
    ]
    parent, lower, _ = (await there.call("list_shards", StreamName="clicks"))["Shards"]
    assert parent["SequenceNumberRange"]["EndingSequenceNumber"]
    assert lower["ParentShardId"] == FIRST


async def test_shards_are_merged(there: There) -> None:
    await there.call("merge_shards", StreamName="views", ShardToMerge=SECOND, AdjacentShardToMerge=THIRD)
    merged = (await there.call("list_shards", StreamName="views"))["Shards"][3]
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == (SECOND, THIRD)


async def test_retention_is_changed(there: There) -> None:
    await there.call("increase_stream_retention_period", StreamName="clicks", RetentionPeriodHours=48)
    assert there.streams["clicks"].retention == timedelta(hours=48)
    await there.call("decrease_stream_retention_period", StreamName="clicks", RetentionPeriodHours=24)
    assert there.streams["clicks"].retention == timedelta(hours=24)


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        pytest.param(
            "put_record",
            {"StreamName": "wrong", "Data": b"", "PartitionKey": "k"},
            ("ResourceNotFoundException", "Stream wrong under account 000000000000 not found.", 400),
            id="an unknown stream",
        ),
        pytest.param(
            "describe_stream",
            {"StreamARN": "arn:aws:kinesis:eu-west-1:111122223333:stream/clicks"},
            ("ResourceNotFoundException", "Stream clicks under account 111122223333 not found.", 400),
            id="the stream of another account",
        ),
        pytest.param(
            "describe_stream",
            {},
            ("InvalidArgumentException", "Either StreamName or StreamARN must be given.", 400),
            id="no stream",
        ),
        pytest.param(
            "get_shard_iterator",
            {"StreamName": "clicks", "ShardId": "shardId-7", "ShardIteratorType": "LATEST"},
            (
                "ResourceNotFoundException",
                "Could not find shard shardId-7 in stream clicks under account 000000000000.",
                400,
            ),
            id="an unknown shard",
        ),
        pytest.param(
            "get_shard_iterator",
            {"StreamName": "clicks", "ShardId": FIRST, "ShardIteratorType": "OLDEST"},
            (
                "ValidationException",
                f"{ERROR} Value 'OLDEST' at 'shardIteratorType' {KINDS}",
                400,
            ),
            id="an unknown kind of iterator",
        ),
        pytest.param(
            "get_records",
            {"ShardIterator": "no iterator"},
            ("InvalidArgumentException", "Invalid ShardIterator.", 400),
            id="no iterator",
        ),
        pytest.param(
            "put_records",
            {"StreamName": "clicks", "Records": [{"Data": b"", "PartitionKey": "k"}] * 501},
            (
                "ValidationException",
                f"{ERROR} Value at 'records' {AT_MOST_500}",
                400,
            ),
            id="501 records",
        ),
        pytest.param(
            "list_shards",
            {"StreamName": "clicks", "StreamCreationTimestamp": VIRTUAL_START - timedelta(days=1)},
            ("ResourceNotFoundException", "Stream clicks under account 000000000000 not found.", 400),
            id="a former stream of that name",
        ),
        pytest.param(
            "put_record",
            {"StreamName": "clicks", "Data": b"", "PartitionKey": "k", "DryRun": True},
            ("SerializationException", "DryRun is not simulated by Headrace.", 400),
            id="a parameter that is not simulated",
        ),
        pytest.param(
            "describe_account_settings",
            {},
            (
                "NotImplementedException",
                "Kinesis DescribeAccountSettings is not simulated by Headrace.",
                501,
            ),
            id="an operation that is not simulated",
        ),
    ],
)
async def test_is_refused(
    there: There, operation: str, parameters: dict[str, Any], expected: tuple[str, str, int]
) -> None:
    assert await refused(there, operation, **parameters) == expected


async def test_ten_megabytes_are_taken_and_no_more(there: There) -> None:
    megabyte = {"Data": bytes(2**20 - 1), "PartitionKey": "k"}
    answer = await there.call("put_records", StreamName="clicks", Records=[megabyte] * 10)
    assert len(answer["Records"]) == 10
    assert await refused(there, "put_records", StreamName="clicks", Records=[megabyte] * 11) == (
        "InvalidArgumentException",
        "Records size exceeds 10 MB limit",
        400,
    )


async def test_an_error_has_its_type_and_message_in_the_body(there: There) -> None:
    reply = await there.post("DescribeStream", b'{"StreamName": "wrong-stream-name"}')
    assert reply.status == 400
    assert json.loads(reply.body) == {
        "__type": "ResourceNotFoundException",
        "message": "Stream wrong-stream-name under account 000000000000 not found.",
    }
    assert reply.headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b"{", "The request is not JSON", id="broken JSON"),
        pytest.param(b"[]", "The request must be a JSON object.", id="a list"),
        pytest.param(b'{"StreamName": 7}', "StreamName must be a string", id="a number for a string"),
        pytest.param(
            b'{"StreamName": "clicks", "Records": [7]}',
            "Records must be a list of objects",
            id="no structure",
        ),
        pytest.param(
            b'{"StreamName": "clicks", "Records": [{"Data": "?"}]}',
            "records.1.member.Data must be base64",
            id="no base64",
        ),
        pytest.param(
            b'{"StreamName": "clicks", "Records": [{"Data": "", "PartitionKey": null}]}',
            "Value null at 'records.1.member.partitionKey' failed to satisfy constraint: Member must not be",
            id="no partition key",
        ),
        pytest.param(b'{"StreamName": "clicks"}', "Value null at 'records'", id="no records"),
        pytest.param(b" " * (16 * 2**20 + 1), "The request is larger than 16777216 bytes.", id="too long"),
    ],
)
async def test_what_is_no_request_is_refused(there: There, body: bytes, text: str) -> None:
    reply = await there.post("PutRecords", body)
    assert reply.status == 400
    assert text in json.loads(reply.body)["message"]


async def test_requests_in_cbor_are_answered_in_cbor(there: There) -> None:
    record = {"StreamName": "clicks", "Data": b"\x00\xff", "PartitionKey": "kéy"}
    await cbor(there, "PutRecord", record)
    asked: dict[str, Any] = {"StreamName": "clicks", "ShardId": FIRST, "ShardIteratorType": "AT_TIMESTAMP"}
    asked["Timestamp"] = cbor2.CBORTag(1, 1_767_225_600_000)
    found = await cbor(there, "GetShardIterator", asked)
    answer = await cbor(there, "GetRecords", found)

    (got,) = answer["Records"]
    assert (got["Data"], got["PartitionKey"]) == (b"\x00\xff", "kéy")
    assert got["ApproximateArrivalTimestamp"] == 1_767_225_600_000  # as clients in Java read it


async def test_errors_in_cbor_are_those_of_json(there: There) -> None:
    """[recorded: test_kinesis::test_cbor_exceptions]"""
    reply = await there.post(
        "DescribeStream", cbor2.dumps({"StreamName": "wrong"}), "application/x-amz-cbor-1.1"
    )
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/x-amz-cbor-1.1"
    assert cbor2.loads(reply.body) == {
        "__type": "ResourceNotFoundException",
        "message": "Stream wrong under account 000000000000 not found.",
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"\xff", "The request is not CBOR", id="no CBOR"),
        pytest.param(b"\x81\x01", "The request must be a CBOR map.", id="no map"),
        pytest.param(b"\x9f" * 500, "The request is not CBOR", id="lists without end in each other"),
        pytest.param(
            cbor2.dumps({"Timestamp": cbor2.CBORTag(1, "noon")}), "The request is not CBOR", id="no moment"
        ),
        pytest.param(cbor2.dumps({1: 2}), "1 is not simulated by Headrace.", id="a name that is no text"),
    ],
)
async def test_cbor_that_is_broken_is_refused(there: There, body: bytes, said: str) -> None:
    reply = await there.post("GetShardIterator", body, "application/x-amz-cbor-1.1")
    assert reply.status == 400
    found = cbor2.loads(reply.body)
    assert found["__type"] == "SerializationException"
    assert said in found["message"]


async def cbor(there: There, operation: str, members: dict[str, Any]) -> dict[str, Any]:
    """Ask in CBOR, and read moments as the numbers that they are sent as."""
    reply = await there.post(operation, cbor2.dumps(members), "application/x-amz-cbor-1.1")
    assert reply.status == 200
    found = cbor2.loads(reply.body, semantic_decoders={1: lambda value, _: value})
    assert isinstance(found, dict)
    return found
