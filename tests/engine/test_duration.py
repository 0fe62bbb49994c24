"""Durations as text."""

from datetime import timedelta

import pytest

from engine.duration import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("90s", timedelta(seconds=90), id="seconds"),
        pytest.param("1h30m", timedelta(minutes=90), id="units add up"),
        pytest.param("2d", timedelta(days=2), id="days"),
        pytest.param("1w", timedelta(weeks=1), id="weeks"),
        pytest.param("120ms", timedelta(milliseconds=120), id="milliseconds are no minutes"),
        pytest.param("1m5ms", timedelta(minutes=1, milliseconds=5), id="minutes beside milliseconds"),
        pytest.param("0.5s", timedelta(milliseconds=500), id="a fraction"),
        pytest.param("0s", timedelta(), id="nothing"),
    ],
)
def test_a_duration_is_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "90", "s", "-5s", "5 s", "1h 30m", "5y", "٣s", "99999999999w"])
def test_what_is_no_duration_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="a duration") as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        pytest.param(timedelta(), "0s", id="nothing"),
        pytest.param(timedelta(milliseconds=120), "120ms", id="milliseconds"),
        pytest.param(timedelta(seconds=90), "1m 30s", id="two units"),
        pytest.param(timedelta(days=30), "30d", id="whole days"),
        pytest.param(timedelta(days=2, hours=3, seconds=5), "2d 3h", id="the two largest"),
        pytest.param(timedelta(hours=1, seconds=5), "1h", id="nothing smaller after a gap"),
        pytest.param(timedelta(seconds=-5), "-5s", id="backwards"),
        pytest.param(timedelta(microseconds=5), "0s", id="less than a millisecond"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(duration: timedelta, expected: str) -> None:
    assert duration_text(duration) == expected
