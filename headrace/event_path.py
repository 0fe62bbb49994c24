"""Paths into an event, such as `Records[0].s3.object.size`.

`[*]` is every element of a list, `["a.b"]` a key with a dot in it. A path goes on inside text that holds
JSON (the body of an SQS message), base64 of JSON (the data of a Kinesis record) or base64 of zipped JSON
(CloudWatch Logs).
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

from engine.errors import HeadraceError

STEP = re.compile(r'\.?([^.\[\]]+)|\[(\d+|\*)\]|\["([^"]+)"\]')
ZIPPED = "H4sI"  # how base64 of gzip begins


class BadPath(HeadraceError):
    """The path does not lead to a place in this event."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem


def set_value(event: Any, path: str, value: Any) -> Any:
    """Return `event` with `value` at `path`, changed in place where that is possible.

    Missing objects on the way are made. Raises BadPath when the path meets a number, plain text, or an
    element that a list does not have.
    """
    steps = _steps(path)
    if not steps:
        raise BadPath(path, 'a path looks like "Records[0].body"')

    def place(target: Any, depth: int) -> Any:
        if depth == len(steps):
            return value
        step = steps[depth]
        if isinstance(target, str):
            opened = open_text(target)
            if opened is None:
                raise BadPath(path, f"what is before {_shown(step)!r} is plain text")
            inner, close = opened
            return close(place(inner, depth))
        if isinstance(step, int) or step == "[*]":
            if not isinstance(target, list):
                raise BadPath(path, f"what is before {_shown(step)} is not a list")
            positions = range(len(target)) if step == "[*]" else [int(step)]
            if positions and positions[-1] >= len(target):
                raise BadPath(path, f"the list has {len(target)} elements, so there is no {_shown(step)}")
            for position in positions:
                target[position] = place(target[position], depth + 1)
            return target
        if not isinstance(target, dict):
            raise BadPath(path, f"what is before {step!r} has no fields")
        target[step] = place(target.get(step, {}), depth + 1)
        return target

    return place(event, 0)


def get_value(event: Any, path: str) -> Any:
    """Return what is at a path of keys and positions. Raises BadPath when there is nothing."""
    for step in _steps(path):
        try:
            event = event[step]
        except (KeyError, IndexError, TypeError):
            raise BadPath(path, f"there is no {_shown(step)}") from None
    return event


def open_text(text: str) -> tuple[Any, Callable[[Any], str]] | None:
    """Return the value that a text holds, and how to put a changed one back; None for plain text."""
    if text.startswith(("{", "[")):
        try:
            return json.loads(text), _dump
        except ValueError:
            return None
    if not text.startswith((ZIPPED, "eyJ", "W3", "Wy")):
        return None
    try:
        raw = base64.b64decode(text, validate=True)
        if text.startswith(ZIPPED):
            import gzip

            return json.loads(gzip.decompress(raw)), _zip
        return json.loads(raw), lambda value: base64.b64encode(_dump(value).encode()).decode()
    except (binascii.Error, OSError, EOFError, ValueError):
        return None


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        found = STEP.match(path, position)
        if found is None:
            raise BadPath(path, f"{path[position:]!r} is not a step of a path")
        key, index, quoted = found.groups()
        if index is None:
            steps.append(key or quoted)
        else:
            steps.append("[*]" if index == "*" else int(index))
        position = found.end()
    return steps


def _shown(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else step


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _zip(value: Any) -> str:
    import gzip

    return base64.b64encode(gzip.compress(_dump(value).encode(), mtime=0)).decode()
