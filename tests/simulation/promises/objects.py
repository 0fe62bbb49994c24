"""A bucket's folder holds what was put there last."""

from collections.abc import Iterator

from tests.simulation.journal import Broken, Journal
from tests.simulation.scenario import Give, Item

HELD = "a bucket holds what was put there last"


def broken_objects(journal: Journal) -> Iterator[Broken]:
    """Yield keys whose content is another one."""
    puts: dict[str, list[Item]] = {}
    for step in journal.scenario.steps:
        if isinstance(step.act, Give) and step.act.items[0].place.startswith("buckets."):
            for item in step.act.items:
                puts.setdefault(journal.key_of(item), []).append(item)
    for key, items in puts.items():
        possible = _last_of(journal, items)
        found = journal.left.objects.get(key)
        if possible and found not in [item.text().encode() for item in possible]:
            expected = " or ".join(item.token for item in possible)
            yield Broken(HELD, f"{key} holds {found!r}, not {expected}", None, possible[-1].token)


def _last_of(journal: Journal, items: list[Item]) -> list[Item]:
    """Return the item that was accepted last, and those after it of which nobody knows."""
    possible: list[Item] = []
    for item in items:
        if item.token in journal.notes.accepted:
            possible = [item]
        elif item.token in journal.notes.uncertain and possible:
            possible.append(item)
    return possible
