"""Event patterns: which events a rule or a filter lets through, and why.

A pattern is compiled once. All its fields have to match, each with one of the values it allows; fields that
it does not name do not matter. Fields below an array have to match in one and the same element.
Source: EventBridge user guide, "Amazon EventBridge event patterns"; Lambda developer guide, "Control which
events Lambda sends to your function"; Event Ruler, the implementation behind both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.mapping.branch import Branch, Leaf
from engine.mapping.event_fields import Fields, WantedPaths
from engine.mapping.json_number import Scalar
from engine.mapping.pattern_grammar import read_pattern
from engine.mapping.pattern_tokens import InvalidPattern

__all__ = ["EventPattern", "Explanation", "Finding", "InvalidPattern", "compile_pattern"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A leaf of a pattern beside an event: the path, what the pattern allows there, what the event has there.

    `found` is empty when the event has no such field. `elsewhere` says that an accepted value is there, but
    in another element of an array than the leaves before.
    """

    path: str
    allowed: str
    found: tuple[Scalar, ...]
    matches: bool
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """What decided: all leaves of the branch that matches, or of each branch the leaf that does not."""

    matches: bool
    findings: tuple[Finding, ...]


class EventPattern:
    """A compiled pattern."""

    def __init__(self, branches: tuple[Branch, ...]) -> None:
        self._branches = branches
        self._wanted = WantedPaths(leaf.path for branch in branches for leaf in branch.leaves)

    @property
    def paths(self) -> frozenset[str]:
        """All paths that the pattern names, joined with dots."""
        return self._wanted.fields

    def matches(self, event: Any) -> bool:
        """Tell whether an event, parsed from JSON, matches. What is no object never does."""
        if not isinstance(event, dict):
            return False
        fields = self._wanted.find(event)
        return any(branch.failing_leaf(fields) is None for branch in self._branches)

    def explain(self, event: Any) -> Explanation:
        """Tell what decided whether an event matches."""
        fields = self._wanted.find(event if isinstance(event, dict) else {})
        deciding: dict[Leaf, Finding] = {}
        for branch in self._branches:
            leaf = branch.failing_leaf(fields)
            if leaf is None and isinstance(event, dict):
                return Explanation(
                    True, tuple(_finding(leaf, fields, matches=True) for leaf in branch.leaves)
                )
            leaf = leaf or branch.leaves[0]
            deciding.setdefault(leaf, _finding(leaf, fields, matches=False))
        return Explanation(False, tuple(deciding.values()))

    def only(self, wanted: Callable[[frozenset[str]], bool]) -> "EventPattern":
        """Return the pattern without the branches whose paths are not wanted; none left match nothing."""
        return EventPattern(
            tuple(
                branch for branch in self._branches if wanted(frozenset(leaf.path for leaf in branch.leaves))
            )
        )


def compile_pattern(text: str) -> EventPattern:
    """Compile the JSON text of a pattern. Raises InvalidPattern with AWS's message."""
    return EventPattern(read_pattern(text))


def _finding(leaf: Leaf, fields: Fields, *, matches: bool) -> Finding:
    found = tuple(value for value, _ in reversed(fields.get(leaf.path, ())))
    elsewhere = not matches and any(leaf.accepts(value) for value in found)
    return Finding(leaf.path, leaf.allowed, found, matches, elsewhere)
