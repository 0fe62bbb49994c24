"""Where the clock of a run begins, and what is said of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.clock import SimulatorLoop, real_present, running_clock
from engine.feed import Fact, Feed, Notice
from engine.steered_loops import HurriedLoop, ManualLoop
from headrace.clock_file import ClockFile
from headrace.running_time import RunningTime, TimeWouldGoBack

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE = datetime(2099, 1, 1, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)


def begin(time: RunningTime, state: Path) -> datetime:
    """Return the moment at which a loop of this kind begins."""
    loop = time.loop_factory(state)()
    try:
        return loop.wall()
    finally:
        loop.close()


def reach(state: Path, moment: datetime) -> None:
    """Let the clock of the state folder have come so far."""
    file = ClockFile(state)
    file.note(moment)
    file.close()


@pytest.mark.parametrize(
    ("time", "kind"),
    [
        pytest.param(RunningTime(), SimulatorLoop, id="live"),
        pytest.param(RunningTime(speed=0.5), HurriedLoop, id="slowed"),
        pytest.param(RunningTime(manual=True), ManualLoop, id="by hand"),
    ],
)
def test_each_way_has_its_loop_and_begins_at_the_present(
    time: RunningTime, kind: type[SimulatorLoop], tmp_path: Path
) -> None:
    loop = time.loop_factory(tmp_path)()
    assert type(loop) is kind
    assert abs(loop.wall() - real_present()) < A_MINUTE
    loop.close()


def test_a_manual_clock_goes_on_where_it_was_or_later(tmp_path: Path) -> None:
    reach(tmp_path, PAST)
    assert begin(RunningTime(manual=True), tmp_path) == PAST
    assert begin(RunningTime(manual=True, begin=FUTURE), tmp_path) == FUTURE
    with pytest.raises(TimeWouldGoBack, match="has been used until 2020-01-01T00:00:00"):
        begin(RunningTime(manual=True, begin=PAST - A_MINUTE), tmp_path)


def test_a_manual_clock_does_not_begin_before_a_live_run_has_ended(tmp_path: Path) -> None:
    (tmp_path / "headrace.db").touch()
    with pytest.raises(TimeWouldGoBack):
        begin(RunningTime(manual=True, begin=PAST), tmp_path)
    assert begin(RunningTime(manual=True, begin=FUTURE), tmp_path) == FUTURE


def test_a_hurried_clock_is_never_behind_the_present(tmp_path: Path) -> None:
    reach(tmp_path, PAST)
    assert abs(begin(RunningTime(speed=2), tmp_path) - real_present()) < A_MINUTE
    reach(tmp_path, FUTURE)
    assert FUTURE <= begin(RunningTime(speed=2), tmp_path) < FUTURE + A_MINUTE


def test_a_hurried_clock_is_kept_ahead_of_what_it_shows_and_exactly_at_the_end(tmp_path: Path) -> None:
    time = RunningTime(speed=100)

    async def main() -> datetime:
        clock = running_clock()
        with time.kept(tmp_path, clock, Feed()):
            ahead = ClockFile(tmp_path).reached()
            assert ahead is not None
            assert ahead - clock.now() > timedelta(seconds=100)
        return clock.now()

    with asyncio.Runner(loop_factory=time.loop_factory(tmp_path)) as runner:
        ended = runner.run(main())
    reached = ClockFile(tmp_path).reached()
    assert reached is not None
    assert timedelta(0) <= ended - reached < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("moment", "notices"),
    [
        pytest.param(PAST, 0, id="the wall clock has overtaken it"),
        pytest.param(FUTURE, 1, id="it is ahead of the wall clock"),
    ],
)
def test_a_live_run_leaves_a_steered_clock_behind_or_says_that_it_is_ahead(
    moment: datetime, notices: int, tmp_path: Path
) -> None:
    reach(tmp_path, moment)
    told: list[Fact] = []
    feed = Feed()
    feed.tap(told.append)

    async def main() -> None:
        with RunningTime().kept(tmp_path, running_clock(), feed):
            pass

    with asyncio.Runner(loop_factory=SimulatorLoop) as runner:
        runner.run(main())
    assert len([fact for fact in told if isinstance(fact, Notice)]) == notices
    assert (ClockFile(tmp_path).reached() is None) == (not notices)


def test_a_clock_that_cannot_be_kept_is_told_of_once(tmp_path: Path) -> None:
    told: list[Fact] = []
    feed = Feed()
    feed.tap(told.append)
    time = RunningTime(manual=True, begin=PAST)
    missing = tmp_path / "missing"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        with time.kept(missing, running_clock(), feed):
            loop.move_to(PAST + A_MINUTE)

    with asyncio.Runner(loop_factory=time.loop_factory(missing)) as runner:
        runner.run(main())
    (notice,) = told
    assert isinstance(notice, Notice)
    assert notice.level == "error"
