"""`headrace next`, as its user sees it."""

import json

import pytest
from click.testing import CliRunner, Result

from headrace.cli.next import next_times

FROM = ("--from", "2026-01-01T00:00:00Z")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(next_times, arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            ("cron(0 8 ? * 2#1 *)", "--count", "2"),
            ["Mon 2026-01-05T08:00:00Z   in 4 d 8 h", "Mon 2026-02-02T08:00:00Z"],
            id="a rule is in UTC",
        ),
        pytest.param(
            ("cron(0 8 ? * 2#1 *)", "--count", "2", "--timezone", "Europe/Berlin"),
            [
                "Mon 2026-01-05 08:00:00 CET   2026-01-05T07:00:00Z   in 4 d 7 h",
                "Mon 2026-02-02 08:00:00 CET   2026-02-02T07:00:00Z",
            ],
            id="with a zone both times are shown",
        ),
        pytest.param(
            ("rate(90 minutes)", "--count", "2"),
            ["Thu 2026-01-01T01:30:00Z   in 1 h 30 min", "Thu 2026-01-01T03:00:00Z"],
            id="a rule's rate runs after one interval",
        ),
        pytest.param(
            ("rate(90 minutes)", "--count", "2", "--kind", "scheduler"),
            ["Thu 2026-01-01T00:00:00Z   at once", "Thu 2026-01-01T01:30:00Z"],
            id="the scheduler's rate runs at once",
        ),
        pytest.param(
            ("at(2026-01-01T00:00:40)",), ["Thu 2026-01-01T00:00:40Z   in 40 s"], id="at is the scheduler's"
        ),
        pytest.param(
            ("cron(0 0 30 2 ? *)",),
            ["cron(0 0 30 2 ? *) does not come due after 2026-01-01T00:00:00Z."],
            id="one that never comes due says so",
        ),
    ],
)
def test_the_next_times_are_listed(arguments: tuple[str, ...], expected: list[str]) -> None:
    result = run(*arguments, *FROM)
    assert (result.exit_code, result.stdout.splitlines()) == (0, expected)


def test_five_times_from_now_without_options() -> None:
    result = run("rate(1 minute)")
    assert len(result.stdout.splitlines()) == 5
    assert "in 1 min" in result.stdout


def test_a_moment_without_offset_is_in_the_zone() -> None:
    result = run(
        "cron(0 8 * * ? *)", "--timezone", "Asia/Tokyo", "--from", "2026-01-01T07:00", "--count", "1"
    )
    assert result.stdout == "Thu 2026-01-01 08:00:00 JST   2025-12-31T23:00:00Z   in 1 h\n"


def test_json_is_one_document() -> None:
    result = run("cron(0 8 * * ? *)", "--timezone", "Europe/Berlin", "--count", "1", "--json", *FROM)
    assert json.loads(result.stdout) == {
        "expression": "cron(0 8 * * ? *)",
        "kind": "scheduler",
        "timezone": "Europe/Berlin",
        "from": "2026-01-01T00:00:00Z",
        "runs": [{"utc": "2026-01-01T07:00:00Z", "local": "2026-01-01T08:00:00+01:00"}],
    }


def test_an_invalid_expression_shows_awss_message_and_the_hint() -> None:
    result = run("cron(0 24 * * ? *)")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "Parameter ScheduleExpression is not valid.\nhours: 0-23, got 24\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--timezone", "Mars/Base"), "Mars/Base is not in the IANA", id="an unknown zone"),
        pytest.param(("--from", "tomorrow"), "such as 2026-01-31T09:30", id="a moment that is none"),
        pytest.param(("--kind", "rule", "--timezone", "UTC"), "a rule runs in UTC", id="a rule with a zone"),
        pytest.param(("--count", "0"), "0 is not in the range", id="no times"),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], message: str) -> None:
    result = run("rate(1 day)", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
