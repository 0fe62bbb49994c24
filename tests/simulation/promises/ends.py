"""The books balance: what was accepted ends, exactly once where nothing may be delivered twice."""

from collections.abc import Iterator
from datetime import timedelta

from engine.feed import EventDropped, EventNeverRan
from tests.simulation.journal import Broken, Journal
from tests.simulation.records import Tokens
from tests.simulation.scenario import Item

LOST = "nothing accepted is lost"
TWICE = "nothing ends twice unless a fault repeats it"
REFUSED = "what was refused leaves no trace"
FILTERED = "what the filter keeps back reaches no function"
WAITING = "nothing is left lying that could be delivered"
RECORDED = "every destination gets its record"


def broken_ends(journal: Journal) -> Iterator[Broken]:
    """Yield items without an end, with two, with one that they must not have."""
    dropped = _dropped(journal)
    for item in journal.scenario.items.values():
        ends = _ends(journal, item, dropped)
        yield from _of_item(journal, item, ends)
    yield from _waiting(journal)


def _of_item(journal: Journal, item: Item, ends: list[str]) -> Iterator[Broken]:
    token, notes = item.token, journal.notes
    runs = journal.runs_of.get(token, ())
    if token in notes.refused:
        if runs or ends not in ([], ["filtered"]):
            yield Broken(
                REFUSED, f"{_told(item)} was refused ({notes.refused[token]}), yet {ends}", None, token
            )
        return
    if not item.is_wanted and runs:
        yield Broken(FILTERED, f"{_told(item)} was given to {runs[0].function}", runs[0].started, token)
    if token not in notes.accepted:
        return
    if not ends:
        text = (
            f"{_told(item)}, accepted at {notes.accepted[token]}, was tried {len(runs)} times, without an end"
        )
        yield Broken(LOST, text, None, token)
    if len(ends) > 1 and not journal.may_repeat:
        yield Broken(TWICE, f"{_told(item)} ended as {', '.join(ends)}", None, token)


def _ends(journal: Journal, item: Item, dropped: set[str]) -> list[str]:
    token = item.token
    ends = ["processed"] * len(journal.processed_at(token))
    kind = item.place.partition(".")[0]
    if kind in ("buckets", "functions"):
        return ends + _given_up_events(journal, token, journal.function_of(item.place), dropped)
    if not item.is_wanted:
        return [*ends, "filtered"]
    if kind in ("streams", "tables"):
        return ends + ["given up" for _, tokens in journal.given_up if token in tokens]
    dead = journal.dead_letter_queue(item.place)
    ends += ["dead-lettered" for left in journal.left.messages if left.queue == dead and token in left.tokens]
    return ends or ["expired"] * _has_expired(journal, item)


def _has_expired(journal: Journal, item: Item) -> bool:
    retention = journal.queue(item.place).get("message_retention_period", 4 * 86_400)
    accepted = journal.notes.accepted.get(item.token)
    return accepted is not None and accepted + timedelta(seconds=retention) <= journal.ended


def _given_up_events(journal: Journal, token: str, function: str, dropped: set[str]) -> list[str]:
    """Return that an event was given up, as often as each of its destinations heard of it, or nobody."""
    settings = journal.settings_of(function)
    queues = [
        queue
        for option, queue in (("on_failure", "failures"), ("dead_letter", "letters"))
        if option in settings
    ]
    if queues:
        counts = [journal.messages_about(token, queue) for queue in queues]
        return ["given up"] * max(counts)
    if token in dropped:
        return ["given up"]
    # Nothing but a fact tells of it, and that is lost with a simulator that crashes at this very moment.
    ran = journal.runs_of.get(token, ())
    return ["given up"] * bool(journal.crashes and ran and token not in journal.left.events)


def _dropped(journal: Journal) -> set[str]:
    tokens = Tokens(journal.scenario.items)
    found = {fact.request_id for fact in journal.facts if isinstance(fact, EventDropped)}
    about = {each.token for run in journal.runs if run.request_id in found for each in run.items}
    for fact in journal.facts:
        if isinstance(fact, EventNeverRan):
            about.update(each.token for each in tokens.of_event(fact.event))
    return about | found


def _waiting(journal: Journal) -> Iterator[Broken]:
    for left in journal.left.messages:
        place = f"queues.{left.queue}"
        items = journal.scenario.items
        if any(mapping["source"] == place for mapping in journal.scenario.mappings) and not any(
            token in items and _has_expired(journal, items[token]) for token in left.tokens
        ):
            yield Broken(WAITING, f"{left.tokens} are still in {place}", None, left.tokens[0])
    for request_id in journal.left.events:
        yield Broken(WAITING, f"request {request_id} is still queued", None, request_id)


def broken_records(journal: Journal) -> Iterator[Broken]:
    """Yield events whose destinations heard of them too seldom, or too often."""
    dropped = _dropped(journal)
    for token, function in journal.events():
        settings = journal.settings_of(function)
        given_up = [
            journal.messages_about(token, queue)
            for option, queue in (("on_failure", "failures"), ("dead_letter", "letters"))
            if option in settings
        ]
        if len(given_up) == 2:
            yield from _compare(journal, token, "dead_letter, as on_failure", *given_up)
        if "on_success" in settings:
            wanted = len(journal.processed_at(token))
            if settings["on_success"] == "queues.successes":
                got = journal.messages_about(token, "successes")
            else:
                got = len({run.request_id for run in journal.runs_of.get(f"record of {token}", ())})
            # Of what ran twice the other run may have counted, and that one failed.
            if got or not (journal.may_repeat and (any(given_up) or token in dropped or not given_up)):
                yield from _compare(journal, token, "on_success", wanted, got)


def _compare(journal: Journal, token: str, option: str, wanted: int, got: int) -> Iterator[Broken]:
    """Hold counts against each other. What ran again after a crash was settled only once."""
    if got > wanted or (wanted and not got) or (got < wanted and not journal.may_repeat):
        yield Broken(RECORDED, f"{token}: {option} has {got} records, not {wanted}", None, token)


def _told(item: Item) -> str:
    return f"{item.token} of {item.place}, key {item.key}"
