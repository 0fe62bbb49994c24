"""What a simulation came to: one value, which is printed, written as a page, or given to a program.

Nothing in it depends on how long anything really took: two runs with one seed have equal reports.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from engine.clock import iso_millis, iso_seconds
from engine.value import dataclass
from headrace.simulation.timeline import Series

MESSAGES = "messages"
ITERATOR_AGE = "seconds of iterator age"
EVENTS = "asynchronous events"
ERRORS = "errors"
THROTTLES = "throttles"
CONCURRENCY = "at once"
INVOCATIONS = "invocations"
UNITS = (MESSAGES, ITERATOR_AGE, EVENTS, ERRORS, THROTTLES, CONCURRENCY, INVOCATIONS)  # of series


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What came from a source.

    `events` were pushed to functions, `records` read by mappings in batches; `returned` messages showed again
    after a failure, `dead_letters` went to the queue's dead-letter queue, `dropped` records were given up.
    """

    name: str
    events: int
    records: int
    batches: int
    filtered: int
    returned: int
    dead_letters: int
    dropped: int


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """What became of a function's invocations. Durations are simulated ones, None where nothing ran.

    `error_types` says how often each type came. Events that ended without success: `dead_letters`,
    `failure_records` sent to an on-failure destination, and `dropped`; `endings` says why.
    """

    name: str
    invocations: int
    errors: int
    error_types: Mapping[str, int]
    retries: int
    throttles: int
    dead_letters: int
    failure_records: int
    dropped: int
    endings: Mapping[str, int]
    cold_starts: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass(frozen=True, slots=True)
class ScriptReport:
    """What became of a script: how many actions were done, and what went wrong."""

    performed: int
    failures: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a line."""
        actions = "1 action" if self.performed == 1 else f"{self.performed} actions"
        return f"{actions} done, {len(self.failures)} failed"


@dataclass(frozen=True, slots=True)
class NoticeReport:
    """A warning or an error that the simulator gave, how often, and when first."""

    level: str
    place: str
    text: str
    count: int
    first: datetime

    def __str__(self) -> str:
        """Say it in a line."""
        times = "" if self.count == 1 else f", {self.count:,} times"
        return f"{self.level}: {self.place}: {self.text} ({iso_seconds(self.first)}{times})"


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a simulation. `step` is how much of the time each value of the series stands for.

    `faults` says how often declared faults struck, by their kinds. `notices` come in order.
    """

    began: datetime
    ended: datetime
    seed: int | None
    sources: tuple[SourceReport, ...]
    functions: tuple[FunctionReport, ...]
    series: tuple[Series, ...]
    step: timedelta
    script: ScriptReport | None = None
    faults: Mapping[str, int] = field(default_factory=dict)
    notices: tuple[NoticeReport, ...] = ()

    @property
    def length(self) -> timedelta:
        """Return how much time was simulated."""
        return self.ended - self.began

    @property
    def told_series(self) -> list[Series]:
        """Return the series that are not zero all the while, those first that show what piled up."""
        told = [series for series in self.series if series.highest > 0]
        return sorted(told, key=lambda series: UNITS.index(series.unit))


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON values; durations are in seconds where they do not say otherwise."""
    script = report.script
    return {
        "began": iso_millis(report.began),
        "ended": iso_millis(report.ended),
        "simulated_seconds": report.length.total_seconds(),
        "seed": report.seed,
        "sources": {source.name: _figures(source) for source in report.sources},
        "functions": {function.name: _figures(function) for function in report.functions},
        "faults": dict(report.faults),
        "notices": [
            {
                "level": notice.level,
                "place": notice.place,
                "text": notice.text,
                "count": notice.count,
                "first": iso_millis(notice.first),
            }
            for notice in report.notices
        ],
        "script": None
        if script is None
        else {"performed": script.performed, "failures": list(script.failures)},
        "step_seconds": report.step.total_seconds(),
        "series": [
            {"name": series.name, "unit": series.unit, "values": list(series.values)}
            for series in report.series
        ],
    }


def _figures(part: SourceReport | FunctionReport) -> dict[str, Any]:
    names = [name for name in type(part).__match_args__ if name != "name"]
    values = {name: getattr(part, name) for name in names}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
