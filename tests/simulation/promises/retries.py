"""Retries and ages stay within their limits, and the pauses between attempts are those of AWS."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from tests.simulation.journal import Broken, Journal, Run
from tests.simulation.scenario import Item

ATTEMPTS = "nothing is tried more often than it may be"
PAUSES = "retries wait as long as they should"
AGES = "nothing is tried that has become too old"
SLACK = timedelta(seconds=15)  # between the decision to try and the start, which may wait for an environment
PAUSES_OF_EVENTS = (timedelta(minutes=1), timedelta(minutes=2))
MILLISECOND = timedelta(milliseconds=1)  # how exact the store is


def broken_retries(journal: Journal) -> Iterator[Broken]:
    """Yield attempts that should not have been made, or not yet."""
    for item in journal.scenario.items.values():
        runs = journal.runs_of.get(item.token, ())
        kind = item.place.partition(".")[0]
        if kind == "queues":
            yield from _of_message(journal, item, runs)
        elif kind in ("streams", "tables"):
            yield from _of_record(journal, item, runs)
    for token, function in journal.events():
        yield from _of_event(journal, token, function)


def _of_message(journal: Journal, item: Item, runs: Sequence[Run]) -> Iterator[Broken]:
    queue = journal.queue(item.place)
    most = queue.get("redrive_policy", {}).get("max_receive_count")
    counts = [each.receive_count for run in runs for each in run.items if each.token == item.token]
    dead = journal.dead_letter_queue(item.place)
    if f"queues.{dead}" in journal.notes.moved_back:
        return  # and received anew
    if most is not None and (len(runs) > most or any(count > most for count in counts)):
        text = (
            f"{item.token} was received {max(counts)} times and tried {len(runs)} times, not {most} at most"
        )
        yield Broken(ATTEMPTS, text, runs[-1].started, item.token)
    retention = timedelta(seconds=queue.get("message_retention_period", 4 * 86_400))
    yield from _too_old(journal, item.token, runs, retention + SLACK)
    hidden = timedelta(seconds=queue["visibility_timeout"])
    if len(runs) > 1 and not journal.may_repeat:
        received = runs[0].first_received_at[item.token]
        if counts[:2] == [1, 2] and runs[1].started < received + hidden - MILLISECOND:
            text = f"{item.token}, received at {received}, was received again at {runs[1].started}"
            yield Broken(PAUSES, text, runs[1].started, item.token)


def _of_record(journal: Journal, item: Item, runs: Sequence[Run]) -> Iterator[Broken]:
    mapping = journal.scenario.mapping_of(item.place)
    most, age = mapping["maximum_retry_attempts"], mapping["maximum_record_age_in_seconds"]
    failed = [run for run in runs if item.token not in run.processed]
    if most >= 0 and not journal.may_repeat:
        # A batch that is cut begins to count anew, and may be cut until it has a single record.
        allowed = most + 1 + (mapping["batch_size"] if mapping["bisect_batch_on_function_error"] else 0)
        if len(failed) > allowed:
            text = f"{item.token} failed {len(failed)} times, {allowed} are allowed"
            yield Broken(ATTEMPTS, text, failed[-1].started, item.token)
    if age > 0:
        yield from _too_old(journal, item.token, runs, timedelta(seconds=age) + SLACK)


def _of_event(journal: Journal, token: str, function: str) -> Iterator[Broken]:
    settings, runs = journal.settings_of(function), journal.runs_of.get(token, ())
    if not journal.may_repeat and len(runs) > settings["maximum_retry_attempts"] + 1:
        yield Broken(ATTEMPTS, f"{token} was tried {len(runs)} times", runs[-1].started, token)
    age = timedelta(seconds=settings["maximum_event_age_in_seconds"])
    yield from _too_old(journal, token, runs, age + SLACK)
    if journal.may_repeat:
        return
    for number, (first, second) in enumerate(pairwise(runs)):
        if second.started - first.ended < PAUSES_OF_EVENTS[min(number, 1)] - MILLISECOND:
            text = f"{token} failed at {first.ended} and was tried again at {second.started}"
            yield Broken(PAUSES, text, second.started, token)


def _too_old(journal: Journal, token: str, runs: Sequence[Run], age: timedelta) -> Iterator[Broken]:
    """Yield attempts of what was too old. Time while no simulator ran makes nothing too old."""
    accepted = journal.notes.accepted.get(token)
    if accepted is None:
        return
    for run in runs:
        if run.started > accepted + age and journal.was_spared(accepted, run.started):
            text = f"{token}, accepted at {accepted}, was tried at {run.started}"
            yield Broken(AGES, text, run.started, token)
