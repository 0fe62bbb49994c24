"""One way to satisfy a pattern: leaves that all have to hold. `$or` makes several branches."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.mapping.array_consistency import Step, first_inconsistent
from engine.mapping.event_fields import Fields
from engine.mapping.json_number import Scalar
from engine.mapping.match_value import MatchValue


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field and what the pattern allows there, also as it is written in the pattern.

    `absent` is `{"exists": false}`: the event may do without the field.
    """

    path: str
    match_values: tuple[MatchValue, ...]
    absent: bool
    allowed: str

    def accepts(self, value: Scalar) -> bool:
        """Tell whether one of the match values accepts a value."""
        return any(match_value.accepts(value) for match_value in self.match_values)


@dataclass(frozen=True, slots=True)
class Branch:
    """Leaves in the order of their paths."""

    leaves: tuple[Leaf, ...]

    def failing_leaf(self, fields: Fields) -> Leaf | None:
        """Return the first leaf that does not hold; None when all do, within one element of each array."""
        in_elements = False
        for leaf in self.leaves:
            values = fields.get(leaf.path, ())
            here = any(elements for _, elements in values)
            in_elements = in_elements or here
            if not values:
                holds = leaf.absent
            else:
                holds = (leaf.absent and here) or any(leaf.accepts(value) for value, _ in values)
            if not holds:
                return leaf
        if not in_elements:
            return None
        number = first_inconsistent(list(self._steps(fields)))
        return None if number is None else self.leaves[number]

    def _steps(self, fields: Fields) -> Iterator[Step]:
        for leaf in self.leaves:
            values = fields.get(leaf.path, ())
            accepted = {elements for value, elements in values if leaf.accepts(value)}
            yield Step(accepted, {elements for _, elements in values}, leaf.absent)
