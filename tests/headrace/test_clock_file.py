"""The moment that a state folder's clock has reached."""

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from headrace.clock_file import CLOCK_FILE, ClockFile

MOMENT = datetime(2026, 3, 1, 8, 0, 0, 123_456, tzinfo=UTC)


def test_the_last_moment_is_read_again(tmp_path: Path) -> None:
    file = ClockFile(tmp_path)
    for moment in (MOMENT, MOMENT + timedelta(days=400), MOMENT + timedelta(seconds=1)):
        file.note(moment)
        assert ClockFile(tmp_path).reached() == moment
    file.close()
    file.close()
    assert ClockFile(tmp_path).used_until() == MOMENT + timedelta(seconds=1)


def test_a_folder_that_had_no_steered_clock_was_used_until_its_store_was_written(tmp_path: Path) -> None:
    file = ClockFile(tmp_path)
    assert file.reached() is None
    assert file.used_until() is None
    (tmp_path / "headrace.db").touch()
    os.utime(tmp_path / "headrace.db", (MOMENT.timestamp(), MOMENT.timestamp()))
    assert file.reached() is None
    assert file.used_until() == MOMENT


@pytest.mark.parametrize("text", ["", "soon", "2026-03-01T08:00:00"])
def test_what_is_no_moment_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / CLOCK_FILE).write_text(text)
    assert ClockFile(tmp_path).reached() is None


def test_another_offset_is_another_way_to_say_it(tmp_path: Path) -> None:
    (tmp_path / CLOCK_FILE).write_text(MOMENT.astimezone(timezone(timedelta(hours=2))).isoformat())
    assert ClockFile(tmp_path).reached() == MOMENT


def test_a_moment_can_be_forgotten(tmp_path: Path) -> None:
    file = ClockFile(tmp_path)
    file.note(MOMENT)
    file.close()
    file.forget()
    file.forget()
    assert file.reached() is None
