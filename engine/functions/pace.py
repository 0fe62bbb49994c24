"""What an environment's work costs: real time in a live simulator, simulated time in a simulation.

A stint is one piece of work in a runtime process, an initialisation or an invocation.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self

from engine.clock import Clock
from engine.functions.definition import FunctionDefinition

if TYPE_CHECKING:  # a simulator is ready before they are loaded
    from engine.functions.handler_clock import HandlerClock
    from engine.functions.runtime import Signal

# A start takes a processor for a twentieth of a second. More at once than there are processors only delay
# each other, and meanwhile environments that are warm may have become free.
STARTS_AT_ONCE = os.cpu_count() or 1


class Stint(Protocol):
    """Work that goes on. `deadline`, on the stopwatch, is when the process is to be stopped."""

    deadline: float

    def lasted_ms(self) -> float:
        """Return how long it has taken by now."""

    def deadline_of_handler(self) -> datetime:
        """Return when the time allowed is over, by the handler's own clock."""

    async def ended(self, signal: "Signal") -> "tuple[Signal, float]":
        """Let the time pass that the work has taken; return what came of it, and the milliseconds.

        It is called when the process has done its part: `signal` says how.
        """


class Pace(Protocol):
    """How time passes for the environments of one simulator."""

    is_real: bool
    starts_at_once: float  # environments

    def outside(self) -> AbstractContextManager[None]:
        """Mark waiting for an environment and its work as outside the loop, where that is what it is."""

    def stint(
        self,
        function: FunctionDefinition,
        clock: "HandlerClock | None",
        limit_seconds: float,
        drain: Callable[[], None],
        *,
        root: str | None,
    ) -> AbstractAsyncContextManager[Stint]:
        """Begin a stint that may take `limit_seconds`; leaving it early gives up what it held.

        `drain` logs what the process has written until now. `root` is the invocation's trace id, None for an
        initialisation.
        """

    def waiting(self) -> AbstractAsyncContextManager[object]:
        """Within a handler's request: let what it waits for take its time."""

    def request(self, trace: str | None = None) -> AbstractAsyncContextManager[object]:
        """Answer a request that may be a handler's; `trace` is its header that says so, if it has one."""

    def alone(self) -> AbstractAsyncContextManager[object]:
        """Do other work with processes, such as ending one, without getting in the way of a stint."""

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in which nothing is worked on, as part of what an environment does."""

    def handler_clock(self, make: "Callable[[int], HandlerClock]") -> "HandlerClock | None":
        """Return a clock for a new runtime process, made with the seed given; None where it has the real."""


class RealPace:
    """Everything takes the time it takes."""

    is_real = True
    starts_at_once = float(STARTS_AT_ONCE)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nothing = _Nothing()

    def outside(self) -> AbstractContextManager[None]:
        return self._clock.outside()

    def stint(
        self,
        function: FunctionDefinition,  # noqa: ARG002
        clock: "HandlerClock | None",  # noqa: ARG002
        limit_seconds: float,
        drain: Callable[[], None],  # noqa: ARG002
        *,
        root: str | None,  # noqa: ARG002
    ) -> "RealStint":
        return RealStint(self._clock, limit_seconds)

    def waiting(self) -> "_Nothing":
        return self._nothing

    def request(self, trace: str | None = None) -> "_Nothing":  # noqa: ARG002
        return self._nothing

    def alone(self) -> "_Nothing":
        return self._nothing

    async def pass_time(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self._clock.after_real(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    def handler_clock(self, make: "Callable[[int], HandlerClock]") -> "HandlerClock | None":  # noqa: ARG002
        return None


class RealStint:
    """A stint that is measured."""

    __slots__ = ("_began", "_clock", "deadline")

    def __init__(self, clock: Clock, limit_seconds: float) -> None:
        self._clock = clock
        self._began = clock.stopwatch()
        self.deadline = self._began + limit_seconds

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def lasted_ms(self) -> float:
        return (self._clock.stopwatch() - self._began) * 1000

    def deadline_of_handler(self) -> datetime:
        return self._clock.real_now() + timedelta(seconds=self.deadline - self._clock.stopwatch())

    async def ended(self, signal: "Signal") -> "tuple[Signal, float]":
        return signal, self.lasted_ms()


class _Nothing:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass
