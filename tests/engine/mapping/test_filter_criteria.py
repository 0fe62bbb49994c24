"""Which records the filters of a mapping keep."""

import base64
from typing import Any

import pytest

from engine.mapping.filter_criteria import INVALID_FILTER, InvalidFilter, Source, compile_criteria


def message(body: object) -> dict[str, Any]:
    return {"messageId": "1", "body": body, "attributes": {"SenderId": "me"}, "eventSource": "aws:sqs"}


def stream_record(data: bytes | str) -> dict[str, Any]:
    encoded = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"kinesis": {"partitionKey": "1", "data": encoded}, "eventName": "aws:kinesis:record"}


JSON_FILTER, TEXT_FILTER = '{"body": {"a": [1]}}', '{"body": ["text"]}'


@pytest.mark.parametrize(
    ("filters", "body", "expected"),
    [
        pytest.param([], "anything", True, id="without a filter every message is kept"),
        pytest.param([JSON_FILTER], '{"a": 1.0}', True, id="JSON is compared with JSON"),
        pytest.param([JSON_FILTER], '  [{"a": 1}]', True, id="an array is JSON too"),
        pytest.param([JSON_FILTER], '{"a": 2}', False, id="and may differ"),
        pytest.param([JSON_FILTER], "text", False, id="text is no JSON"),
        pytest.param([JSON_FILTER], '{"a": 1', False, id="nor is half an object"),
        pytest.param([TEXT_FILTER], "text", True, id="text is compared with text"),
        pytest.param([TEXT_FILTER], '{"a": "text"}', False, id="JSON is no text"),
        pytest.param(['{"body": ["123"]}'], "123", True, id="a number alone is text"),
        pytest.param(
            ['{"body": {"a": [{"exists": false}]}}'], "text", False, id="absence is looked for in JSON"
        ),
        pytest.param(['{"body": [{"anything-but": "x"}]}'], "{}", False, id="a difference in text"),
        pytest.param([JSON_FILTER, TEXT_FILTER], "text", True, id="one of several filters is enough"),
        pytest.param(
            ['{"$or": [{"body": ["text"]}, {"body": {"a": [1]}}]}'],
            '{"a": 1}',
            True,
            id="a form for each alternative",
        ),
        pytest.param(
            ['{"attributes": {"SenderId": ["me"]}}'], "text", True, id="metadata, whatever the body"
        ),
        pytest.param(
            ['{"attributes": {"SenderId": ["you"]}, "body": ["text"]}'], "text", False, id="metadata and body"
        ),
        pytest.param([TEXT_FILTER], None, False, id="no body is no text"),
        pytest.param([JSON_FILTER], "[" * 50_000, False, id="an abyss of brackets is no JSON"),
    ],
)
def test_messages_are_filtered_by_body_and_metadata(filters: list[str], body: object, expected: bool) -> None:
    criteria = compile_criteria("sqs", filters)
    assert criteria.keeps(message(body)) is expected
    assert criteria.verdict(message(body)).kept is expected


@pytest.mark.parametrize(
    ("pattern", "data", "expected"),
    [
        pytest.param('{"data": {"a": ["é"]}}', '{"a": "é"}'.encode(), True, id="data is decoded JSON"),
        pytest.param('{"data": {"a": [1]}}', b"\xff\xfe", False, id="bytes are no JSON"),
        pytest.param('{"data": [{"exists": true}]}', b"\xff\xfe", False, id="and no text"),
        pytest.param('{"data": {"a": [1]}}', "not base64!", False, id="what is not base64 is neither"),
        pytest.param('{"data": ["plain"]}', b"plain", True, id="data is decoded text"),
        pytest.param(
            '{"partitionKey": ["1"]}', b"\xff", True, id="the fields of kinesis are beside the outer ones"
        ),
        pytest.param('{"eventName": ["aws:kinesis:record"]}', b"", True, id="which are there as well"),
        pytest.param('{"kinesis": {"partitionKey": ["1"]}}', b"", False, id="so there is no kinesis"),
    ],
)
def test_stream_records_are_filtered_flat_and_decoded(
    pattern: str, data: bytes | str, expected: bool
) -> None:
    assert compile_criteria("kinesis", [pattern]).keeps(stream_record(data)) is expected


def test_table_changes_are_filtered_as_they_are() -> None:
    record = {"eventName": "INSERT", "dynamodb": {"NewImage": {"tags": {"L": [{"S": "x"}]}, "n": {"N": "5"}}}}
    kept = ['{"eventName": ["INSERT"]}', '{"dynamodb": {"NewImage": {"tags": {"L": {"S": ["x"]}}}}}']
    for pattern in kept:
        assert compile_criteria("dynamodb", [pattern]).keeps(record)
    assert not compile_criteria("dynamodb", ['{"dynamodb": {"NewImage": {"n": {"N": [5]}}}}']).keeps(record)


def test_filtering_leaves_the_record_as_it_was() -> None:
    record = stream_record(b'{"a": 1}')
    compile_criteria("kinesis", ['{"data": {"a": [1]}}']).keeps(record)
    assert record == stream_record(b'{"a": 1}')


def test_a_verdict_names_the_filter_that_keeps_a_record() -> None:
    criteria = compile_criteria("sqs", [TEXT_FILTER, '{"body": {"a": [2]}}', JSON_FILTER])
    verdict = criteria.verdict(message('{"a": 1}'))
    assert (verdict.kept, verdict.filter_index, verdict.form) == (True, 2, "JSON")
    assert verdict.reasons[0] is None
    assert verdict.reasons[1] is not None
    assert [finding.found for finding in verdict.reasons[1].findings] == [(1,)]


@pytest.mark.parametrize("source", ["sqs", "kinesis", "dynamodb"])
def test_a_filter_that_lambda_refuses_is_named(source: Source) -> None:
    with pytest.raises(InvalidFilter) as caught:
        compile_criteria(source, ['{"eventSource": ["aws:sqs"]}', '{"eventSource": "aws:sqs"}'])
    assert str(caught.value) == INVALID_FILTER == "Invalid filter pattern definition."
    assert caught.value.index == 1
    assert caught.value.problem.reason == '"eventSource" must be an object or an array'
