"""Order holds per FIFO message group, per shard and partition key, and per object key by its sequencer."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from engine.feed import MessageRedriven
from tests.simulation.journal import Broken, Journal, Run
from tests.simulation.scenario import Item

ORDER = "order is kept where it is promised"


def broken_order(journal: Journal) -> Iterator[Broken]:
    """Yield items that came before others of their key had come to an end."""
    by_key: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in journal.scenario.items.values():
        if item.is_wanted and item.token in journal.notes.accepted:
            by_key[item.place, journal.key_of(item)].append(item)
    ends = _ends(journal)
    for (place, key), items in by_key.items():
        if place.startswith("buckets."):
            yield from _sequencers(journal, items)
        elif (
            place.endswith(".fifo")
            and f"queues.{journal.dead_letter_queue(place)}" in journal.notes.moved_back
        ):
            yield from _overlapping(journal, place, key, items)  # what came back follows what came later
        elif place.endswith(".fifo") or place.startswith(("streams.", "tables.")):
            yield from _overtaking(journal, items, ends)
            yield from _overlapping(journal, place, key, items)


def _overtaking(journal: Journal, items: Sequence[Item], ends: Mapping[str, datetime]) -> Iterator[Broken]:
    position = {item.token: index for index, item in enumerate(items)}
    for run in _runs(journal, items):
        seen: set[str] = set()
        for each in run.items:
            if each.token not in position:
                continue
            for earlier in items[: position[each.token]]:
                end = ends.get(earlier.token)
                if earlier.token not in seen and (end is None or end > run.started):
                    text = f"{each.token} came at {run.started}, before {earlier.token} had ended"
                    yield Broken(ORDER, text, run.started, each.token)
            seen.add(each.token)


def _overlapping(journal: Journal, place: str, key: str, items: Sequence[Item]) -> Iterator[Broken]:
    for first, second in pairwise(_runs(journal, items)):
        if second.started < first.ended:
            text = f"two invocations at once with items of {place}, key {key}: until {first.ended}"
            yield Broken(ORDER, text, second.started, second.items[0].token)


def _sequencers(journal: Journal, items: Sequence[Item]) -> Iterator[Broken]:
    found = [
        (each.token, each.identifier)
        for item in items
        for run in journal.runs_of.get(item.token, ())[:1]
        for each in run.items
    ]
    for (first, before), (second, after) in pairwise(found):
        if not before < after:
            yield Broken(ORDER, f"the sequencer of {second} does not follow that of {first}", None, second)


def _runs(journal: Journal, items: Sequence[Item]) -> Sequence[Run]:
    found = {id(run): run for item in items for run in journal.runs_of.get(item.token, ())}
    return sorted(found.values(), key=lambda run: run.started)


def _ends(journal: Journal) -> Mapping[str, datetime]:
    """Return when each item was first out of the way of those that follow it."""
    ends: dict[str, datetime] = {}

    def end(token: str, moment: datetime) -> None:
        ends[token] = min(moment, ends.get(token, moment))

    for token in journal.scenario.items:
        for moment in journal.processed_at(token):
            end(token, moment)
    for given_up, given_up_tokens in journal.given_up:
        for token in given_up_tokens:
            end(token, given_up.at)
    tokens = {each.identifier: each.token for run in journal.runs for each in run.items}
    for fact in journal.facts:
        if isinstance(fact, MessageRedriven) and fact.message_id in tokens:
            end(tokens[fact.message_id], fact.time)
    if journal.crashes:  # which may have taken the fact with them
        for left in journal.left.messages:
            if left.queue.endswith("-dead.fifo"):
                for token in left.tokens:
                    end(token, journal.began)
    return ends
