"""The JSON paths of InputPath and InputPathsMap: `$`, `$.detail.key`, `$.detail['key']`, `$.list[0]`, `[*]`.

Source: EventBridge user guide, "Amazon EventBridge input transformation".
"""

import re
from typing import Any

_STEP = re.compile(r"\.([^.\[\]'\"\s]+)|\[(\d+|\*)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")

Step = str | int | None  # a key, an index, or every element
MISSING = object()  # what a path that leads nowhere finds


class InvalidPath(ValueError):
    """Text that is not such a path."""


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path. Raises InvalidPath."""
    if not text.startswith("$"):
        raise InvalidPath(text)
    steps: list[Step] = []
    position = 1
    while position < len(text):
        matched = _STEP.match(text, position)
        if matched is None:
            raise InvalidPath(text)
        name, index, single, double = matched.groups()
        steps.append(
            (None if index == "*" else int(index)) if index is not None else name or single or double
        )
        position = matched.end()
    return tuple(steps)


def follow(value: Any, steps: tuple[Step, ...]) -> Any:
    """Return what a path leads to, MISSING when there is nothing."""
    for number, step in enumerate(steps):
        if step is None:
            if not isinstance(value, list):
                return MISSING
            found = (follow(item, steps[number + 1 :]) for item in value)
            return [item for item in found if item is not MISSING]
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return MISSING
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return MISSING
    return value
