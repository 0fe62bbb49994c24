import json

import pytest
from click.testing import CliRunner

from headrace import fixture_files
from headrace.cli.event import event
from headrace.event_kinds import KINDS


def test_without_a_kind_all_are_listed() -> None:
    result = CliRunner().invoke(event)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [kind.name for kind in KINDS]


def test_an_event_is_printed_with_its_fields_set() -> None:
    result = CliRunner().invoke(
        event, ["s3-put", "--bucket", "photos", "--key", "a b.jpg", "--set", "Records[0].x=[1]"]
    )
    assert result.exit_code == 0
    record = json.loads(result.stdout)["Records"][0]
    assert (record["s3"]["bucket"]["name"], record["s3"]["object"]["key"], record["x"]) == (
        "photos",
        "a+b.jpg",
        [1],
    )


def test_a_value_that_is_not_json_is_text() -> None:
    result = CliRunner().invoke(event, ["sqs", "--set", "Records[0].awsRegion=eu-west-1", "--compact"])
    assert json.loads(result.stdout)["Records"][0]["awsRegion"] == "eu-west-1"
    assert result.stdout.count("\n") == 1


def test_frozen_prints_the_example_as_it_is() -> None:
    example = fixture_files.fixtures() / "sqs" / "message.json"
    assert CliRunner().invoke(event, ["sqs", "--frozen"]).stdout == example.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["s3-putt"], "did you mean s3-put", id="unknown kind"),
        pytest.param(["s3-put", "--size", "big"], "a whole number is needed", id="bad value"),
        pytest.param(["s3-put", "--set", "Records[7].x=1"], "the list has 1 elements", id="bad path"),
        pytest.param(["s3-put", "--set", "x"], "write PATH=VALUE", id="no value"),
        pytest.param(["s3-put", "--body", "x"], "No such option", id="an option of another kind"),
    ],
)
def test_bad_usage_is_explained_with_status_2(arguments: list[str], problem: str) -> None:
    result = CliRunner().invoke(event, arguments)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stdout == ""
