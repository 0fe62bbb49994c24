"""What `/_headrace/clock`, `/_headrace/clock/advance` and `/_headrace/idle` do: show time, move it, await it.

Other `headrace` processes ask, and so may a user's own tests. Requests that wait do not count as work.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import orjson

from engine.clock import LATEST, VirtualTimeLoop, iso_millis
from engine.feed import EventEmitted, Fact, InvocationFinished
from engine.steered_loops import HurriedLoop, ManualLoop
from headrace.barrier import Barrier
from headrace.control import ADVANCE_PATH, CLOCK_PATH, IDLE_PATH
from headrace.waiting import what_comes_next, what_waits

if TYPE_CHECKING:
    from headrace.simulator import Simulator

HOW_TO_START = "start the simulator with `headrace run --clock manual` to move its time"


class Refused(Exception):
    """What was asked for cannot be done; its text says why. `status` is that of the HTTP answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class TimeControl:
    """Shows, moves and awaits the time of one simulator, whose loop is running."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._moving = asyncio.Lock()

    async def answer(self, method: str, path: str, given: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Return the HTTP status of the answer, and the answer as JSON values.

        `given` are the parameters of the query; those in a JSON body count as well.
        """
        try:
            parameters = given | _parameters(body)
            if path == CLOCK_PATH and method == "GET":
                return 200, await self.show()
            if path == ADVANCE_PATH and method == "POST":
                return 200, await self.advance(parameters)
            if path == IDLE_PATH and method in ("GET", "POST"):
                return 200, await self.idle(_timeout(parameters))
        except Refused as refused:
            return refused.status, {"message": str(refused)}
        return 404, {"message": f"there is no {method} {path}"}

    async def show(self) -> dict[str, Any]:
        """Return the time, how it passes, and what happens next by itself."""
        now = self._simulator.clock.now()
        waiting = await what_waits(self._simulator)
        coming = what_comes_next(self._simulator, waiting)
        told = None if coming is None else coming.document(now) | {"text": coming.text(now)}
        return {**self.time(), "next": told}

    def time(self) -> dict[str, Any]:
        """Return the time, and how it passes."""
        loop = asyncio.get_running_loop()
        return {
            "now": iso_millis(self._simulator.clock.now()),
            "mode": _mode(loop),
            "speed": loop.speed if isinstance(loop, HurriedLoop) else 1.0,
        }

    async def idle(self, limit: timedelta | None) -> dict[str, Any]:
        """Wait until nothing is left to do but to wait, for so many real seconds at most.

        Return whether that is so, what waits for its time, and, after the time was up, what is at work.
        """
        clock = self._simulator.clock
        began = clock.stopwatch()
        with Barrier(self._simulator) as barrier:
            is_idle = await barrier.wait_within(limit)
            at_work = [] if is_idle else self._at_work(barrier)
        now = clock.now()
        waiting = await what_waits(self._simulator)
        return {
            "idle": is_idle,
            "seconds": round(clock.stopwatch() - began, 3),
            "now": iso_millis(now),
            "waiting": [each.document(now) | {"text": each.text(now)} for each in waiting],
            "at_work": at_work,
        }

    async def advance(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Move the time to another moment, from timer to timer, and return what happened meanwhile.

        Raises Refused when time passes by itself, or when it would have to go back.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, ManualLoop):
            raise Refused(409, f"here time passes by itself: {HOW_TO_START}")
        simulator, clock = self._simulator, self._simulator.clock
        counts: Counter[str] = Counter()
        async with self._moving:
            began, until = clock.now(), _until(parameters, clock.now())
            untap = simulator.feed.tap(lambda fact: counts.update(_counted(fact)))
            try:
                with Barrier(simulator) as barrier:
                    await barrier.wait()
                    while (due := loop.next_timer_at()) is not None and due <= until:
                        self._check_that_it_runs()
                        loop.move_to(due)
                        await barrier.wait_for_ours()
                    self._check_that_it_runs()
                    loop.move_to(until)
                    await barrier.wait()
            finally:
                untap()
        now = clock.now()
        waiting = await what_waits(simulator)
        return {
            "now": iso_millis(now),
            "seconds": (now - began).total_seconds(),
            **{name: counts[name] for name in ("events", "invocations", "errors")},
            "waiting": [each.document(now) | {"text": each.text(now)} for each in waiting],
        }

    def _check_that_it_runs(self) -> None:
        if self._simulator.is_stopping:
            raise Refused(
                503, f"the simulator is stopping; its time is {iso_millis(self._simulator.clock.now())}"
            )

    def _at_work(self, barrier: Barrier) -> list[str]:
        at_work = [
            f"{region.prefix}functions.{name}: {running} running"
            for region in self._simulator.regions
            for name in region.functions.versions.names()
            if (running := region.functions.figures(name)["running"])
        ]
        at_work += [f"{name}: being looked at" for name in sorted(barrier.looking)]
        return at_work or ["new work comes faster than it is done"]


def _mode(loop: asyncio.AbstractEventLoop) -> str:
    if isinstance(loop, ManualLoop):
        return "manual"
    return "simulated" if isinstance(loop, VirtualTimeLoop) else "live"


def _counted(fact: Fact) -> list[str]:
    match fact:
        case EventEmitted():
            return ["events"]
        case InvocationFinished(function_error=None):
            return ["invocations"]
        case InvocationFinished():
            return ["invocations", "errors"]
        case _:
            return []


def _parameters(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        parameters = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise Refused(400, "the body is not a JSON object")
    return parameters


def _timeout(parameters: dict[str, Any]) -> timedelta | None:
    if (given := parameters.get("timeout")) is None:
        return None
    return timedelta(seconds=_number("timeout", given, timedelta.max.total_seconds() - 1))


def _until(parameters: dict[str, Any], now: datetime) -> datetime:
    unknown = parameters.keys() - {"seconds", "to"}
    if unknown or len(parameters) != 1:
        raise Refused(400, 'give either {"seconds": 600} or {"to": "2026-03-01T08:00Z"}')
    if "seconds" in parameters:
        seconds = _number("seconds", parameters["seconds"], inf)
        if seconds > (LATEST - now).total_seconds():
            raise Refused(400, f"a clock goes no further than {iso_millis(LATEST)}")
        return now + timedelta(seconds=seconds)
    try:
        until = datetime.fromisoformat(str(parameters["to"]))
        until = (until if until.tzinfo else until.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(400, f"to: {error}") from error
    if until < now:
        raise Refused(400, f"it is {iso_millis(now)} already, and time does not go back")
    if until > LATEST:
        raise Refused(400, f"to: a clock goes no further than {iso_millis(LATEST)}")
    return until


def _number(name: str, given: object, most: float) -> float:
    try:
        number = float(given)  # type: ignore[arg-type]  # whatever JSON or a query may hold
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(given, bool) or not 0 <= number <= most:
        reach = f"from 0 to {most:.0f}" if isfinite(most) else "of at least 0"
        raise Refused(400, f"{name}: a number of seconds {reach} is needed, got {given!r}")
    return number
