"""What the command line takes for moments and speeds."""

from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from headrace.cli.moment import MOMENT
from headrace.cli.run import run


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-03-01T08:00Z", datetime(2026, 3, 1, 8, tzinfo=UTC), id="UTC"),
        pytest.param(
            "2026-03-01T08:00", datetime(2026, 3, 1, 8, tzinfo=UTC), id="UTC unless it says otherwise"
        ),
        pytest.param("2026-03-01T08:00+02:00", datetime(2026, 3, 1, 6, tzinfo=UTC), id="an offset"),
        pytest.param("1971-01-01", datetime(1971, 1, 1, tzinfo=UTC), id="the first"),
        pytest.param("2200-01-01", datetime(2200, 1, 1, tzinfo=UTC), id="the last"),
    ],
)
def test_moments_are_read(text: str, moment: datetime) -> None:
    assert MOMENT.convert(text, None, None) == moment


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("soon", "a date and time such as", id="no moment"),
        pytest.param("2026-02-30T00:00Z", "a date and time such as", id="no such day"),
        pytest.param("1970-12-31T23:59:59Z", "from 1971 to 2200", id="before what a store can look back to"),
        pytest.param("9999-12-31T12:00Z", "from 1971 to 2200", id="after what the store can hold"),
        pytest.param("0001-01-01T00:00+14:00", "a date and time such as", id="before all calendars"),
    ],
)
def test_what_is_no_moment_is_told(text: str, told: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        MOMENT.convert(text, None, None)
    assert told in caught.value.message


@pytest.mark.parametrize("speed", ["nan", "inf", "0", "-1", "fast"])
def test_what_is_no_speed_is_refused(speed: str) -> None:
    done = CliRunner().invoke(run, ["--speed", speed])
    assert done.exit_code == 2
    assert "--speed" in done.output
