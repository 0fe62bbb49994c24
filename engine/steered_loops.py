"""Event loops of live programs whose time is not the wall clock's: hurried, or moved by hand.

Whatever waits on either through the clock or asyncio follows it. The real world goes on beside: sockets,
threads and child processes answer when they do, and limits on them are real.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from engine.clock import PlatformLoop, SimulatorLoop, Timer, VirtualTimeLoop

LONGEST_SELECT_SECONDS = 86_400.0  # the kernel's own limit is not much higher


class HurriedLoop(SimulatorLoop):
    """A loop whose time begins at `start` and passes `speed` times as fast as it really does."""

    is_steered = True

    def __init__(self, speed: float, start: datetime) -> None:
        self.speed = speed
        self._start = start
        self._elapsed = 0.0  # at the moment `_since` of the platform's clock
        self._since = super().time()
        super().__init__()
        self._selector = _DividingSelector(self._selector, self)

    def time(self) -> float:
        """Return the hurried seconds since the loop was made."""
        return self._elapsed + (super().time() - self._since) * self.speed

    def wall(self) -> datetime:
        """Return the hurried moment, aware UTC."""
        return self._start + timedelta(seconds=self.time())

    def longest_nap(self) -> float:
        """Its timers never drift from `wall()`."""
        return float("inf")

    def call_after_real(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many real seconds."""
        return self.call_later(seconds * self.speed, callback)

    def world_wall(self) -> datetime:
        """Return the real moment."""
        return super().wall()

    def call_after_in_world(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many real seconds."""
        return self.call_after_real(seconds, callback)

    def let_go(self) -> None:
        """Go on at the pace of the wall clock."""
        self._elapsed, self._since = self.time(), super().time()
        self.speed = 1.0


class _DividingSelector:
    """Waits for real seconds where the loop asks for its own."""

    def __init__(self, selector: Any, loop: HurriedLoop) -> None:
        self._selector = selector
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None:
            timeout = min(timeout / self._loop.speed, LONGEST_SELECT_SECONDS)
        return self._selector.select(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


class ManualLoop(VirtualTimeLoop):
    """A loop whose time stands still until somebody moves it. `on_move` is told every new moment."""

    is_steered = True

    def __init__(self, start: datetime, on_move: Callable[[datetime], object] = lambda _: None) -> None:
        self.on_move = on_move
        self._let_go_at: float | None = None
        super().__init__(start)

    def time(self) -> float:
        """Return the seconds that it has been moved since it was made."""
        if self._let_go_at is None:
            return self._elapsed
        return self._elapsed + PlatformLoop.time(self) - self._let_go_at

    def wall(self) -> datetime:
        """Return the moment that it has been moved to, aware UTC."""
        return self._start + timedelta(seconds=self.time())

    def world_wall(self) -> datetime:
        """Return the real moment."""
        return super(VirtualTimeLoop, self).wall()

    def call_after_real(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many real seconds, which pass all the while."""
        if self._let_go_at is None:
            return super().call_after_real(seconds, callback)
        return self.call_later(seconds, callback)

    def call_after_in_world(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many real seconds."""
        return self.call_after_real(seconds, callback)

    def next_timer_at(self) -> datetime | None:
        """Return the moment of the next timer, None when nothing waits for its time."""
        timer = self._next_timer()
        return None if timer is None else self._start + timedelta(seconds=timer.when())

    def move_to(self, moment: datetime) -> None:
        """Let it be `moment`, never one that has passed.

        Who moves it past a timer makes that one late: move to `next_timer_at()` and wait until all is idle.
        """
        elapsed = (moment - self._start).total_seconds()
        timer = self._next_timer()
        if timer is not None and abs(timer.when() - elapsed) < timedelta.resolution.total_seconds():
            elapsed = max(elapsed, timer.when())  # moments are rounded to microseconds
        self._pass_to(elapsed)
        self.on_move(self.wall())

    def let_go(self) -> None:
        """Go on at the pace of the wall clock."""
        if self._let_go_at is None:
            now = self._let_go_at = PlatformLoop.time(self)
            for due, _, timer in self._real_timers:
                self.call_later(max(0.0, due - now), timer.run)
            self._real_timers.clear()

    def _run_once(self) -> None:
        if self._let_go_at is not None:
            super(VirtualTimeLoop, self)._run_once()
            return
        if self._at_rest() and self._idle_waiters:
            self._release_idle_waiters()
        if self._ready or self._has_timer_due():
            super(VirtualTimeLoop, self)._run_once()
        else:
            self._wait_for_outside()

    def _has_timer_due(self) -> bool:
        timer = self._next_timer()
        return timer is not None and timer.when() <= self.time() + self._clock_resolution
