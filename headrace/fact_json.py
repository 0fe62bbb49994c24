"""The feed as JSON Lines: `headrace run --json`."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson

from engine.clock import iso_millis
from engine.feed import Fact

LEFT_OUT = frozenset({"event", "payload"})  # they can be megabytes; a recording holds them

_Shape = tuple[
    tuple[str, ...], Callable[[Fact], tuple[Any, ...]]
]  # the names of a line, and what gets its values


def fact_json(fact: Fact) -> bytes:
    """Return one line without its end: `{"fact": "InvocationFinished", "time": ..., ...}`."""
    names, values_of = _SHAPES.get(type(fact)) or _shape(type(fact))
    line = dict(zip(names, values_of(fact), strict=True))
    return orjson.dumps(line, default=_text, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _shape(kind: type[Fact]) -> _Shape:
    names = [field.name for field in fields(kind) if field.name not in LEFT_OUT]
    _SHAPES[kind] = ("fact", *names), attrgetter("__class__.__name__", *names)
    return _SHAPES[kind]


def _text(value: object) -> str:
    return iso_millis(value) if isinstance(value, datetime) else str(value)


_SHAPES: dict[type[Fact], _Shape] = {}
