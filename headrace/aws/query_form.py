"""The input of the AWS Query protocol: a form with names such as `Tags.member.1.Key`, read by a model.

What comes out is what the JSON protocol would have brought, so that an operation serves both: blobs stay in
base64, moments become seconds from 1970. Source: Smithy, "AWS Query protocol".
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from headrace.aws.json_protocol import BadInput
from headrace.aws.service_model import Model

NUMBER = re.compile(r"[0-9]{1,9}")

Node = dict[str, Any]  # a part of a name -> what is below it, or a text

# What SDKs send beside the members of an operation: its name, and signatures in the query.
AROUND = frozenset(
    {
        "Action",
        "Version",
        "AWSAccessKeyId",
        "Expires",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
    }
)


def members_of(pairs: Iterable[tuple[str, str]], shape: str | None, model: Model) -> dict[str, Any]:
    """Return the members of an operation's input. Raises BadInput for text that is not of a member's type.

    Fields that the model does not know stay, as text by their names, for the operation to refuse.
    """
    tree: Node = {}
    for name, value in pairs:
        if name not in AROUND and not name.startswith("X-Amz-"):
            _put(tree, name, value)
    return _structure(tree, model["shapes"][shape] if shape is not None else {}, model, "")


def _put(tree: Node, name: str, value: str) -> None:
    *above, last = name.split(".")
    node = tree
    for part in above:
        below = node.setdefault(part, {})
        if not isinstance(below, dict):
            if below:
                raise BadInput(f"{name} is given beside a value of what it is a part of.")
            below = node[part] = {}  # an empty text is how an empty list is written
        node = below
    if not isinstance(node.get(last), dict):
        node[last] = value


def _read(found: Any, reference: Mapping[str, Any], model: Model, place: str) -> Any:
    shape = model["shapes"][reference["shape"]]
    kind = shape["type"]
    if kind in ("structure", "list", "map"):
        node = found if isinstance(found, dict) else {}
        if found and not node:
            raise BadInput(f"{place} must be {_ARTICLES[kind]}")
        return _READERS[kind](node, shape, model, place)
    if isinstance(found, dict):
        raise BadInput(f"{place} must be text")
    return _scalar(found, kind, place)


def _structure(node: Node, shape: Mapping[str, Any], model: Model, place: str) -> dict[str, Any]:
    rest = dict(node)
    members: dict[str, Any] = {}
    for name, reference in shape.get("members", {}).items():
        below = model["shapes"][reference["shape"]]
        wire = wire_name(name, reference, below)
        if wire in rest:
            members[name] = _read(rest.pop(wire), reference, model, f"{place}{wire}")
    return members | rest


def _list(node: Node, shape: Mapping[str, Any], model: Model, place: str) -> list[Any]:
    member = shape["member"]
    items = node if shape.get("flattened") else node.get(member.get("locationName", "member"), {})
    return [_read(item, member, model, f"{place}.{number}") for number, item in _numbered(items, place)]


def _map(node: Node, shape: Mapping[str, Any], model: Model, place: str) -> dict[str, Any]:
    key = shape["key"].get("locationName", "key")
    value = shape["value"].get("locationName", "value")
    entries = node if shape.get("flattened") else node.get("entry", {})
    found: dict[str, Any] = {}
    for number, entry in _numbered(entries, place):
        if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
            raise BadInput(f"{place}.{number}.{key} is missing")
        found[entry[key]] = _read(entry.get(value, ""), shape["value"], model, f"{place}.{number}.{value}")
    return found


def _numbered(items: Any, place: str) -> list[tuple[int, Any]]:
    """Return items by their numbers, which may begin anywhere and have gaps."""
    if not isinstance(items, dict) or not all(NUMBER.fullmatch(name) for name in items):
        raise BadInput(f"{place} must be followed by numbers: {place}.1")
    return sorted((int(name), item) for name, item in items.items())


def _scalar(text: str, kind: str, place: str) -> Any:
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "timestamp":
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadInput(f"{place} must be {_ARTICLES[kind]}") from None
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise BadInput(f"{place} must be true or false")
        return text.lower() == "true"
    return text


def wire_name(name: str, reference: Mapping[str, Any], shape: Mapping[str, Any]) -> str:
    """Return what a member is called in forms and XML; a flattened list goes by the name of its items."""
    if shape["type"] == "list" and shape.get("flattened") and "locationName" in shape["member"]:
        return str(shape["member"]["locationName"])
    return str(reference.get("locationName", name))


_READERS = {"structure": _structure, "list": _list, "map": _map}
_ARTICLES = {
    "structure": "followed by the names of its members",
    "list": "followed by numbers",
    "map": "followed by numbers",
    "integer": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "timestamp": "a moment as ISO 8601 has it",
}
