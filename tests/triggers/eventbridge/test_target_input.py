"""What targets get of an event. The odd cases are as recorded on AWS."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from triggers.eventbridge.errors import InvalidParameter
from triggers.eventbridge.event import BusEvent
from triggers.eventbridge.json_path import MISSING, InvalidPath, follow, parse_path
from triggers.eventbridge.target import read_target
from triggers.eventbridge.target_input import Sender

DETAIL = {
    "command": "update-account",
    "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"},
    "list": [{"n": 1}, {"n": 2}],
    "quote": 'say "hi"',
    "total": 1.50,
    "nothing": None,
}
EVENT = {
    "version": "0",
    "id": "i",
    "detail-type": "core.update-account-command",
    "source": "shop",
    "account": "1",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": DETAIL,
}
SENDER = Sender("r", "arn:aws:events:us-east-1:1:rule/r", datetime(2026, 1, 2, tzinfo=UTC))
PATHS = {
    "detail-type": "$.detail-type",
    "command": "$.detail.command",
    "payload": "$.detail.payload",
    "missing": "$.detail.missing",
    "quote": "$.detail.quote",
    "total": "$.detail.total",
    "nothing": "$.detail.nothing",
}


def body(**given: Any) -> str:
    target = read_target({"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q", **given})
    return target.input.body(BusEvent(json.dumps(EVENT).encode()), SENDER).decode()


def test_the_whole_event_is_sent_as_it_is() -> None:
    assert body() == json.dumps(EVENT)


def test_an_input_is_sent_as_it_stands() -> None:
    assert body(Input='{ "a": 1.0 }') == '{ "a": 1.0 }'


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("$", EVENT, id="everything"),
        pytest.param("$.detail.payload", DETAIL["payload"], id="an object"),
        pytest.param("$.detail.payload.sf_id", "baz", id="a string keeps its quotes"),
        pytest.param("$.detail-type", "core.update-account-command", id="a name with a hyphen"),
        pytest.param("$['detail']['command']", "update-account", id="names in brackets"),
        pytest.param("$.detail.list[1].n", 2, id="an element"),
        pytest.param("$.detail.list[*].n", [1, 2], id="all elements"),
        pytest.param("$.detail.missing", None, id="nowhere"),
    ],
)
def test_an_input_path_sends_a_part(path: str, expected: Any) -> None:
    assert json.loads(body(InputPath=path)) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param(
            '"Event of <detail-type> type, info <command>"',
            '"Event of core.update-account-command type, info update-account"',
            id="values within a text",
        ),
        pytest.param('"info <missing>"', '"info "', id="a missing value within a text is nothing"),
        pytest.param('{"a": <missing>}', '{"a": ""}', id="a missing value by itself is an empty string"),
        pytest.param('{"a": <command>}', '{"a": "update-account"}', id="a string by itself has quotes"),
        pytest.param(
            '{"a": "<payload>"}', '{"a": "{acc_id:0a787ecb-4015,sf_id:baz}"}', id="object in a text"
        ),
        pytest.param(
            '{"a": <payload>}', '{"a": {"acc_id":"0a787ecb-4015","sf_id":"baz"}}', id="object by itself"
        ),
        pytest.param('{"a": "<quote>"}', '{"a": "say \\"hi\\""}', id="quotes in a text are escaped"),
        pytest.param('{"a": <total>, "b": <nothing>}', '{"a": 1.5, "b": null}', id="number and null"),
        pytest.param('"{[/special <detail-type>"', '"{[/special core.update-account-command"', id="specials"),
        pytest.param(
            '{"n": <aws.events.rule-name>, "t": "<aws.events.event.ingestion-time>"}',
            '{"n": "r", "t": "2026-01-02T00:00:00Z"}',
            id="what is predefined",
        ),
        pytest.param('{"a": "\\"<command>\\""}', '{"a": "\\"update-account\\""}', id="escaped quotes"),
    ],
)
def test_a_template_is_filled_in(template: str, expected: str) -> None:
    assert body(InputTransformer={"InputPathsMap": PATHS, "InputTemplate": template}) == expected


def test_the_predefined_events_are_with_and_without_detail() -> None:
    template = '{"short": <aws.events.event>, "whole": <aws.events.event.json>}'
    found = json.loads(body(InputTransformer={"InputTemplate": template}))
    assert found["whole"] == EVENT
    keys = ["id", "account", "detailType", "time", "source", "region", "resources", "version"]
    assert list(found["short"]) == keys


@pytest.mark.parametrize("path", ["detail", "$detail", "$.", "$.a[", "$.a[x]", "$.a..b"])
def test_paths_that_cannot_be_read(path: str) -> None:
    with pytest.raises(InvalidPath):
        parse_path(path)
    with pytest.raises(InvalidParameter):
        body(InputPath=path)


def test_a_path_into_what_has_no_members_finds_nothing() -> None:
    assert follow({"a": 1}, parse_path("$.a.b")) is MISSING
    assert follow({"a": []}, parse_path("$.a[0]")) is MISSING
    assert follow({"a": 1}, parse_path("$.a[*]")) is MISSING
