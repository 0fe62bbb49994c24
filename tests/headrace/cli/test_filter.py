"""`headrace filter`, as its user sees it."""

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.filter import filter_events

PATTERN = '{"detail": {"state": ["running", {"prefix": "p"}], "count": [{"numeric": [">", 3]}]}}'


def run(*arguments: str, standard_input: str | None = None) -> Result:
    return CliRunner().invoke(filter_events, arguments, input=standard_input)


def test_a_match_shows_every_leaf() -> None:
    result = run(PATTERN, '{"detail": {"state": "pending", "count": 4.0}}')
    assert result.exit_code == 0
    assert result.output == (
        "match\n"
        '  detail.count is 4.0, allowed by [{"numeric": [">", 3]}]\n'
        '  detail.state is "pending", allowed by ["running", {"prefix": "p"}]\n'
    )


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        pytest.param(
            PATTERN,
            '{"detail": {"state": "stopped", "count": 4}}',
            ['  detail.state is "stopped", not allowed by ["running", {"prefix": "p"}]'],
            id="the leaf that decides",
        ),
        pytest.param(
            PATTERN, "{}", ['  detail.count has no value, not allowed by [{"numeric": [">", 3]}]'], id="none"
        ),
        pytest.param(
            '{"a": [0]}',
            '{"a": [1, 2, 3, 4, 5, 6]}',
            ["  a is 1, 2, 3, 4 and 2 more, not allowed by [0]"],
            id="many",
        ),
        pytest.param(
            '{"a": {"b": [1], "c": [2]}}',
            '{"a": [{"b": 1}, {"c": 2}]}',
            ["  a.c is 2, but in another element of the array than the fields before it"],
            id="array consistency",
        ),
        pytest.param(
            '{"$or": [{"a": [1]}, {"b": [2]}]}',
            '{"b": 3}',
            ["  a has no value, not allowed by [1]", "  b is 3, not allowed by [2]"],
            id="each alternative",
        ),
        pytest.param('{"a": [1]}', "[]", ["  the event is not an object"], id="an event that is none"),
    ],
)
def test_no_match_shows_what_decides(pattern: str, event: str, expected: list[str]) -> None:
    result = run(pattern, event)
    assert result.exit_code == 1
    assert result.output.splitlines() == ["no match", *expected]


def test_patterns_and_events_come_from_files_and_standard_input(tmp_path: Path) -> None:
    pattern, event = tmp_path / "pattern.json", tmp_path / "event.json"
    pattern.write_text('{"a": ["é"]}', encoding="utf-8")
    event.write_text('{"a": "é"}', encoding="utf-16")
    assert run(str(pattern), str(event)).exit_code == 0
    assert run(f"@{pattern}", "-", standard_input='{"a": "é"}').exit_code == 0
    assert run("-", f"@{event}", standard_input='{"a": ["e"]}').exit_code == 1


def test_json_output_is_for_programs() -> None:
    result = run('{"a": [{"exists": true}]}', '{"a": [1, 4444444444444444444444, "x"]}', "--json")
    assert json.loads(result.output) == {
        "match": True,
        "leaves": [
            {
                "path": "a",
                "matches": True,
                "allowed": '[{"exists": true}]',
                "found": [1, "4444444444444444444444", "x"],
                "in_another_element": False,
            }
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        pytest.param(
            ('{"a": []}', "{}"),
            ["Event pattern is not valid. Reason: Empty arrays are not allowed", "PATTERN:1:7"],
            id="an invalid pattern with AWS's message and its place",
        ),
        pytest.param(
            ('{"body": []}', '{"Records": []}', "--source", "sqs"),
            ["Invalid filter pattern definition.", "Empty arrays are not allowed", "PATTERN:1:10"],
            id="an invalid filter with Lambda's message",
        ),
        pytest.param(
            ('{"Filters": [{"Pattern": "{}"}]}', '{"Records": []}', "--source", "sqs"),
            [
                "Invalid filter pattern definition.",
                "Empty objects are not allowed",
                "PATTERN: Filters[0].Pattern:1:1",
            ],
            id="an invalid filter among criteria",
        ),
    ],
)
def test_an_invalid_pattern_ends_with_status_2(arguments: tuple[str, ...], lines: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(('{"a": [1]}', '{"a": 1,}'), "EVENT:1:", id="an event that is not JSON"),
        pytest.param(('{"a": [1]}', "event.json"), "there is no file event.json", id="no such file"),
        pytest.param(
            ('{"a": [1]}', "@event.json"), "event.json cannot be read", id="no such file, said plainly"
        ),
        pytest.param(('{"a": [1]}', "."), ". cannot be read", id="a folder"),
        pytest.param(("-", "-"), "only one of PATTERN and EVENT", id="one standard input for both"),
        pytest.param(('{"a": [1]}', "{}", "--source", "sqs"), "it has no list of Records", id="no records"),
        pytest.param(('{"a": [1]}', "[5]", "--source", "sqs"), "it has no list of Records", id="no objects"),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def queue_event(*bodies: str) -> str:
    return json.dumps({"Records": [{"messageId": "1", "body": body} for body in bodies]})


def test_records_are_filtered_as_a_mapping_does() -> None:
    result = run('{"body": {"a": [1]}}', queue_event('{"a": 1}', '{"a": 2}', "text"), "--source", "sqs")
    assert result.exit_code == 0
    assert result.output == (
        "0  kept     body.a is 1, allowed by [1]\n"
        "1  dropped  body.a is 2, not allowed by [1]\n"
        "2  dropped  body is text, the filter wants JSON\n"
    )


def test_criteria_have_several_filters() -> None:
    criteria = json.dumps({"Filters": [{"Pattern": '{"body": ["x"]}'}, {"Pattern": '{"body": ["y"]}'}]})
    result = run(criteria, queue_event("y", "z"), "--source", "sqs")
    assert result.output == (
        '0  kept     Filters[1]: body is "y", allowed by ["y"]\n'
        '1  dropped  body is "z", not allowed by ["x"]; body is "z", not allowed by ["y"]\n'
    )


def test_without_filters_every_record_is_kept() -> None:
    assert (
        run('{"Filters": []}', queue_event("x"), "--source", "sqs").output
        == "0  kept     there is no filter\n"
    )


def test_all_dropped_is_no_match() -> None:
    data = base64.b64encode(b"\xff").decode()
    result = run(
        '{"data": ["x"]}', json.dumps([{"kinesis": {"data": data}}]), "--source", "kinesis", "--json"
    )
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "kept": 0,
        "dropped": 1,
        "records": [
            {
                "record": 0,
                "kept": False,
                "filter": None,
                "why": "data is neither JSON nor text, the filter wants JSON or text",
            }
        ],
    }
