"""Sends the events of a plan to functions, at their own pace, faster, or as fast as possible.

A recording keeps the distances between its events; the silence before the first one is left out. Plain
events have no pace: each is sent when the one before it has been answered. Without a pace everything is
sent at once, a bounded number of events at a time.
"""

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import field
from datetime import datetime, timedelta

from engine.alarm import wait_until
from engine.clock import Clock
from engine.errors import HeadraceError
from engine.value import dataclass
from triggers.replay.json_text import Malformed
from triggers.replay.plan import EventFile, Plan, Recording, Skipped, read_entry, read_event

PACED_CONCURRENCY = 1000  # Lambda's concurrent executions of an account: a pace is kept up to here
UNPACED_CONCURRENCY = 16
FIRST_BACK_OFF = timedelta(milliseconds=100)
LONGEST_BACK_OFF = timedelta(seconds=5)
THROTTLED_FOR_AT_MOST = timedelta(minutes=1)
A_REFUSAL = timedelta(seconds=1)  # an invocation that takes longer is none


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one invocation: `error` is None when it succeeded. A throttled one did not run."""

    error: str | None = None
    throttled: bool = False


Invoke = Callable[[str, bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Played:
    """One event that was sent. `place` is where it came from, `milliseconds` the real time to its answer."""

    place: str
    function: str
    error: str | None
    milliseconds: float


@dataclass(slots=True)
class Tally:
    """The count of what was played so far."""

    succeeded: int = 0
    failed: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    milliseconds: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def sent(self) -> int:
        """The number of events that were sent and answered."""
        return self.succeeded + self.failed

    def add(self, played: Played) -> None:
        """Count one event."""
        self.milliseconds.append(played.milliseconds)
        if played.error is None:
            self.succeeded += 1
        else:
            self.failed += 1

    def percentile(self, percent: int) -> float | None:
        """Return the time within which so many percent were answered, in milliseconds; None before any."""
        if not self.milliseconds:
            return None
        ordered = sorted(self.milliseconds)
        return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True)
class _Event:
    place: str
    function: str
    payload: bytes


class Player:
    """Plays a plan.

    `function`, when given, gets every event; `plain_function` those that name none themselves. `speed`
    multiplies the pace of recordings; None means no pace at all. `tally` is kept up to date all the while.
    """

    def __init__(
        self,
        invoke: Invoke,
        clock: Clock,
        *,
        function: str | None = None,
        plain_function: str | None = None,
        speed: float | None = 1.0,
        on_played: Callable[[Played], None] = lambda _: None,
    ) -> None:
        self.tally = Tally()
        self._invoke = invoke
        self._clock = clock
        self._function = function
        self._plain_function = plain_function
        self._speed = speed
        self._on_played = on_played
        self._slots = asyncio.Semaphore(UNPACED_CONCURRENCY if speed is None else PACED_CONCURRENCY)
        self._running: dict[int, tuple[str, datetime]] = {}  # functions, and when their invocations began
        self._refusing_since: dict[str, datetime] = {}  # by function
        self._answered: dict[str, asyncio.Event] = {}  # set when a function has answered

    async def play(self, plan: Plan) -> Tally:
        """Send everything, and return the count when all has been answered."""
        self.tally.skipped.extend(plan.skipped)
        together = [plan.tracks] if self._speed is None else [[track] for track in plan.tracks]
        for tracks in together:
            async with asyncio.TaskGroup() as group:
                for track in tracks:
                    await self._play_track(track, group)
        return self.tally

    async def _play_track(self, track: EventFile | Recording, group: asyncio.TaskGroup) -> None:
        started = self._clock.now()
        events = self._file_event(track) if isinstance(track, EventFile) else self._recorded_events(track)
        for offset, event in events:
            if self._speed is not None:
                await self._clock.sleep_until(started + timedelta(seconds=offset / self._speed))
            await self._slots.acquire()
            group.create_task(self._send(event))

    def _file_event(self, track: EventFile) -> Iterator[tuple[float, _Event]]:
        function = self._function or self._plain_function
        assert function is not None, "a plan with plain events is played with a function for them"
        try:
            yield 0.0, _Event(str(track.path), function, read_event(track.path))
        except (Malformed, OSError) as problem:  # it was fine when the plan was made
            self.tally.skipped.append(Skipped(str(track.path), str(problem)))

    def _recorded_events(self, track: Recording) -> Iterator[tuple[float, _Event]]:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(track.path.open("rb"))
            except OSError as problem:
                self.tally.skipped.append(Skipped(str(track.path), str(problem)))
                return
            first = track.entries[0][0] if track.entries else 0.0
            for offset, position in track.entries:
                place = f"{track.path} at {offset:.3f} s"
                try:
                    recorded = read_entry(file, position)
                except Malformed as problem:
                    self.tally.skipped.append(Skipped(place, problem.reason))
                    continue
                yield offset - first, _Event(place, self._function or recorded.function, recorded.payload)

    async def _send(self, event: _Event) -> None:
        try:
            began = self._clock.stopwatch()
            error = await self._answer(event)
            played = Played(event.place, event.function, error, (self._clock.stopwatch() - began) * 1000)
        finally:
            self._slots.release()
        self.tally.add(played)
        self._on_played(played)

    async def _answer(self, event: _Event) -> str | None:
        """Invoke, as often as it takes to get past throttling; return the error, if any.

        It is given up when the function has taken nothing for a minute; until then whatever it has answered
        makes room for another try.
        """
        function, back_off = event.function, FIRST_BACK_OFF
        while True:
            self._running[id(event)] = function, self._clock.now()
            try:
                answer = await self._invoke(function, event.payload)
            except HeadraceError as problem:
                answer = Answer(str(problem))
            finally:
                del self._running[id(event)]
            if not answer.throttled:
                self._taken(function)
                return answer.error
            now = self._clock.now()
            since = self._refusing_since.setdefault(function, now)
            if now + back_off > since + THROTTLED_FOR_AT_MOST and not self._is_at_work(function, now):
                return answer.error
            has_answered = self._answered.setdefault(function, asyncio.Event())
            if await wait_until(has_answered, now + back_off, self._clock):
                back_off = FIRST_BACK_OFF
            else:
                back_off = min(2 * back_off, LONGEST_BACK_OFF)

    def _is_at_work(self, function: str, now: datetime) -> bool:
        return any(name == function and now - began > A_REFUSAL for name, began in self._running.values())

    def _taken(self, function: str) -> None:
        """Let those who wait for a function try again: it has answered."""
        self._refusing_since.pop(function, None)
        if (waiting := self._answered.pop(function, None)) is not None:
            waiting.set()
