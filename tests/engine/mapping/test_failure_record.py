"""What an on-failure destination is told, member by member as recorded on AWS."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from engine.mapping.failure_record import FailureRecord, LastAnswer, Origin
from engine.mapping.stream_record import ReadyRecord

TIME = datetime(2019, 11, 14, 0, 38, 6, 21_000, UTC)
KINESIS = Origin("m-1", "fn", "arn:fn", "kinesis", "arn:stream", "shardId-000000000000")
DYNAMODB = Origin("m-1", "fn", "arn:fn", "dynamodb", "arn:table", "shardId-1-a")
RECORDS = [
    ReadyRecord(position, str(position), TIME - timedelta(milliseconds=ago), TIME, b'{"n":%d}' % position)
    for position, ago in ((4, 1186), (5, 800), (6, 441))
]


def made(origin: Origin = KINESIS, **changes: Any) -> FailureRecord:
    values: dict[str, Any] = {
        "origin": origin,
        "request_id": "r-1",
        "time": TIME,
        "condition": "RetryAttemptsExhausted",
        "attempts": 2,
        "answer": LastAnswer("r-1", "Unhandled"),
        "records": RECORDS,
    }
    return FailureRecord(**(values | changes))


def test_a_kinesis_record_has_the_members_of_aws_in_their_order() -> None:
    assert made().document() == (
        b'{"requestContext":{"requestId":"r-1","functionArn":"arn:fn","condition":"RetryAttemptsExhausted",'
        b'"approximateInvokeCount":2},"responseContext":{"statusCode":200,"executedVersion":"$LATEST",'
        b'"functionError":"Unhandled"},"version":"1.0","timestamp":"2019-11-14T00:38:06.021Z",'
        b'"KinesisBatchInfo":{"shardId":"shardId-000000000000","startSequenceNumber":"4",'
        b'"endSequenceNumber":"6","approximateArrivalOfFirstRecord":"2019-11-14T00:38:04.835Z",'
        b'"approximateArrivalOfLastRecord":"2019-11-14T00:38:05.580Z","batchSize":3,"streamArn":"arn:stream"}}'
    )


def test_a_dynamodb_record_has_arrivals_without_milliseconds() -> None:
    document = orjson.loads(made(DYNAMODB).document())
    assert "KinesisBatchInfo" not in document
    assert document["timestamp"] == "2019-11-14T00:38:06.021Z"
    assert document["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] == "2019-11-14T00:38:04Z"


def test_partial_failures_have_no_function_error() -> None:
    document = orjson.loads(made(answer=LastAnswer("r-1", None)).document())
    assert document["responseContext"]["functionError"] is None


@pytest.mark.parametrize(("attempts", "told"), [(0, 1), (8, 8)])
def test_records_too_old_have_no_response(attempts: int, told: int) -> None:
    record = made(condition="RecordAgeExceeded", attempts=attempts, answer=None)
    document = orjson.loads(record.document())
    assert "responseContext" not in document
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == told


def test_a_bucket_gets_the_event_as_well() -> None:
    document = orjson.loads(made().document_with_payload())
    assert document.pop("payload") == {"Records": [{"n": 4}, {"n": 5}, {"n": 6}]}
    assert document == orjson.loads(made().document())
    assert made().object_key(UUID(int=7)) == (
        "aws/lambda/m-1/shardId-000000000000/2019/11/14/"
        "2019-11-14T00.38.06-00000000-0000-0000-0000-000000000007"
    )


def recorded_records(shared: Path) -> list[dict[str, Any]]:
    """Every on-failure record of a stream that was recorded on AWS, in whatever it was wrapped."""
    found: list[dict[str, Any]] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "KinesisBatchInfo" in value or "DDBStreamBatchInfo" in value:
                found.append(value)
            for member in value.values():
                look(member)
        elif isinstance(value, list):
            for member in value:
                look(member)
        elif isinstance(value, str) and "BatchInfo" in value and value.startswith("{"):
            look(orjson.loads(value))

    for name in ("esm-kinesis.json", "esm-dynamodbstreams.json"):
        look(orjson.loads((shared / "samples" / "recorded" / name).read_bytes()))
    return found


def test_members_are_those_recorded_on_aws(shared: Path) -> None:
    recorded = recorded_records(shared)
    assert len(recorded) >= 4
    for theirs in recorded:
        origin = KINESIS if "KinesisBatchInfo" in theirs else DYNAMODB
        context = theirs["requestContext"]
        answer = LastAnswer("r", None) if "responseContext" in theirs else None
        ours = orjson.loads(
            made(origin, condition=context["condition"], answer=answer).document_with_payload()
        )
        if "payload" not in theirs:
            del ours["payload"]
        assert set(ours) == set(theirs)
        for name in set(ours) - {"payload", "version", "timestamp"}:
            assert set(ours[name]) == set(theirs[name])
