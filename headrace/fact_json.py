"""The feed as JSON Lines: `headrace run --json`."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import orjson

from engine.clock import iso_millis
from engine.feed import Fact

LEFT_OUT = frozenset({"event", "payload"})  # they can be megabytes; a recording holds them


def fact_json(fact: Fact) -> bytes:
    """Return one line without its end: `{"fact": "InvocationFinished", "time": ..., ...}`."""
    line: dict[str, Any] = {"fact": type(fact).__name__}
    for name in _field_names(type(fact)):
        value = getattr(fact, name)
        line[name] = iso_millis(value) if isinstance(value, datetime) else value
    return orjson.dumps(line, default=str)


def _field_names(kind: type[Fact]) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(field.name for field in fields(kind) if field.name not in LEFT_OUT)
    return names


_NAMES: dict[type[Fact], tuple[str, ...]] = {}
