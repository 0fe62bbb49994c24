"""What `[schedules.NAME]` accepts, and where it says what is wrong."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.arn import Account
from triggers.schedule.schedule import Schedule
from triggers.schedule.settings import ScheduleName, ScheduleSettings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RATE = {"expression": "rate(5 minutes)"}
AT = {"expression": "at(2026-01-01T00:00:00)"}


def problems(**options: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        ScheduleSettings(**{"function": "f", **options})
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        pytest.param(RATE, "rule", id="a plain schedule is a rule"),
        pytest.param(RATE | {"timezone": "UTC"}, "scheduler", id="a time zone"),
        pytest.param(RATE | {"group": "batch"}, "scheduler", id="a group"),
        pytest.param(RATE | {"start_date": "2026-01-01T00:00:00Z"}, "scheduler", id="a start date"),
        pytest.param(RATE | {"end_date": "2026-01-01T00:00:00Z"}, "scheduler", id="an end date"),
        pytest.param(RATE | {"flexible_time_window_in_minutes": 5}, "scheduler", id="a flexible window"),
        pytest.param(AT, "scheduler", id="at()"),
        pytest.param(RATE | {"kind": "scheduler"}, "scheduler", id="as given"),
    ],
)
def test_the_kind_is_inferred_from_what_only_the_scheduler_has(options: dict[str, Any], kind: str) -> None:
    assert ScheduleSettings(function="f", **options).resolved_kind == kind


@pytest.mark.parametrize(
    ("options", "place", "message"),
    [
        pytest.param({}, "expression", "Field required", id="an expression is needed"),
        pytest.param(
            {"expression": "cron(0 24 * * ? *)"},
            "expression",
            "Parameter ScheduleExpression is not valid. hours: 0-23, got 24",
            id="AWS's message and the hint",
        ),
        pytest.param(
            {"expression": "cron(0 24 * * ?)", "timezone": "Asia/Tokyo"},
            "expression",
            "Invalid Schedule Expression cron(0 24 * * ?). hours: 0-23, got 24",
            id="the scheduler's message",
        ),
        pytest.param(AT | {"kind": "rule"}, "expression", 'set kind = "scheduler"', id="at() in a rule"),
        pytest.param(
            RATE | {"kind": "rule", "timezone": "UTC"}, "timezone", "no such option", id="a rule has no zone"
        ),
        pytest.param(RATE | {"timezone": "Mars/Base"}, "timezone", "Europe/Berlin, got Mars/Base", id="zone"),
        pytest.param(RATE | {"timezone": "../etc"}, "timezone", "got ../etc", id="a zone that is a path"),
        pytest.param(
            RATE | {"flexible_time_window_in_minutes": 1441},
            "flexible_time_window_in_minutes",
            "less than or equal to 1440",
            id="a window of more than a day",
        ),
        pytest.param(
            RATE | {"start_date": "2026-01-02T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"},
            "end_date",
            "later than start_date",
            id="ends before it starts",
        ),
        pytest.param(RATE | {"input": "{"}, "input", "text that is JSON", id="input that is not JSON"),
        pytest.param(RATE | {"input": "NaN"}, "input", "NaN is not JSON", id="input that JSON does not know"),
        pytest.param(RATE | {"input": 5}, "input", "text that is JSON", id="input that is a number"),
        pytest.param(RATE | {"input": '"' + "x" * 8191 + '"'}, "", "8192 characters", id="a rule's input"),
        pytest.param(
            RATE | {"input": '"' + "ü" * 131_072 + '"', "group": "g"}, "", "262144 bytes", id="any input"
        ),
        pytest.param(RATE | {"missed_runs": "some"}, "missed_runs", "'skip', 'last' or 'all'", id="policy"),
        pytest.param(RATE | {"timezon": "UTC"}, "timezon", "Extra inputs", id="a misspelt option"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, Any], place: str, message: str) -> None:
    assert message in problems(**options)[place]


def test_all_problems_are_reported_at_once() -> None:
    wrong = {"expression": "cron(0 24 * * ?)", "timezone": "Mars", "state": "ON", "input": "{"}
    assert set(problems(**wrong)) == {"expression", "timezone", "state", "input"}


def test_a_wrong_zone_does_not_make_a_right_expression_wrong() -> None:
    assert set(problems(expression="cron(0 8 * * ?)", timezone="Mars")) == {"timezone"}


def test_a_table_as_input_becomes_json() -> None:
    settings = ScheduleSettings.model_validate(RATE | {"function": "f", "input": {"a": [1, "ü"]}})
    assert settings.input == '{"a":[1,"\\u00fc"]}'


def test_a_rule_sends_its_input_as_it_stands() -> None:
    text = '{ "at": "<aws.scheduler.scheduled-time>" }'
    settings = ScheduleSettings(function="f", expression="rate(1 day)", input=text)
    schedule = Schedule.configured("tick", settings, Account())
    assert schedule.payload("id", NOON) == text.encode()


def test_a_date_without_offset_is_utc() -> None:
    settings = ScheduleSettings(function="f", expression="rate(1 day)", start_date=NOON.replace(tzinfo=None))
    assert settings.start_date == NOON


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        pytest.param("nightly-report_1.0", True, id="letters, digits, - _ ."),
        pytest.param("a" * 64, True, id="64 characters"),
        pytest.param("a" * 65, False, id="65 characters"),
        pytest.param("every day", False, id="a blank"),
        pytest.param("nightly\n", False, id="a line end"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_names_are_those_that_both_services_allow(name: str, valid: bool) -> None:
    adapter = TypeAdapter(ScheduleName)
    if valid:
        adapter.validate_python(name)
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(name)
