"""Requests that are broken on their way are answered with errors that clients can read, or not at all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.archives import HANDLER_ZIP
from tests.fuzz.breakage import BREAKAGES, UNANSWERED, sent
from tests.fuzz.fuzzed_simulator import PATIENCE_SECONDS, Fuzzed
from tests.fuzz.judgement import general_complaints
from tests.fuzz.models import model
from tests.fuzz.names import QUEUE_ARNS, ROLE_ARN, TOPIC_ARNS
from tests.fuzz.test_operations import AT_RANDOM
from tests.fuzz.wire import Request, written

QUEUE = "http://127.0.0.1:4566/000000000000/jobs"
GOOD: dict[str, Any] = {
    "sqs.SendMessage": {"QueueUrl": QUEUE, "MessageBody": "text"},
    "kinesis.PutRecord": {"StreamName": "clicks", "Data": b"x", "PartitionKey": "a"},
    "sns.Publish": {"TopicArn": TOPIC_ARNS[0], "Message": "text"},
    "events.PutEvents": {"Entries": [{"Source": "shop", "DetailType": "x", "Detail": "{}"}]},
    "scheduler.CreateSchedule": {
        "Name": "broken",
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": QUEUE_ARNS[0], "RoleArn": ROLE_ARN},
    },
    "dynamodb.PutItem": {"TableName": "orders", "Item": {"pk": {"S": "a"}, "sk": {"S": "b"}}},
    "s3.PutObject": {"Bucket": "photos", "Key": "b.txt", "Body": b"hello"},
    "s3.DeleteObjects": {"Bucket": "photos", "Delete": {"Objects": [{"Key": "none"}]}},
    "s3.ListObjectsV2": {"Bucket": "photos"},
    "lambda.Invoke": {"FunctionName": "echo", "Payload": b"{}"},
    "lambda.CreateFunction": {
        "FunctionName": "broken",
        "Role": ROLE_ARN,
        "Handler": "app.handler",
        "Runtime": "python3.11",
        "Code": {"ZipFile": HANDLER_ZIP},
    },
    "lambda.CreateEventSourceMapping": {"FunctionName": "echo", "EventSourceArn": QUEUE_ARNS[1]},
    "logs.DescribeLogGroups": {},
    "sts.GetCallerIdentity": {},
    "iam.GetRole": {"RoleName": "worker"},
}


def good(name: str) -> Request:
    """Return a request with which all is well."""
    service, operation = name.split(".")
    return written(model(service).operation_model(operation), GOOD[name])


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_request_is_refused(simulator: Fuzzed, breakage: str) -> None:
    for name in GOOD:
        seconds = 0.05 if breakage in UNANSWERED else PATIENCE_SECONDS
        answers = simulator.send_raw(BREAKAGES[breakage](good(name)), seconds=seconds)
        for answer in answers:
            if found := list(general_complaints(answer)):
                simulator.fail(f"{name} with {breakage}: {'; '.join(found)}\n{answer!r:.3000}")
        if not answers and breakage not in UNANSWERED:
            simulator.fail(f"{name} with {breakage}: there is no answer")
    assert simulator.send(good("sts.GetCallerIdentity")).status == 200


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """The bytes of good requests, with some of them changed, doubled or missing."""
    content = bytearray(sent(good(draw(st.sampled_from(list(GOOD))))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["change", "insert", "cut", "double"])):
            case "change":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "cut":
                del content[at : at + draw(st.integers(1, 20))]
            case "double":
                content[at:at] = content[at : at + draw(st.integers(1, 200))]
    return bytes(content)


@settings(AT_RANDOM)
@given(spoilt())
def test_spoilt_bytes_are_survived(simulator: Fuzzed, content: bytes) -> None:
    for answer in simulator.send_raw(content, seconds=0.3):
        if found := list(general_complaints(answer)):
            simulator.fail(f"{'; '.join(found)}\n{answer!r:.3000}\nto {content!r:.1500}")
