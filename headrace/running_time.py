"""How time passes in `headrace run`: as it does, faster, or only when somebody moves it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from engine.clock import Clock, SimulatorLoop, Timer, iso_millis, real_present
from engine.duration import duration_text
from engine.errors import HeadraceError
from engine.feed import Feed, Notice
from engine.value import dataclass
from headrace.clock_file import ClockFile

NOTE_EVERY_SECONDS = 1.0  # of real time, how far a hurried clock has come


class TimeWouldGoBack(HeadraceError):
    """A clock was to begin before the moment that the state folder has reached."""

    def __init__(self, state: Path, begin: datetime, used_until: datetime) -> None:
        super().__init__(
            f"the state folder {state} has been used until {iso_millis(used_until)}, so that its clock cannot"
            f" begin at {iso_millis(begin)}: begin later, or with another state folder"
        )


@dataclass(frozen=True, slots=True)
class RunningTime:
    """`speed` is how fast time passes; a `manual` clock stands still, and starts at `begin` if that is given.

    The clock of a state folder never goes back: a steered one goes on where the last one was.
    """

    speed: float = 1.0
    manual: bool = False
    begin: datetime | None = None

    def loop_factory(self, state: Path) -> Callable[[], SimulatorLoop]:
        """Return what makes the event loop. Raises TimeWouldGoBack."""
        if not self.manual and self.speed == 1.0:
            return SimulatorLoop
        from engine.steered_loops import HurriedLoop, ManualLoop

        file, present = ClockFile(state), real_present()
        reached = file.reached()
        if not self.manual:
            return partial(HurriedLoop, self.speed, max(present, reached or present))
        used_until = file.used_until()
        if self.begin is not None and used_until is not None and self.begin < used_until:
            raise TimeWouldGoBack(state, self.begin, used_until)
        return partial(ManualLoop, self.begin or reached or present)

    @contextmanager
    def kept(self, state: Path, clock: Clock, feed: Feed) -> Iterator[None]:
        """Keep in the state folder, which is there, how far time has come while this is entered."""
        file = ClockFile(state)
        if not self.manual and self.speed == 1.0:
            _leave_behind(file, clock, feed)
            yield
            return
        keeper = _Keeper(file, clock, feed)
        if self.manual:
            keeper.follow_moves()
        else:
            keeper.note_now_and_then(timedelta(seconds=self.speed * NOTE_EVERY_SECONDS))
        try:
            yield
        finally:
            keeper.close()


class _Keeper:
    """Writes down how far a steered clock has come. A disk that is full is told of once."""

    def __init__(self, file: ClockFile, clock: Clock, feed: Feed) -> None:
        self._file = file
        self._clock = clock
        self._feed = feed
        self._timer: Timer | None = None
        self._told = False

    def follow_moves(self) -> None:
        from engine.steered_loops import ManualLoop

        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        self._note(self._clock.now())
        loop.on_move = self._note

    def note_now_and_then(self, ahead: timedelta) -> None:
        """Note what will be reached at the most by the next time, in case there is none."""
        self._note(self._clock.now() + 2 * ahead)
        self._timer = self._clock.world.call_after(NOTE_EVERY_SECONDS, partial(self.note_now_and_then, ahead))

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._note(self._clock.now())
        self._file.close()

    def _note(self, moment: datetime) -> None:
        try:
            self._file.note(moment)
        except OSError as error:
            if not self._told:
                self._told = True
                text = f"how far it has come cannot be kept in the state folder: {error}"
                self._feed.publish(Notice(self._clock.now(), "error", "clock", text))


def _leave_behind(file: ClockFile, clock: Clock, feed: Feed) -> None:
    """Forget a steered clock that the wall clock has overtaken; say so when it has not."""
    reached, now = file.reached(), clock.now()
    if reached is None or reached <= now:
        file.forget()
        return
    left = duration_text(reached - now)
    text = (
        f"this state folder has reached {iso_millis(reached)} with a clock of its own: what is dated by it"
        f" waits for {left}; go on with `--clock manual` or `--speed`, or take another state folder"
    )
    feed.publish(Notice(now, "warning", "clock", text))
