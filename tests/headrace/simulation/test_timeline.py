"""Values over simulated time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from headrace.simulation.timeline import MOST_STEPS, Timeline

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
DEPTH, ERRORS = ("depth", "messages"), ("errors", "")


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def values(timeline: Timeline, ended: float) -> dict[str, tuple[float, ...]]:
    return {series.name: series.values for series in timeline.series(at(ended))}


def test_a_level_holds_until_the_next_one_and_a_step_keeps_its_highest() -> None:
    timeline = Timeline(BEGAN)
    for seconds, value in [(1, 2), (1.2, 7), (1.4, 3), (4, 1)]:
        timeline.level(DEPTH, value, at(seconds))
    assert values(timeline, 6) == {"depth": (0, 7, 3, 3, 1, 1)}


def test_what_happened_is_summed_for_each_step() -> None:
    timeline = Timeline(BEGAN)
    for seconds in (0, 0.5, 2.5):
        timeline.add(ERRORS, 1, at(seconds))
    assert values(timeline, 4) == {"errors": (2, 0, 1, 0)}


def test_what_lasts_a_moment_is_in_one_step() -> None:
    timeline = Timeline(BEGAN)
    for seconds, value in [(0, 0), (1.1, 1), (2, 0), (3, 0), (4.5, 1), (5, 0)]:
        timeline.level(DEPTH, value, at(seconds))
    assert values(timeline, 6) == {"depth": (0, 1, 0, 0, 1, 0)}


def test_a_known_length_has_as_many_values_as_steps() -> None:
    timeline = Timeline(BEGAN, timedelta(days=30))
    for hour in range(30 * 24 + 1):
        timeline.add(ERRORS, 1, BEGAN + timedelta(hours=hour))
        timeline.level(DEPTH, 3, BEGAN + timedelta(hours=hour))
    found = values(timeline, 30 * 86400)
    assert [len(each) for each in found.values()] == [200, 200]
    assert sum(found["errors"]) == 30 * 24 + 1
    assert set(found["depth"]) == {3}
    assert min(found["errors"]) >= 3


def test_two_steps_become_one_when_they_are_used_up() -> None:
    timeline = Timeline(BEGAN)
    timeline.level(DEPTH, 5, at(1))
    timeline.level(DEPTH, 1, at(3))
    timeline.add(ERRORS, 1, at(0))
    timeline.add(ERRORS, 1, at(1))
    timeline.add(ERRORS, 1, at(MOST_STEPS))
    assert timeline.step == timedelta(seconds=2)
    found = values(timeline, MOST_STEPS)
    assert found["depth"][:3] == (5, 5, 1)
    assert found["errors"][:2] == (2, 0)
    assert found["errors"][-1] == 1
    assert len(found["errors"]) == MOST_STEPS // 2


def test_a_known_length_makes_steps_of_that_length() -> None:
    timeline = Timeline(BEGAN, timedelta(days=30))
    assert timeline.step == timedelta(hours=3, minutes=36)
    assert timeline.next_step(BEGAN) == BEGAN + timedelta(hours=3, minutes=36)


@given(st.lists(st.tuples(st.floats(0, 5000), st.integers(0, 100)), max_size=50))
def test_nothing_that_happened_and_no_peak_is_lost(happened: list[tuple[float, int]]) -> None:
    timeline = Timeline(BEGAN)
    for seconds, value in sorted(happened):
        timeline.add(("sum", ""), value, at(seconds))
        timeline.level(("level", ""), value, at(seconds))
    found = values(timeline, 5000)
    assert sum(found.get("sum", ())) == sum(value for _, value in happened)
    assert max(found.get("level", (0,))) == max((value for _, value in happened), default=0)
    assert all(len(each) <= MOST_STEPS for each in found.values())
