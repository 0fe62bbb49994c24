"""All ways of delivering again, one after the other, each on fresh copies of the user's files."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from engine.clock import VIRTUAL_START, simulate
from engine.value import dataclass
from headrace.config import Configuration
from headrace.idempotency.repetition import (
    Change,
    Delivery,
    Event,
    Failure,
    Way,
    again,
    delivering,
    half_then_all,
    once,
    one_by_one,
    recut,
)
from headrace.simulation.sandbox import open_sandbox, temporary_folder
from triggers.replay.plan import EventFile, Plan, read_entry, read_event

T = TypeVar("T")


WAYS = 5  # once, and the four ways of delivering again


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one way of delivering; `change` is None when nothing changed."""

    way: str
    change: Change | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of all of them. `failures` are events that fail already when they are delivered once."""

    events: int
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]

    @property
    def is_idempotent(self) -> bool:
        """Whether nothing changed in any way; where every event fails, that shows nothing."""
        return not self.all_fail and all(finding.change is None for finding in self.findings)

    @property
    def all_fail(self) -> bool:
        """Whether no event is processed even when it is delivered once."""
        return len(self.failures) == self.events


def check_idempotency(
    configuration: Configuration,
    function: str,
    events: Sequence[Event],
    on_delivered: Callable[[], None] = lambda: None,
) -> Verdict:
    """Deliver the events in every way; `on_delivered` is called for each event, once in each of `WAYS`.

    Raises SandboxError, and HeadraceError for what keeps the function from being run at all.
    """
    run = partial(_in_a_sandbox, configuration, function, on_delivered)
    states, failures = run(partial(once, events=events))
    ways: dict[str, Way] = {
        "delivered twice": partial(again, events=events, after_a_crash=False),
        "one record at a time": partial(recut, events=events, expected=states, cut=one_by_one),
        "half a batch, then all of it": partial(recut, events=events, expected=states, cut=half_then_all),
        "again after a crash": partial(again, events=events, after_a_crash=True),
    }
    findings = [Finding(name, run(way)) for name, way in ways.items()]
    return Verdict(len(events), tuple(failures), tuple(findings))


def events_for(plan: Plan, function: str) -> Iterator[Event]:
    """Yield the events of a plan that are for a function: those that name it, and those that name none.

    Raises Malformed and OSError for a file that has changed since the plan was made.
    """
    for track in plan.tracks:
        if isinstance(track, EventFile):
            yield Event(str(track.path), read_event(track.path))
            continue
        with track.path.open("rb") as file:
            for offset, position in track.entries:
                recorded = read_entry(file, position)
                if recorded.function == function:
                    yield Event(f"{track.path} at {offset:.3f} s", recorded.payload)


def _in_a_sandbox(
    configuration: Configuration,
    function: str,
    on_delivered: Callable[[], None],
    way: Callable[[Delivery], Awaitable[T]],
) -> T:
    async def deliver(sandboxed: Configuration) -> T:
        async with delivering(sandboxed, function, on_delivered) as delivery:
            return await way(delivery)

    with temporary_folder() as folder:
        return simulate(deliver(open_sandbox(configuration, folder)), VIRTUAL_START)
