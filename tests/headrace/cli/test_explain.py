"""`headrace explain`: which mapping, which records, and why."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.explain import explain

CONFIGURATION = """
[functions.work]
handler = "handler.handler"
code = "work"

[functions.count]
handler = "handler.handler"
code = "work"

[queues.jobs]

[queues."orders.fifo"]

[streams.clicks]

[tables.people]
database = "app.db"

[[event_source_mappings]]
source = "queues.jobs"
function = "work"
filter_criteria = { filters = [{ pattern = '{"body": {"kind": ["order"]}}' }] }

[[event_source_mappings]]
source = "arn:aws:sqs:us-east-1:000000000000:orders.fifo"
function = "functions.count"

[[event_source_mappings]]
source = "streams.clicks"
function = "count"
starting_position = "LATEST"
filter_criteria = { filters = [{ pattern = '{"data": {"page": [1]}}' }] }

[[event_source_mappings]]
source = "tables.people"
function = "count"
starting_position = "LATEST"
filter_criteria = { filters = [{ pattern = '{"eventName": ["REMOVE"]}' }] }
"""
ORDER, OTHER = {"body": '{"kind": "order"}'}, {"body": '{"kind": "other"}'}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    return tmp_path / "headrace.toml"


def run(configuration: Path, event: object, *options: str) -> Result:
    return CliRunner().invoke(explain, [json.dumps(event), "--config", str(configuration), *options])


def test_each_record_is_told_with_the_field_that_decides(configuration: Path) -> None:
    result = run(configuration, {"Records": [ORDER, OTHER, {"body": "text"}]}, "--mapping", "jobs")
    assert result.exit_code == 0
    assert result.stdout == (
        '0  kept     body.kind is "order", allowed by ["order"]\n'
        '1  dropped  body.kind is "other", not allowed by ["order"]\n'
        "2  dropped  body is text, the filter wants JSON\n"
    )


def test_a_program_gets_json_and_status_1_when_nothing_is_kept(configuration: Path) -> None:
    result = run(configuration, {"Records": [OTHER]}, "--mapping", "0", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["kept"], told["dropped"], told["records"][0]["filter"]) == (0, 1, None)


@pytest.mark.parametrize(
    ("mapping", "event"),
    [
        pytest.param("queues.jobs", ORDER, id="its source"),
        pytest.param("jobs", ORDER, id="its source without the kind"),
        pytest.param("work", ORDER, id="its function"),
        pytest.param("functions.work", ORDER, id="its function with the kind"),
        pytest.param("0", ORDER, id="its number"),
        pytest.param("queues.orders.fifo", OTHER, id="a source that is configured by its ARN"),
        pytest.param("arn:aws:sqs:us-east-1:000000000000:orders.fifo", OTHER, id="its source's ARN"),
        pytest.param("clicks", {"kinesis": {"data": "eyJwYWdlIjogMX0="}}, id="a stream, its data decoded"),
        pytest.param("people", {"eventName": "REMOVE", "dynamodb": {}}, id="a table"),
    ],
)
def test_a_mapping_is_called_by(configuration: Path, mapping: str, event: object) -> None:
    result = run(configuration, {"Records": [event]}, "--mapping", mapping)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("0  kept")


@pytest.mark.parametrize(
    ("event", "options", "problem"),
    [
        pytest.param(ORDER, [], "which mapping? There are:\n  0  queues.jobs → work\n", id="not said"),
        pytest.param(ORDER, ["--mapping", "count"], "which mapping?", id="a function with several"),
        pytest.param(ORDER, ["--mapping", "job"], "there is no mapping 'job'. There are:", id="unknown"),
        pytest.param(ORDER, ["--mapping", "4"], "there is no mapping '4'. There are:", id="no such number"),
        pytest.param(
            ORDER | {"eventSource": "aws:sqs"},
            ["--mapping", "clicks"],
            "Records[0].eventSource is 'aws:sqs', but streams.clicks has records of 'aws:kinesis'",
            id="an event of another kind of source",
        ),
    ],
)
def test_a_mistake_is_answered_with_status_2(
    configuration: Path, event: object, options: list[str], problem: str
) -> None:
    result = run(configuration, {"Records": [event]}, *options)
    assert result.exit_code == 2
    assert problem in result.stderr


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        pytest.param({"Records": []}, "EVENT has no records", id="none"),
        pytest.param({"detail": {}}, "it has no list of Records", id="an event of another kind"),
    ],
)
def test_an_event_without_records_is_refused(configuration: Path, event: object, problem: str) -> None:
    result = run(configuration, event, "--mapping", "jobs")
    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_configuration_without_mappings_has_nothing_to_explain(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("[queues.jobs]\n")
    result = run(tmp_path / "headrace.toml", {"Records": [ORDER]})
    assert result.exit_code == 2
    assert "the configuration has no event source mapping" in result.stderr
