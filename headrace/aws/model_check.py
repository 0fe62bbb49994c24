"""Holds what a client sent against the service's model: types, required members, lengths, ranges, patterns.

All violations are reported at once, in the words that AWS's services share. Members that the model does not
know are refused by name.
"""

import binascii
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from engine.errors import ValidationFailed
from headrace.aws.json_protocol import BadInput, Input, Operation
from headrace.aws.service_model import Model, service_model

LONGEST_SHOWN = 1000  # characters of a value in a message


def checked(model: Model, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input of an operation, without nulls, its timestamps as moments and its blobs as bytes.

    Raises BadInput for what has the wrong type or no place in the model, ValidationFailed for values out of
    their limits.
    """
    shape = model["operations"][operation].get("input")
    if shape is None:
        return {}
    found = _read(model, shape["shape"], members, "")
    violations = list(_violations(model, shape["shape"], found, ""))
    if violations:
        count = len(violations)
        noun = "errors" if count > 1 else "error"
        raise ValidationFailed(f"{count} validation {noun} detected: {'; '.join(violations)}")
    return dict(found)


def checking(
    service: str,
    version: str,
    operations: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]],
) -> dict[str, Operation]:
    """Return operations that take what a client sent as those of a service take what has been checked."""
    return {name: _checking(service, version, name, each) for name, each in operations.items()}


def _checking(
    service: str,
    version: str,
    name: str,
    operation: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
) -> Operation:
    async def operate(given: Input) -> Mapping[str, Any]:
        return await operation(checked(service_model(service, version), name, given.members))

    return operate


def _read(model: Model, shape_name: str, value: Any, place: str) -> Any:
    """Return a value in Python's types. Raises BadInput."""
    shape = model["shapes"][shape_name]
    kind = shape["type"]
    match kind:
        case "structure":
            return _read_structure(model, shape, _of(dict, value, place, "an object"), place)
        case "list":
            items = _of(list, value, place, "a list")
            member = shape["member"]["shape"]
            return [_read(model, member, item, f"{place}[{index}]") for index, item in enumerate(items)]
        case "map":
            entries = _of(dict, value, place, "an object")
            inner = shape["value"]["shape"]
            return {key: _read(model, inner, item, f"{place}.{key}") for key, item in entries.items()}
        case "string":
            return _of(str, value, place, "a string")
        case "boolean":
            return _of(bool, value, place, "true or false")
        case "integer" | "long":
            if isinstance(value, bool) or not isinstance(value, int):
                raise BadInput(f"{place} must be an integer")
            return value
        case "timestamp":
            return _moment(value, place)
        case "blob":
            return _blob(_of(str, value, place, "base64"), place)
    return value


def _read_structure(model: Model, shape: Model, given: Mapping[str, Any], place: str) -> dict[str, Any]:
    known = shape["members"]
    found = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in known:
            raise BadInput(f"{_inside(place, name)} is not simulated by Headrace.")
        found[name] = _read(model, known[name]["shape"], value, _inside(place, name))
    return found


def _of(kind: type, value: Any, place: str, words: str) -> Any:
    if not isinstance(value, kind):
        raise BadInput(f"{place or 'The request'} must be {words}")
    return value


def _moment(value: Any, place: str) -> datetime:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadInput(f"{place} must be a timestamp") from None


def _blob(text: str, place: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=bool(text))
    except ValueError:
        raise BadInput(f"{place} must be base64") from None


def _violations(model: Model, shape_name: str, value: Any, place: str) -> Iterator[str]:
    shape = model["shapes"][shape_name]
    kind = shape["type"]
    if kind == "structure":
        for name in shape.get("required", ()):
            if name not in value:
                where = f"Value null at '{_path(place, name)}'"
                yield f"{where} failed to satisfy constraint: Member must not be null"
        for name, item in value.items():
            yield from _violations(model, shape["members"][name]["shape"], item, _path(place, name))
        return
    yield from (
        f"Value '{_shown(value)}' at '{place}' failed to satisfy constraint: Member must {rule}"
        for rule in _broken_rules(shape, value)
    )
    if kind == "list":
        for number, item in enumerate(value, start=1):
            inner = f"{place}.{number}.member"
            yield from _violations(model, shape["member"]["shape"], item, inner)
    elif kind == "map":
        for key, item in value.items():
            yield from _violations(model, shape["value"]["shape"], item, f"{place}.{key}.member")


def _broken_rules(shape: Model, value: Any) -> Iterator[str]:
    """Yield what a value must be and is not."""
    if isinstance(value, str | list | dict | bytes):
        what, size = "have length", len(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        what, size = "have value", value
    else:
        return
    if "max" in shape and size > shape["max"]:
        yield f"{what} less than or equal to {shape['max']}"
    if "min" in shape and size < shape["min"]:
        yield f"{what} greater than or equal to {shape['min']}"
    if isinstance(value, str):
        pattern = shape.get("pattern")
        if pattern is not None and (compiled := _compiled(pattern)) and not compiled.fullmatch(value):
            yield f"satisfy regular expression pattern: {pattern}"
        if "enum" in shape and value not in shape["enum"]:
            yield f"satisfy enum value set: [{', '.join(shape['enum'])}]"


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return a pattern of the model; None for those in a dialect that Python does not know."""
    try:
        return re.compile(pattern, re.ASCII | re.DOTALL)
    except re.error:
        return None


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _path(place: str, name: str) -> str:
    lower = name[0].lower() + name[1:]
    return f"{place}.{lower}" if place else lower
