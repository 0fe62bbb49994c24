"""What an environment's work costs where live time is steered: real time, which handlers do not see.

The clock of a Python handler shows the moment at which it was invoked. What it sleeps takes no real time; it
counts as part of its duration and towards its timeout, and does not move the simulator's time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from engine.clock import Clock
from engine.functions.definition import FunctionDefinition
from engine.functions.handler_clock import HandlerClock
from engine.functions.pace import RealPace, RealStint
from engine.functions.runtime import Signal, TimedOut


class SteeredPace(RealPace):
    """Everything takes the time it takes, at moments of a steered clock."""

    def stint(
        self,
        function: FunctionDefinition,  # noqa: ARG002
        clock: HandlerClock | None,
        limit_seconds: float,
        drain: Callable[[], None],  # noqa: ARG002
        *,
        root: str | None,  # noqa: ARG002
    ) -> RealStint:
        if clock is None:
            return RealStint(self._clock, limit_seconds)
        return SteeredStint(self._clock, clock, limit_seconds)

    def handler_clock(self, make: Callable[[int], HandlerClock]) -> HandlerClock | None:
        return make(0)


class SteeredStint(RealStint):
    """A stint of a handler with a clock of its own."""

    __slots__ = ("_handler", "_limit", "_moment")

    def __init__(self, clock: Clock, handler: HandlerClock, limit_seconds: float) -> None:
        super().__init__(clock, limit_seconds)
        self._handler = handler
        self._limit = timedelta(seconds=limit_seconds)
        self._moment = clock.now()
        handler.set(self._moment, self._moment + self._limit)

    def lasted_ms(self) -> float:
        return super().lasted_ms() + (self._handler.now() - self._moment) / timedelta(milliseconds=1)

    def deadline_of_handler(self) -> datetime:
        return self._moment + self._limit

    async def ended(self, signal: Signal) -> tuple[Signal, float]:
        if self._handler.now() >= self._moment + self._limit:
            return TimedOut(), self._limit / timedelta(milliseconds=1)
        return signal, self.lasted_ms()
