"""Counts what happens in a simulation: by the feed, and by a look at queues and streams now and then."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from engine.alarm import wait_until
from engine.clock import Clock
from engine.feed import (
    BatchClosed,
    DeadLettered,
    DestinationSent,
    EventDropped,
    EventEmitted,
    Fact,
    FaultInjected,
    Feed,
    InvocationFinished,
    InvocationStarted,
    InvocationThrottled,
    MessageRedriven,
    Notice,
    RecordsFiltered,
    RecordsReturned,
    RetryScheduled,
    SimulatorCrashed,
)
from engine.value import dataclass
from headrace.simulation.levels import Levels
from headrace.simulation.report import (
    CONCURRENCY,
    ERRORS,
    INVOCATIONS,
    THROTTLES,
    FunctionReport,
    NoticeReport,
    Report,
    ScriptReport,
    SourceReport,
)
from headrace.simulation.timeline import Timeline
from headrace.simulator import Simulator

MOST_NOTICES = 100  # different ones
LOOKS_IN_A_STEP = 20  # at most, where much moves; one where nothing does
MOMENT = timedelta(milliseconds=1)
ALL = "all functions"

C = TypeVar("C")


@dataclass(slots=True)
class SourceCount:
    """What came from one source so far."""

    events: int = 0
    records: int = 0
    batches: int = 0
    filtered: int = 0
    returned: int = 0
    dead_letters: int = 0
    dropped: int = 0


@dataclass(slots=True)
class FunctionCount:
    """What became of one function's invocations so far; `running` are those at work now.

    `durations` counts invocations by how many milliseconds they took, in three digits.
    """

    invocations: int = 0
    errors: int = 0
    error_types: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    throttles: int = 0
    dead_letters: int = 0
    failure_records: int = 0
    dropped: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    cold_starts: int = 0
    durations: Counter[float] = field(default_factory=Counter)
    running: int = 0


class Figures:
    """All counts of what `feed` tells, since `began`.

    `length` is how much time will be simulated, if that is known. `reword` is done to the texts of notices.
    """

    def __init__(
        self,
        feed: Feed,
        began: datetime,
        length: timedelta | None = None,
        reword: Callable[[str], str] = str,
    ) -> None:
        self.timeline = Timeline(began, length)
        self._began = began
        self._functions: dict[str, FunctionCount] = {}
        self._sources: dict[str, SourceCount] = {}
        self._faults: Counter[str] = Counter()
        self._reword = reword
        self._notices: dict[tuple[str, str, str], datetime] = {}
        self._noticed: Counter[tuple[str, str, str]] = Counter()
        self._activity = asyncio.Event()
        self._takers: Mapping[type[Fact], Callable[[Any], None]] = {
            EventEmitted: self._emitted,
            BatchClosed: self._closed,
            RecordsFiltered: self._filtered,
            RecordsReturned: self._returned,
            MessageRedriven: self._redriven,
            InvocationStarted: self._started,
            InvocationFinished: self._finished,
            InvocationThrottled: self._throttled,
            RetryScheduled: self._retried,
            DeadLettered: self._dead,
            DestinationSent: self._sent,
            EventDropped: self._dropped,
            FaultInjected: self._struck,
            SimulatorCrashed: self._crashed,
            Notice: self._notice,
        }
        feed.tap(self._take)

    async def follow(self, simulator: Simulator) -> None:
        """Look at the simulator's levels until cancelled; after a crash, follow the next one."""
        levels = Levels(simulator, self.timeline)
        self._activity = asyncio.Event()  # one of the loop of this simulator
        try:
            await self._look_now_and_then(levels, simulator.clock)
        finally:
            self._nothing_runs(simulator.clock.now())

    def function(self, name: str) -> FunctionCount:
        """Return the counts of a function."""
        return _of(self._functions, name, FunctionCount)

    def report(self, ended: datetime, seed: int | None, script: ScriptReport | None = None) -> Report:
        """Return what there is to report."""
        return Report(
            began=self._began,
            ended=ended,
            seed=seed,
            sources=tuple(_source_report(name, count) for name, count in sorted(self._sources.items())),
            functions=tuple(_function_report(name, count) for name, count in sorted(self._functions.items())),
            series=tuple(self.timeline.series(ended)),
            step=self.timeline.step,
            script=script,
            faults=dict(sorted(self._faults.items())),
            notices=tuple(
                NoticeReport(*told, self._noticed[told], first) for told, first in self._notices.items()
            ),
        )

    async def _look_now_and_then(self, levels: Levels, clock: Clock) -> None:
        """Look when a step begins, and whenever something moves, though only so often in a step."""
        while True:
            step = self.timeline.next_step(clock.now())
            for _ in range(LOOKS_IN_A_STEP):
                self._activity.clear()
                await levels.take()
                # Much may move in one moment, and all of it is seen at its end.
                await clock.sleep_until(min(step, clock.now() + MOMENT))
                if not await wait_until(self._activity, step, clock):
                    break
            await clock.sleep_until(step)

    def _nothing_runs(self, now: datetime) -> None:
        """Forget invocations that have not come to their end: a crash ended them."""
        for name, count in self._functions.items():
            if count.running:
                count.running = 0
                self.timeline.level((f"functions.{name}", CONCURRENCY), 0, now)

    def _take(self, fact: Fact) -> None:
        taker = self._takers.get(type(fact))
        if taker is not None:
            taker(fact)

    def _source(self, name: str) -> SourceCount:
        return _of(self._sources, name, SourceCount)

    def _emitted(self, fact: EventEmitted) -> None:
        self._source(fact.source).events += 1
        self._activity.set()

    def _closed(self, fact: BatchClosed) -> None:
        source = self._source(fact.source)
        source.batches += 1
        source.records += fact.records
        self._activity.set()

    def _filtered(self, fact: RecordsFiltered) -> None:
        self._source(fact.source).filtered += fact.records

    def _returned(self, fact: RecordsReturned) -> None:
        self._source(fact.source).returned += fact.records
        self._activity.set()

    def _redriven(self, fact: MessageRedriven) -> None:
        self._source(fact.source).dead_letters += 1
        self._activity.set()

    def _started(self, fact: InvocationStarted) -> None:
        function = self.function(fact.function)
        function.running += 1
        function.cold_starts += fact.cold_start
        self.timeline.level((f"functions.{fact.function}", CONCURRENCY), function.running, fact.time)

    def _finished(self, fact: InvocationFinished) -> None:
        function = self.function(fact.function)
        function.running = max(0, function.running - 1)
        function.invocations += 1
        function.durations[_three_digits(fact.duration_ms)] += 1
        timeline, now = self.timeline, fact.time
        timeline.level((f"functions.{fact.function}", CONCURRENCY), function.running, now)
        timeline.add((ALL, INVOCATIONS), 1, now)
        if fact.function_error is not None:
            function.errors += 1
            function.error_types[fact.error_type or fact.function_error] += 1
            timeline.add((ALL, ERRORS), 1, now)

    def _throttled(self, fact: InvocationThrottled) -> None:
        self.function(fact.function).throttles += 1
        self.timeline.add((ALL, THROTTLES), 1, fact.time)

    def _retried(self, fact: RetryScheduled) -> None:
        self.function(fact.function).retries += 1

    def _dead(self, fact: DeadLettered) -> None:
        function = self.function(fact.function)
        function.dead_letters += 1
        function.endings[fact.condition] += 1

    def _struck(self, fact: FaultInjected) -> None:
        self._faults[fact.kind] += 1

    def _crashed(self, _: SimulatorCrashed) -> None:
        self._faults["simulator_crash"] += 1

    def _notice(self, fact: Notice) -> None:
        told = fact.level, fact.place, self._reword(fact.text)
        if fact.level != "info" and (told in self._notices or len(self._notices) < MOST_NOTICES):
            self._notices.setdefault(told, fact.time)
            self._noticed[told] += 1

    def _sent(self, fact: DestinationSent) -> None:
        if fact.kind == "on_failure":
            function = self.function(fact.function)
            function.failure_records += 1
            function.endings[fact.condition] += 1

    def _dropped(self, fact: EventDropped) -> None:
        function = self.function(fact.function)
        function.dropped += fact.records
        function.endings[fact.condition] += fact.records
        if fact.source is not None:
            self._source(fact.source).dropped += fact.records


def _of(counts: dict[str, C], name: str, make: Callable[[], C]) -> C:
    count = counts.get(name)
    if count is None:
        count = counts[name] = make()
    return count


def _three_digits(millis: float) -> float:
    """Round to what is worth telling, so that a million invocations take little room."""
    return round(millis, 2 if millis < 10 else 1 if millis < 100 else 0)


def _source_report(name: str, count: SourceCount) -> SourceReport:
    return SourceReport(
        name,
        events=count.events,
        records=count.records,
        batches=count.batches,
        filtered=count.filtered,
        returned=count.returned,
        dead_letters=count.dead_letters,
        dropped=count.dropped,
    )


def _function_report(name: str, count: FunctionCount) -> FunctionReport:
    return FunctionReport(
        name,
        invocations=count.invocations,
        errors=count.errors,
        error_types=dict(sorted(count.error_types.items())),
        retries=count.retries,
        throttles=count.throttles,
        dead_letters=count.dead_letters,
        failure_records=count.failure_records,
        dropped=count.dropped,
        endings=dict(sorted(count.endings.items())),
        cold_starts=count.cold_starts,
        p50_ms=percentile(count.durations, 50),
        p99_ms=percentile(count.durations, 99),
        max_ms=max(count.durations, default=None),
    )


def percentile(durations: Mapping[float, int], percent: int) -> float | None:
    """Return the duration within which so many percent of the counted ones are; None without any."""
    rank = -(-sum(durations.values()) * percent // 100)
    for millis, count in sorted(durations.items()):
        rank -= count
        if rank <= 0:
            return millis
    return None
