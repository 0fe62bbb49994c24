"""What nothing stands in the way of reaches its handler at once, so that a lost wake-up is seen."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from engine.duration import parse_duration
from engine.mapping.queue_scaling import LEAST_WHEN_QUIET
from tests.simulation.journal import Broken, Journal, Run
from tests.simulation.scenario import ENVIRONMENTS, Give, Item

AT_ONCE = "what nothing stands in the way of is delivered at once"
SETTLING = timedelta(seconds=0.3)  # of a file that somebody else has written
ALLOWANCE = timedelta(milliseconds=200)


def broken_latency(journal: Journal) -> Iterator[Broken]:
    """Yield items that came late although nothing held them up."""
    if not journal.scenario.is_calm:
        return
    before: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for step in journal.scenario.steps:
        if not isinstance(step.act, Give):
            continue
        for item in step.act.items:
            if not item.is_wanted or item.token not in journal.notes.accepted:
                continue
            due = journal.notes.accepted[item.token] + _delay(journal, step.act)
            if _keeps_order(item.place):
                earlier = before[item.place, item.key]
                yield from _late(journal, item, step.act, _after(journal, due, earlier))
                earlier.append(item)
            elif len(step.act.items) == 1:
                yield from _late(journal, item, step.act, due)


def _keeps_order(place: str) -> bool:
    return place.endswith(".fifo") or place.startswith(("streams.", "tables."))


def _after(journal: Journal, due: datetime, earlier: Sequence[Item]) -> datetime | None:
    """Return when what came earlier was out of the way; None when that is not certain."""
    ends = [min(journal.processed_at(item.token), default=None) for item in earlier]
    known = [end for end in ends if end is not None]
    return max((due, *known)) if len(known) == len(ends) else None


def _late(journal: Journal, item: Item, give: Give, due: datetime | None) -> Iterator[Broken]:
    if due is None:
        return
    function = journal.function_of(item.place)
    latest = due + _allowed(journal, item.place, function) + (SETTLING if give.as_files else timedelta())
    if not _is_free(journal, item, due, latest):
        return
    runs = journal.runs_of.get(item.token, ())
    if not runs or runs[0].started > latest:
        began = runs[0].started if runs else "never"
        text = f"{item.token} of {item.place}, due at {due}, began at {began}"
        yield Broken(AT_ONCE, text, latest, item.token)


def _is_free(journal: Journal, item: Item, since: datetime, until: datetime) -> bool:
    """Say whether there was room for the function, and nothing that failed was in the way."""
    function = journal.function_of(item.place)
    if any(fact.function == function for fact in journal.throttled if fact.time <= until):
        return False
    at_work = [run for run in journal.runs if run.started <= until and run.ended > since]
    others = [run for run in at_work if run.function == function and item.token not in _tokens(run)]
    if len(at_work) > ENVIRONMENTS // 2 or len(others) >= _room(journal, item.place, function, until):
        return False
    if not _keeps_order(item.place):
        return True
    return not any(
        run.function == function and run.started <= until and not _tokens(run) <= run.processed
        for run in journal.runs
    )


def _tokens(run: Run) -> set[str]:
    return {each.token for each in run.items}


def _room(journal: Journal, place: str, function: str, moment: datetime) -> int:
    """Return how many invocations of the function there may be at once, at the least."""
    reserved: int = journal.settings_of(function).get("reserved_concurrency", ENVIRONMENTS)
    if _keeps_order(place):
        return 1
    if place != "queues.jobs":
        return reserved
    has_failed = any(
        run.has_failed for run in journal.runs if run.function == function and run.ended <= moment
    )
    return 1 if has_failed else min(reserved, LEAST_WHEN_QUIET)


def _delay(journal: Journal, give: Give) -> timedelta:
    if give.delay is not None:
        return timedelta(seconds=give.delay)
    place = give.items[0].place
    return timedelta(
        seconds=journal.queue(place).get("delay_seconds", 0) if place.startswith("queues.") else 0
    )


def _allowed(journal: Journal, place: str, function: str) -> timedelta:
    """Return how long a batching window and the start of an environment may take."""
    mapping = next((each for each in journal.scenario.mappings if each["source"] == place), {})
    window = timedelta(seconds=mapping.get("maximum_batching_window_in_seconds", 0))
    return window + parse_duration(str(journal.settings_of(function)["simulated_init_duration"])) + ALLOWANCE
