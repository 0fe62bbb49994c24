"""Putting records into a stream and reading them from its shards."""

import base64

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.mapping.source import StreamSource
from engine.store.database import Store
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.stream import Stream

ACCOUNT = Account("123456789012", "eu-west-1")
SHARD = "shardId-000000000000"


@pytest.fixture
async def stream(store: Store, clock: Clock, feed: Feed) -> Stream:
    stream = Stream("clicks", StreamProperties(), ACCOUNT, store, clock, feed)
    await stream.open()
    return stream


async def test_a_put_record_is_read_as_lambda_shows_it(stream: Stream) -> None:
    source: StreamSource = stream
    result = await stream.put_record(RecordEntry(b"hello", "test_0"))
    page = await source.read(SHARD, after=0, limit=10)
    (record,) = page.records
    assert record.record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "test_0",
            "sequenceNumber": result.sequence_number,
            "data": base64.b64encode(b"hello").decode(),
            "approximateArrivalTimestamp": 1767225600.0,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD}:{result.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
    }
    assert not page.ended
