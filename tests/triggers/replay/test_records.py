"""What is taken out of an event to give it to its source again."""

import json
from typing import Any

import pytest

from triggers.replay.records import NotFromASource, SentRecord, sent_records

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"
MESSAGE = {
    "eventSource": "aws:sqs",
    "eventSourceARN": QUEUE_ARN,
    "messageId": "m1",
    "body": "hello",
    "attributes": {"ApproximateReceiveCount": "3"},
    "messageAttributes": {},
}
RECORD = {
    "eventSource": "aws:kinesis",
    "eventSourceARN": STREAM_ARN,
    "eventID": "shardId-000000000000:1",
    "kinesis": {"data": "aGVsbG8=", "partitionKey": "alice", "sequenceNumber": "1"},
}
CHANGE = {
    "eventSource": "aws:dynamodb",
    "eventSourceARN": TABLE_ARN,
    "eventID": "e1",
    "eventName": "INSERT",
    "dynamodb": {"Keys": {"id": {"N": "1"}}, "NewImage": {"id": {"N": "1"}, "item": {"S": "lamp"}}},
}


def read(*records: Any) -> list[SentRecord]:
    return sent_records(json.dumps({"Records": records}).encode())


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            MESSAGE,
            SentRecord("queues", "jobs", "m1", {"body": "hello", "attributes": {}}),
            id="a message without what SQS added to it",
        ),
        pytest.param(
            MESSAGE | {"messageAttributes": None, "attributes": None},
            SentRecord("queues", "jobs", "m1", {"body": "hello", "attributes": {}}),
            id="null is no attribute",
        ),
        pytest.param(
            MESSAGE
            | {
                "messageAttributes": {
                    "size": {"stringValue": "3", "dataType": "Number", "stringListValues": []},
                    "raw": {"stringValue": None, "binaryValue": "AQI=", "dataType": "Binary"},
                }
            },
            SentRecord(
                "queues",
                "jobs",
                "m1",
                {
                    "body": "hello",
                    "attributes": {
                        "size": {"DataType": "Number", "StringValue": "3"},
                        "raw": {"DataType": "Binary", "BinaryValue": "AQI="},
                    },
                },
            ),
            id="message attributes in the form of SendMessage",
        ),
        pytest.param(
            MESSAGE | {"attributes": {"MessageGroupId": "g", "MessageDeduplicationId": "d"}},
            SentRecord(
                "queues",
                "jobs",
                "m1",
                {"body": "hello", "attributes": {}, "group_id": "g", "deduplication_id": "d"},
            ),
            id="a message of a FIFO queue with its group and what makes it the same",
        ),
        pytest.param(
            RECORD,
            SentRecord(
                "streams",
                "clicks",
                "shardId-000000000000:1",
                {"data": "aGVsbG8=", "partition_key": "alice"},
            ),
            id="a record of a stream with its key",
        ),
        pytest.param(
            RECORD | {"eventSourceARN": f"{STREAM_ARN}/consumer/fast:1"},
            SentRecord(
                "streams",
                "clicks",
                "shardId-000000000000:1",
                {"data": "aGVsbG8=", "partition_key": "alice"},
            ),
            id="a record that a consumer with a fan-out of its own got",
        ),
        pytest.param(
            CHANGE,
            SentRecord(
                "tables",
                "orders",
                "e1",
                {
                    "event_name": "INSERT",
                    "keys": {"id": {"N": "1"}},
                    "new_image": {"id": {"N": "1"}, "item": {"S": "lamp"}},
                },
            ),
            id="an inserted item with its new image",
        ),
        pytest.param(
            CHANGE | {"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"N": "1"}}}},
            SentRecord("tables", "orders", "e1", {"event_name": "REMOVE", "keys": {"id": {"N": "1"}}}),
            id="a removed item needs its keys only",
        ),
    ],
)
def test_a_record_becomes_what_was_sent(record: dict[str, Any], expected: SentRecord) -> None:
    assert read(record) == [expected]


def test_records_of_several_sources_keep_their_order() -> None:
    records = read(MESSAGE, CHANGE, MESSAGE | {"messageId": "m2"}, RECORD)
    assert [record.identity for record in records] == ["m1", "e1", "m2", "shardId-000000000000:1"]


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        pytest.param([], "it has no Records", id="no object"),
        pytest.param({"detail": {}}, "it has no Records", id="an event of another kind"),
        pytest.param({"Records": []}, "it has no Records", id="no record"),
        pytest.param({"Records": {"a": 1}}, "it has no Records", id="no list"),
        pytest.param({"Records": ["a"]}, "Records[0].eventSource is None", id="a record that is none"),
        pytest.param(
            {"Records": [{"eventSource": "aws:s3"}]}, "put the object into the bucket's folder", id="S3"
        ),
        pytest.param(
            {"Records": [{"eventSource": ["aws:sqs"]}]}, "Records[0].eventSource is", id="a strange source"
        ),
        pytest.param({"Records": [MESSAGE | {"body": 5}]}, "Records[0].body has to be text", id="no text"),
        pytest.param(
            {"Records": [MESSAGE, {key: MESSAGE[key] for key in MESSAGE if key != "messageId"}]},
            "Records[1].messageId is missing",
            id="a message without an id",
        ),
        pytest.param(
            {"Records": [MESSAGE | {"messageAttributes": {"a": "b"}}]},
            "Records[0].messageAttributes.a has to be an object",
            id="an attribute that is none",
        ),
        pytest.param(
            {"Records": [MESSAGE | {"messageAttributes": {"a": {"binaryValue": "é", "dataType": "Binary"}}}]},
            "Records[0].messageAttributes.a.binaryValue is not base64",
            id="an attribute that is not base64",
        ),
        pytest.param(
            {"Records": [RECORD | {"kinesis": {"data": "a", "partitionKey": "k"}}]},
            "Records[0].kinesis.data is not base64",
            id="data that is not base64",
        ),
        pytest.param(
            {"Records": [{key: RECORD[key] for key in RECORD if key != "kinesis"}]},
            "Records[0].kinesis is missing",
            id="a stream's record without its core",
        ),
        pytest.param(
            {"Records": [CHANGE | {"dynamodb": {"Keys": {"id": {"N": "1"}}}}]},
            "only with its NewImage",
            id="an insertion of a stream without new images",
        ),
        pytest.param(
            {"Records": [CHANGE | {"dynamodb": {"Keys": "id", "NewImage": {}}}]},
            "Records[0].dynamodb.Keys has to be an object",
            id="keys that are none",
        ),
    ],
)
def test_an_event_that_cannot_go_back_is_refused_with_the_place(event: object, problem: str) -> None:
    with pytest.raises(NotFromASource) as refused:
        sent_records(json.dumps(event).encode())
    assert problem in str(refused.value)
