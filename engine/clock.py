"""The one place time comes from, and the event loops it comes through.

Live programs run on `SimulatorLoop`, tests and simulations on `VirtualTimeLoop`; steered_loops.py has those
of live programs whose time is hurried or moved by hand. All count the work that is outside the loop (a
statement on the database's thread, an invocation in a child process). From that count follow the two promises
made here: virtual time never jumps while something is still being worked on, and `Clock.idle()` is exact.
"""

import asyncio
import heapq
import itertools
import math
import sys
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from contextvars import Context
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple

import orjson

if TYPE_CHECKING or sys.platform != "win32":
    PlatformLoop = asyncio.SelectorEventLoop
else:  # only this loop starts child processes there
    PlatformLoop = asyncio.ProactorEventLoop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

VIRTUAL_START = datetime(2026, 1, 1, tzinfo=UTC)
# Where a clock may be: the store counts from 1970, before which nobody is to look back for what is kept for a
# year, and nanoseconds, in which S3's sequencers are, until 2262.
EARLIEST, LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
DIGITS_OF_MOMENTS = 6  # of their seconds
FINEST_RESOLUTION = 1e-9  # seconds
TURNS_BETWEEN_LOOKS = 32  # of the loop in virtual time, at the sockets
LONGEST_NAP_SECONDS = 60.0  # a laptop's sleep stops timers, not the wall clock: look again now and then


class Timer(Protocol):
    """What `Clock.after_real` and `WorldClock.call_after` return."""

    def cancel(self) -> None:
        """Forget the callback; harmless when it has already run."""


class SimulatorLoop(PlatformLoop):
    """asyncio's own loop, which also knows whether anything is being worked on outside it."""

    runs_inline = False
    is_steered = False

    def __init__(self) -> None:
        self._outside = 0
        self._counter = _OutsideCounter(self)
        self._idle_waiters: list[asyncio.Future[None]] = []
        super().__init__()

    def wall(self) -> datetime:
        """Return the present moment as this loop sees it, aware UTC."""
        return real_present()

    def longest_nap(self) -> float:
        """Return for how many seconds a timer of this loop may be trusted to follow `wall()`."""
        return LONGEST_NAP_SECONDS

    def call_after_real(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many real seconds."""
        return self.call_later(seconds, callback)

    def world_wall(self) -> datetime:
        """Return the present moment as programs outside see it, which write files and rows."""
        return self.wall()

    def call_after_in_world(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many seconds of the world outside."""
        return self.call_later(seconds, callback)

    def let_go(self) -> None:
        """From now on time passes by itself, as it really does. Virtual time always passes by itself."""

    def outside(self) -> AbstractContextManager[None]:
        """Count the enclosed work as being outside the loop."""
        return self._counter

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio does; the call counts as outside the loop until its result is back."""
        future = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _: object) -> None:
        self._outside -= 1

    async def shutdown_default_executor(self, *timeout: float | None) -> None:
        """As asyncio does; the threads that are waited for count as outside the loop."""
        with self.outside():
            await super().shutdown_default_executor(*timeout)

    async def idle(self) -> None:
        """Return once nothing is ready, nothing is outside, and only timers in the future remain."""
        waiter = self.create_future()
        self._idle_waiters.append(waiter)
        await waiter

    def _run_once(self) -> None:
        if self._idle_waiters and self._at_rest():
            self._release_idle_waiters()
        super()._run_once()  # type: ignore[misc]

    def _at_rest(self) -> bool:
        """Look at the sockets without waiting; say whether no callback could run at this instant."""
        if not self._ready and not self._outside:
            self._process_events(self._selector.select(0))
        if self._ready or self._outside:
            return False
        first = self._next_timer()
        return first is None or first.when() >= self.time() + self._clock_resolution  # as asyncio compares

    def _next_timer(self) -> asyncio.TimerHandle | None:
        while self._scheduled and self._scheduled[0].cancelled():
            self._timer_cancelled_count -= 1
            heapq.heappop(self._scheduled)._scheduled = False
        return self._scheduled[0] if self._scheduled else None

    def _release_idle_waiters(self) -> None:
        waiters, self._idle_waiters = self._idle_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # Attributes of asyncio's BaseEventLoop that its type stubs leave out.
    if TYPE_CHECKING:
        _ready: Any
        _scheduled: list[Any]
        _selector: Any
        _clock_resolution: float
        _timer_cancelled_count: int

        def _process_events(self, events: Any) -> None: ...


class _OutsideCounter:
    """What `outside()` returns: one object for all, as it only counts."""

    def __init__(self, loop: SimulatorLoop) -> None:
        self._loop = loop

    def __enter__(self) -> None:
        self._loop._outside += 1

    def __exit__(self, *_: object) -> None:
        self._loop._outside -= 1


class VirtualTimeLoop(SimulatorLoop):
    """A loop on which waiting takes no time: when all is at rest, it jumps to the next timer.

    With `inline`, what would go to a thread runs on the loop instead, so that no order is left to chance.
    """

    def __init__(self, start: datetime = VIRTUAL_START, *, inline: bool = False) -> None:
        self.runs_inline = inline
        self._start = start
        self._elapsed = 0.0
        self._turns_without_look = 0
        self._real_timers: list[tuple[float, int, _RealTimer]] = []
        self._real_timer_ids = itertools.count()
        super().__init__()

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._elapsed

    def wall(self) -> datetime:
        """Return the virtual moment, aware UTC."""
        return self._start + timedelta(seconds=self._elapsed)

    def longest_nap(self) -> float:
        """Virtual timers never drift from `wall()`."""
        return float("inf")

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio does, at a whole microsecond, as moments are: a timer for a moment is due at it."""
        return super().call_at(round(when, DIGITS_OF_MOMENTS), callback, *args, context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio does, or at once when this loop runs everything inline."""
        if not self.runs_inline:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            future.set_exception(error)
        return future

    def call_after_real(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many real seconds, which pass only while work is outside the loop."""
        timer = _RealTimer(callback)
        heapq.heappush(self._real_timers, (time.monotonic() + seconds, next(self._real_timer_ids), timer))
        return timer

    def _run_once(self) -> None:
        if self._ready and self._turns_without_look < TURNS_BETWEEN_LOOKS:
            self._run_ready()
            return
        self._turns_without_look = 0
        if not self._at_rest():
            if self._outside and not self._ready:
                self._wait_for_outside()
                return
        elif self._idle_waiters:
            self._release_idle_waiters()
        elif (timer := self._next_timer()) is not None:
            self._pass_to(timer.when())
        super()._run_once()

    def _run_ready(self) -> None:
        """Run what is ready now, without a look at the sockets: no time passes before all of it is done."""
        self._turns_without_look += 1
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _pass_to(self, elapsed: float) -> None:
        self._elapsed = max(self._elapsed, elapsed)
        # A timer is due within the resolution, and after half a year a float is coarser than asyncio's.
        self._clock_resolution = max(FINEST_RESOLUTION, 2 * math.ulp(self._elapsed))

    def _wait_for_outside(self) -> None:
        """Block, in real time, until something comes back or a real-time limit is reached."""
        while self._real_timers and self._real_timers[0][2].callback is None:
            heapq.heappop(self._real_timers)
        first = self._real_timers[0][0] if self._real_timers else None
        timeout = None if first is None else max(0.0, first - time.monotonic())
        self._process_events(self._selector.select(timeout))
        while self._real_timers and self._real_timers[0][0] <= time.monotonic():
            timer = heapq.heappop(self._real_timers)[2]
            if timer.callback is not None:
                self.call_soon(timer.run)
        if self._ready:
            super()._run_once()


class _RealTimer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def run(self) -> None:
        if self.callback is not None:
            self.callback()


class Clock:
    """The time, for everything that stamps or waits. Durations are timedeltas, moments aware UTC."""

    def __init__(self, loop: SimulatorLoop) -> None:
        self._loop = loop
        self._wall = loop.wall

    def now(self) -> datetime:
        """Return the present moment, aware UTC; virtual on a `VirtualTimeLoop`."""
        return self._wall()

    async def sleep_until(self, moment: datetime) -> None:
        """Return at `moment`, at once when it has passed."""
        while (left := (moment - self._loop.wall()).total_seconds()) > 0:  # noqa: ASYNC110 - the timer itself
            await asyncio.sleep(min(left, self._loop.longest_nap()))

    @property
    def longest_nap(self) -> float:
        """How many seconds a timer may be ahead, before the time that is left is to be looked at again."""
        return self._loop.longest_nap()

    def outside(self) -> AbstractContextManager[None]:
        """Mark the enclosed wait as work outside the loop: virtual time stands still meanwhile."""
        return self._loop.outside()

    @property
    def runs_inline(self) -> bool:
        """Whether blocking work belongs on the loop: in simulated time no thread may decide an order."""
        return self._loop.runs_inline

    @property
    def is_steered(self) -> bool:
        """Whether live time is hurried or stands still, so that it is not that of the wall clock."""
        return self._loop.is_steered

    async def idle(self) -> None:
        """Return once nothing is ready and nothing is outside the loop: only future timers remain."""
        await self._loop.idle()

    def stopwatch(self) -> float:
        """Return real seconds since an arbitrary start, to measure how long real work took."""
        return time.perf_counter()

    def real_now(self) -> datetime:
        """Return the real wall clock, for a deadline that another process compares with its own clock."""
        return real_present()

    def after_real(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many real seconds: a limit on work that is outside the loop."""
        return self._loop.call_after_real(seconds, callback)

    @property
    def world(self) -> "WorldClock":
        """The clock by which programs outside write files and rows."""
        return WorldClock(self._loop)

    def let_go(self) -> None:
        """From now on let time pass by itself, as it really does: a program that ends has real limits."""
        self._loop.let_go()


class WorldClock:
    """The time of programs outside: real, also where the simulator's own is hurried or stands still.

    Only where all time is virtual is it virtual, too.
    """

    def __init__(self, loop: SimulatorLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        """Return the present moment, aware UTC."""
        return self._loop.world_wall()

    def call_after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after so many seconds."""
        return self._loop.call_after_in_world(seconds, callback)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        over: asyncio.Future[None] = self._loop.create_future()
        timer = self.call_after(max(0.0, seconds), partial(over.set_result, None))
        try:
            await over
        finally:
            timer.cancel()

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Return when `event` is set, after so many seconds at the latest; say whether it is set."""
        if event.is_set():
            return True
        over: asyncio.Future[None] = self._loop.create_future()
        timer = self.call_after(max(0.0, seconds), over.cancel)
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait((over, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            waiting.cancel()
        return event.is_set()


def real_present() -> datetime:
    """Return the real moment, aware UTC, for who has no clock yet."""
    return datetime.fromtimestamp(time.time(), UTC)


def running_clock() -> Clock:
    """Return the clock of the running loop. Raises RuntimeError on a loop that is not a `SimulatorLoop`."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimulatorLoop):
        raise RuntimeError("the running event loop is not a SimulatorLoop: start it with engine.clock.run")
    return Clock(loop)


def run(main: Coroutine[Any, Any, T], *, virtual_from: datetime | None = None) -> T:
    """Run a program to its end, live, or in virtual time beginning at `virtual_from`."""
    with asyncio.Runner(
        loop_factory=SimulatorLoop if virtual_from is None else lambda: VirtualTimeLoop(virtual_from)
    ) as runner:
        return runner.run(main)


def simulate(main: Coroutine[Any, Any, T], begin: datetime) -> T:
    """Run a program to its end in virtual time from `begin` on, nothing of it in a thread."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(begin, inline=True)) as runner:
        return runner.run(main)


def to_millis(moment: datetime) -> int:
    """Return the milliseconds from 1970 to an aware moment, the store's form of time."""
    return (moment - _EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    """Return the aware UTC moment of a number of milliseconds from 1970."""
    return _EPOCH + millis * _MILLISECOND


def iso_millis(moment: datetime) -> str:
    """Format a UTC moment as AWS does in events: `2026-01-02T03:04:05.678Z`."""
    text = orjson.dumps(moment)  # in a quarter of the time that isoformat() takes; without a fraction of zero
    return text[1:24].decode() + "Z" if moment.microsecond else text[1:20].decode() + ".000Z"


def iso_seconds(moment: datetime) -> str:
    """Format a UTC moment to the second: `2026-01-02T03:04:05Z`."""
    return moment.isoformat(timespec="seconds")[:19] + "Z"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
