"""The fields of an event that a pattern asks for: paths with dots, each with its values and where they lie.

A path joins the keys on its way, so a key that itself has dots is like nested keys. Arrays leave no trace
in the path. An object or an array in an array is an element; a value remembers the elements around it.
Source: Event Ruler, Event.
"""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from engine.mapping.json_number import Scalar, comparable

Elements = tuple[tuple[int, int], ...]  # (number of an array, index in it), the outermost first
Fields = Mapping[str, list[tuple[Scalar, Elements]]]


class WantedPaths:
    """The paths of a pattern, and all that lead to them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.fields = frozenset(paths)
        self.ways = frozenset(
            path[:index] for path in self.fields for index, char in enumerate(path) if char == "."
        )

    def find(self, event: Mapping[str, Any]) -> Fields:
        """Return the wanted fields of an event; one has at least one value that is no container."""
        found: dict[str, list[tuple[Scalar, Elements]]] = {}
        arrays = count()
        waiting: list[tuple[str | None, Any, Elements]] = [(None, event, ())]
        while waiting:
            path, value, elements = waiting.pop()
            if isinstance(value, dict):
                if path is None or path in self.ways:
                    for key, inner in value.items():
                        name = key if path is None else f"{path}.{key}"
                        if name in self.fields or name in self.ways:
                            waiting.append((name, inner, elements))
            elif isinstance(value, list):
                array = next(arrays)
                for index, inner in enumerate(value):
                    is_element = isinstance(inner, dict | list)
                    waiting.append((path, inner, (*elements, (array, index)) if is_element else elements))
            elif path in self.fields:
                found.setdefault(path, []).append((_scalar(value), elements))
        return found


def _scalar(value: Any) -> Scalar:
    if isinstance(value, int) and not isinstance(value, bool):
        return comparable(value)
    scalar: Scalar = value
    return scalar
