"""Fields below one array belong together: they match only within one and the same element.

Source: Event Ruler, "Matching is array-consistent": fields are looked at in the order of their names, each
choice of an element binds those that come after it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from engine.mapping.event_fields import Elements


@dataclass(frozen=True, slots=True)
class Step:
    """One field of a pattern: the elements around its accepted values, and around all its values.

    When the field may be `absent`, it is enough that no value lies in the elements chosen before.
    """

    accepted: AbstractSet[Elements]
    present: AbstractSet[Elements]
    absent: bool


def first_inconsistent(steps: Sequence[Step]) -> int | None:
    """Return the number of the first step that no choice of elements satisfies together with those before.

    None when all are satisfied. Only what binds a later step is remembered of a choice, so that arrays side
    by side do not multiply.
    """
    binding = _arrays_of_later_steps(steps)
    choices: set[Elements] = {()}
    for number, step in enumerate(steps):
        candidates = _Candidates(step.accepted)
        following: set[Elements] = set()
        for choice in choices:
            if step.absent and not any(_merged(choice, elements) is not None for elements in step.present):
                following.add(_restricted(choice, binding[number]))
            for elements in candidates.near(choice):
                merged = _merged(choice, elements)
                if merged is not None:
                    following.add(_restricted(merged, binding[number]))
        if not following:
            return number
        choices = following
    return None


class _Candidates:
    """Elements by their outermost array, so that those of other elements need not be looked at."""

    def __init__(self, accepted: Iterable[Elements]) -> None:
        self._free: list[Elements] = []
        self._by_index: defaultdict[int, defaultdict[int, list[Elements]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for elements in accepted:
            if elements:
                array, index = elements[0]
                self._by_index[array][index].append(elements)
            else:
                self._free.append(elements)

    def near(self, choice: Elements) -> Iterator[Elements]:
        """Yield what does not contradict the choice in its outermost array."""
        yield from self._free
        chosen = dict(choice)
        for array, by_index in self._by_index.items():
            if array in chosen:
                yield from by_index.get(chosen[array], ())
            else:
                for many in by_index.values():
                    yield from many


def _merged(choice: Elements, elements: Elements) -> Elements | None:
    """Add elements to a choice; None when they are others of the same arrays."""
    merged = dict(choice)
    for array, index in elements:
        if merged.setdefault(array, index) != index:
            return None
    return tuple(sorted(merged.items()))


def _restricted(choice: Elements, arrays: AbstractSet[int]) -> Elements:
    return tuple(pair for pair in choice if pair[0] in arrays)


def _arrays_of_later_steps(steps: Sequence[Step]) -> list[frozenset[int]]:
    later: list[frozenset[int]] = []
    arrays: frozenset[int] = frozenset()
    for step in reversed(steps):
        later.append(arrays)
        reached = step.accepted | step.present if step.absent else step.accepted
        arrays |= {array for elements in reached for array, _ in elements}
    return later[::-1]
