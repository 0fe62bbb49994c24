"""Simulated time for execution environments: handlers run for real, one at a time, and their durations pass
on the virtual clock.

A stint does all its real work at the instant it begins. What the handler sleeps, and what it waits for in its
requests, moves its own clock on; its answer arrives when that and the simulated duration have passed. So any
number of invocations overlap in simulated time, and two runs with one seed are the same.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime, timedelta
from random import Random

from engine.clock import Clock
from engine.functions.definition import FunctionDefinition
from engine.functions.handler_clock import HandlerClock
from engine.functions.runtime import Exited, Signal, TimedOut
from engine.functions.tracing import root_of
from engine.functions.turns import Turn, Turns

LONGEST_REAL_SECONDS = 60.0  # for a handler that never answers, beyond its own timeout
_ASKED_IN: ContextVar[Turn | None] = ContextVar("the turn of the handler that made a request", default=None)


class SimulatedPace:
    """The pace of one simulation; `chance` draws durations and the handlers' seeds.

    `after_work` is called when a process has done something real, which may have changed files.
    """

    is_real = False
    starts_at_once = float("inf")

    def __init__(self, clock: Clock, chance: Random, after_work: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._chance = chance
        self._after_work = after_work
        self.turns = Turns(clock)
        self._stints: dict[Turn, SimulatedStint] = {}
        self._by_root: dict[str, SimulatedStint] = {}

    def outside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def handler_clock(self, make: Callable[[int], HandlerClock]) -> HandlerClock:
        return make(self._chance.getrandbits(64))

    @asynccontextmanager
    async def stint(
        self,
        function: FunctionDefinition,
        clock: HandlerClock | None,
        limit_seconds: float,
        drain: Callable[[], None],
        *,
        root: str | None,
    ) -> "AsyncIterator[SimulatedStint]":
        chosen = function.simulated_init_duration if root is None else function.simulated_duration
        draw = self._chance.random() or 0.5
        seconds = None if chosen is None else chosen.seconds(draw)
        async with self.turns.turn() as turn:
            stint = SimulatedStint(self._clock, turn, clock, limit_seconds, seconds, drain, self._after_work)
            self._stints[turn] = stint
            if root is not None:
                self._by_root[root] = stint
            try:
                yield stint
            finally:
                del self._stints[turn]
                if root is not None:
                    del self._by_root[root]

    async def pass_time(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=seconds))

    def alone(self) -> AbstractAsyncContextManager[Turn]:
        return self.turns.turn()

    @asynccontextmanager
    async def request(self, trace: str | None = None) -> AsyncIterator[None]:
        """Answer a request of a handler: at the moment that its clock shows.

        It is that of the invocation which `trace` names, or else of the one at work. On leaving, all is at
        rest that the request has set going, so that it is done before the handler goes on. Without a handler
        at work it is somebody else's, and nothing special.
        """
        stint = self._asking(trace)
        if stint is None:
            yield
            return
        stint.drain()  # before time goes on: whether the pipe has been read by now is left to chance
        if stint.handler_is_ahead():
            async with stint.turn.stepping_back():
                await stint.follow_handler()
        asked_in = _ASKED_IN.set(stint.turn)
        try:
            yield
        finally:
            _ASKED_IN.reset(asked_in)
            await stint.turn.settled()
            stint.tell_handler()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Within a request: wait for something that takes simulated time, or another handler's turn."""
        turn = _ASKED_IN.get()
        if turn is None:
            yield
            return
        async with turn.stepping_back():
            yield

    def _asking(self, trace: str | None) -> "SimulatedStint | None":
        root = root_of(trace)
        if root in self._by_root:
            return self._by_root[root]
        turn = self.turns.current
        return None if turn is None else self._stints.get(turn)


class SimulatedStint:
    """A stint whose duration is given; None for the real one."""

    def __init__(
        self,
        clock: Clock,
        turn: Turn,
        handler: HandlerClock | None,
        limit_seconds: float,
        seconds: float | None,
        drain: Callable[[], None],
        after_work: Callable[[], None],
    ) -> None:
        self._clock = clock
        self.turn = turn
        self._handler = handler
        self._seconds = seconds
        self.drain = drain
        self._after_work = after_work
        self._began = clock.now()
        self._limit = timedelta(seconds=limit_seconds)
        self._watch = clock.stopwatch()
        self.deadline = self._watch + max(limit_seconds, LONGEST_REAL_SECONDS)
        if handler is not None:
            handler.set(self._began, self._began + self._limit)

    def lasted_ms(self) -> float:
        return min(self._length(), self._limit) / timedelta(milliseconds=1)

    def deadline_of_handler(self) -> datetime:
        return self._began + self._limit

    async def ended(self, signal: Signal) -> tuple[Signal, float]:
        lasted = self._length()
        is_over = lasted >= self._limit and not isinstance(signal, Exited)
        slept_too_long = self._handler is not None and self._handler.now() >= self._began + self._limit
        if is_over or slept_too_long:
            signal, lasted = TimedOut(), self._limit
        self._after_work()
        self.turn.end()
        await self._clock.sleep_until(self._began + lasted)
        return signal, lasted / timedelta(milliseconds=1)

    def handler_is_ahead(self) -> bool:
        """Say whether the handler has slept past the simulator's present moment."""
        return self._handler is not None and self._handler.now() > self._clock.now()

    async def follow_handler(self) -> None:
        """Let the time pass until the handler's moment."""
        if self._handler is not None:
            await self._clock.sleep_until(self._handler.now())

    def tell_handler(self) -> None:
        """Let the handler know how much time its request has taken."""
        if self._handler is not None:
            self._handler.move_to(self._clock.now())

    def _length(self) -> timedelta:
        """What has passed on the handler's clock and the simulator's, and what its work is said to take."""
        moment = self._clock.now() if self._handler is None else max(self._handler.now(), self._clock.now())
        work = self._clock.stopwatch() - self._watch if self._seconds is None else self._seconds
        return moment - self._began + timedelta(seconds=work)
