"""Invocation records and dead letters."""

from datetime import UTC, datetime
from functools import partial

import orjson
import pytest

from engine.clock import Clock, from_millis
from engine.feed import Feed
from engine.invocation import event_table
from engine.invocation.destination import (
    EVENT_BYTES,
    DestinationMessage,
    DestinationRefused,
    FunctionDestination,
    dead_letter_attributes,
    invocation_record,
)
from engine.invocation.event_queue import EventQueue
from engine.invocation.event_table import QueuedEvent
from engine.store.database import Store
from tests.fakes.scripted_functions import ScriptedFunctions

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"


def event(payload: bytes = b"{}", response: bytes | None = None, attempts: int = 1) -> QueuedEvent:
    return QueuedEvent(1, "id-1", "f", None, "invoke", payload, (), from_millis(0), attempts, 0, response)


def test_a_success_record_has_no_function_error() -> None:
    record = invocation_record(event(b'{"k":1}', b"[2]"), ARN, "Success", NOW)
    assert record == (
        b'{"version":"1.0","timestamp":"2026-01-02T03:04:05.678Z",'
        b'"requestContext":{"requestId":"id-1","functionArn":"' + ARN.encode() + b'",'
        b'"condition":"Success","approximateInvokeCount":1},"requestPayload":{"k":1},'
        b'"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":[2]}'
    )


def test_a_failure_record_carries_the_error_object() -> None:
    record = orjson.loads(
        invocation_record(event(response=b'{"errorType":"E"}', attempts=3), ARN, "RetriesExhausted", NOW)
    )
    assert list(record) == [
        "version",
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    ]
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert list(record["responseContext"]) == ["statusCode", "executedVersion", "functionError"]
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"] == {"errorType": "E"}


def test_a_record_of_a_function_that_never_ran_has_no_response() -> None:
    record = orjson.loads(invocation_record(event(attempts=0), ARN, "ZeroReservedConcurrency", NOW))
    assert list(record) == ["version", "timestamp", "requestContext", "requestPayload"]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(b"null", None, id="None is null"),
        pytest.param(b"12345678901234567890123", None, id="numbers keep every digit"),
        pytest.param(b"NaN", "NaN", id="NaN is not JSON"),
        pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="bytes that are no text"),
        pytest.param(b"", "", id="nothing"),
    ],
)
def test_a_record_is_json_whatever_the_handler_returned(response: bytes, expected: str | None) -> None:
    record = invocation_record(event(response=response), ARN, "Success", NOW)
    orjson.loads(record)
    if expected is None:
        assert record.endswith(b'"responsePayload":' + response + b"}")
    else:
        assert orjson.loads(record)["responsePayload"] == expected


@pytest.mark.parametrize(
    ("response", "code", "message"),
    [
        pytest.param(b'{"errorMessage": "boom"}', "200", "boom", id="a function error"),
        pytest.param(b'{"errorMessage": ""}', "200", None, id="no attribute for an empty message"),
        pytest.param(b'{"errorMessage": 7}', "200", None, id="a message that is no text"),
        pytest.param(b'"text"', "200", None, id="an answer without a message"),
        pytest.param(b"\xff", "200", None, id="an answer that is not JSON"),
        pytest.param(b'{"errorMessage": "a\\u0000b"}', "200", "a?b", id="a character SQS refuses"),
        pytest.param(
            orjson.dumps({"errorMessage": "ü" * 1000}),
            "200",
            "ü" * 512,
            id="the first kilobyte, in whole characters",
        ),
        pytest.param(None, "429", "Rate Exceeded.", id="a function that never ran"),
    ],
)
def test_attributes_of_a_dead_letter(response: bytes | None, code: str, message: str | None) -> None:
    attributes = dead_letter_attributes("id-1", response)
    assert list(attributes)[:2] == ["RequestID", "ErrorCode"]
    assert (attributes["ErrorCode"].data_type, attributes["ErrorCode"].value) == ("Number", code)
    assert (attributes["ErrorMessage"].value if "ErrorMessage" in attributes else None) == message


async def test_a_record_that_is_too_large_for_an_event_is_refused(
    store: Store, clock: Clock, feed: Feed
) -> None:
    queue = EventQueue(store, clock, feed, ScriptedFunctions(clock))
    destination = FunctionDestination("g", "arn", queue)
    largest = DestinationMessage("f", b"x" * EVENT_BYTES, ("f",))
    await store.write(partial(destination.send, message=largest))
    with pytest.raises(DestinationRefused, match="larger than an event may be"):
        await store.write(
            partial(destination.send, message=DestinationMessage("f", largest.body + b"x", ("f",)))
        )
    assert await store.read(event_table.waiting_by_function) == {"g": 1}
