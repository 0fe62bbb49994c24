"""The REST-JSON protocol, by a service's model: which operation a request is for, and what it says.

Source: Smithy, "AWS restJson1 protocol"; texts of refused values as Lambda's, recorded on AWS by LocalStack's
test_lambda_api suite.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import web
from multidict import MultiMapping

from engine.errors import ApiError, ValidationFailed
from engine.value import dataclass
from headrace.aws.service_model import Model

Shape = Mapping[str, Any]
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
}


class Unreadable(ApiError):
    """The request is not what the operation takes."""

    code = "SerializationException"


class EntityTooLarge(ApiError):
    """The request is larger than the operation takes."""

    code = "RequestEntityTooLargeException"
    http_status = 413


@dataclass(frozen=True, slots=True)
class Call:
    """A request for an operation. `labels` are the parts of its path that are parameters."""

    operation: str
    labels: Mapping[str, str]
    input_shape: str | None
    status: int


@dataclass(frozen=True, slots=True)
class _Route:
    operation: str
    method: str
    path: re.Pattern[str]
    query: tuple[tuple[str, str], ...]
    input_shape: str | None
    status: int


class RestJson:
    """Reads requests of one service. `limits` replace members of shapes of the model, such as `max`."""

    def __init__(self, model: Model, limits: Mapping[str, Mapping[str, Any]]) -> None:
        self._shapes: Mapping[str, Shape] = {
            **model["shapes"],
            **{name: {**model["shapes"][name], **changed} for name, changed in limits.items()},
        }
        self._routes = [_route(name, operation) for name, operation in model["operations"].items()]
        # One that insists on something in the query goes first.
        self._routes.sort(key=lambda route: -len(route.query))

    def find(self, method: str, raw_path: str, query: Mapping[str, str]) -> Call | None:
        """Return what a request is for; None when the service has no such operation."""
        path = raw_path.partition("?")[0]
        for route in self._routes:
            if route.method != method or any(query.get(name) != value for name, value in route.query):
                continue
            if (matched := route.path.fullmatch(path)) is not None:
                labels = {name: unquote(value) for name, value in matched.groupdict().items()}
                return Call(route.operation, labels, route.input_shape, route.status)
        return None

    def parameters(self, call: Call, query: MultiMapping[str], body: bytes) -> dict[str, Any]:
        """Return what the request says, by the names of the model; blobs are still base64.

        Raises Unreadable and ValidationFailed for what the model does not allow.
        """
        if call.input_shape is None:
            return {}
        shape = self._shapes[call.input_shape]
        members = _members(body)
        found: dict[str, Any] = {}
        in_body = set()
        for name, member in shape["members"].items():
            wire_name = member.get("locationName", name)
            match member.get("location"):
                case "uri":
                    found[name] = self._of_text(member["shape"], call.labels[_label(wire_name)], wire_name)
                case "querystring":
                    if (
                        value := self._of_query(member["shape"], query.getall(wire_name, []), wire_name)
                    ) is not None:
                        found[name] = value
                case None:
                    in_body.add(wire_name)
                    if members.get(wire_name) is not None:
                        found[name] = members[wire_name]
        if unknown := sorted(members.keys() - in_body):
            raise Unreadable(f"{call.operation} has no parameter {unknown[0]} that Headrace knows.")
        self._check_types(call.input_shape, found, "")
        problems = list(self._problems(call.input_shape, found, ""))
        if problems:
            errors = "error" if len(problems) == 1 else "errors"
            raise ValidationFailed(f"{len(problems)} validation {errors} detected: {'; '.join(problems)}")
        return found

    def _of_query(self, shape: str, values: Sequence[str], name: str) -> Any:
        if not values:
            return None
        if self._shapes[shape]["type"] == "list":
            return list(values)
        return self._of_text(shape, values[0], name)

    def _of_text(self, shape: str, text: str, name: str) -> Any:
        """Return the value of text in a path or a query."""
        kind = self._shapes[shape]["type"]
        if kind in ("integer", "long"):
            if not re.fullmatch(r"-?\d{1,18}", text):
                raise Unreadable(f"{name} needs a number, got {text[:50]}")
            return int(text)
        return text == "true" if kind == "boolean" else text

    def _check_types(self, name: str, value: Any, place: str) -> None:
        """Raise Unreadable where a value has another type than the model says."""
        shape = self._shapes[name]
        kind = shape["type"]
        if not _has_type(value, kind):
            raise Unreadable(f"{place or 'The request'} needs a {kind}, got {type(value).__name__}")
        match kind:
            case "structure":
                for member, inner in shape["members"].items():
                    if value.get(member) is not None:
                        self._check_types(inner["shape"], value[member], _below(place, member))
            case "list":
                for each in value:
                    self._check_types(shape["member"]["shape"], each, place)
            case "map":
                for each in value.values():
                    self._check_types(shape["value"]["shape"], each, place)

    def _problems(self, name: str, value: Any, place: str) -> Iterator[str]:
        """Yield what is wrong with a value whose type is right."""
        shape = self._shapes[name]
        yield from (_refused(value, place, clause) for clause in _clauses(shape, value))
        match shape["type"]:
            case "structure":
                for member in shape.get("required", ()):
                    if value.get(member) is None:
                        yield _refused(None, _below(place, member), "Member must not be null")
                for member, inner in shape["members"].items():
                    if value.get(member) is not None:
                        yield from self._problems(inner["shape"], value[member], _below(place, member))
            case "list":
                yield from self._problems_of_list(shape["member"]["shape"], value, place)
            case "map":
                yield from self._problems_of_map(shape, value, place)

    def _problems_of_list(self, name: str, values: Sequence[Any], place: str) -> Iterator[str]:
        shape = self._shapes[name]
        if shape["type"] in ("structure", "list", "map"):
            for number, each in enumerate(values, start=1):
                yield from self._problems(name, each, f"{place}.{number}.member")
        elif any(any(_clauses(shape, each)) for each in values):
            yield _refused(values, place, f"Member must satisfy constraint: [{', '.join(_rules(shape))}]")

    def _problems_of_map(self, shape: Shape, values: Mapping[str, Any], place: str) -> Iterator[str]:
        for side, chosen in (("keys", values.keys()), ("value", values.values())):
            inner = self._shapes[shape["key" if side == "keys" else "value"]["shape"]]
            if inner["type"] == "string" and any(any(_clauses(inner, each)) for each in chosen):
                rule = f"Map {side} must satisfy constraint: [{', '.join(_rules(inner))}]"
                yield _refused(values, place, rule)


def answer(status: int, members: Mapping[str, Any] | None, headers: Mapping[str, str]) -> web.Response:
    """Return an operation's answer; without members it has no body."""
    if members is None:
        return web.Response(status=status, headers=headers)
    return web.Response(
        status=status, body=orjson.dumps(members), headers={"Content-Type": "application/json", **headers}
    )


async def read_body(request: web.BaseRequest, most: int, operation: str) -> bytes:
    """Return the body. Raises EntityTooLarge for one that is larger than `most`.

    Of such a one no more is kept in memory, and it is read to its end: a client that is still sending does
    not see an answer.
    """
    body, size = bytearray(), 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size <= most:
            body += chunk
    if size > most:
        raise EntityTooLarge(f"Request must be smaller than {most} bytes for the {operation} operation")
    return bytes(body)


def _has_type(value: object, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "boolean")


def _route(name: str, operation: Mapping[str, Any]) -> _Route:
    http = operation["http"]
    path, _, query = http["requestUri"].partition("?")
    pattern = re.sub(r"\\\{(\w+)\\\}", lambda found: f"(?P<{found[1]}>[^/]+)", re.escape(path.rstrip("/")))
    return _Route(
        name,
        http["method"],
        re.compile(f"{pattern}/?"),
        tuple((part.partition("=")[0], part.partition("=")[2]) for part in query.split("&") if part),
        operation.get("input", {}).get("shape"),
        http.get("responseCode", 200),
    )


def _label(name: str) -> str:
    return name.rstrip("+")


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"Could not parse request body into json: {error}") from None
    if not isinstance(members, dict):
        raise Unreadable("The request must be a JSON object.")
    return members


def _below(place: str, member: str) -> str:
    lowered = member[:1].lower() + member[1:]
    return f"{place}.{lowered}" if place else lowered


def _refused(value: Any, place: str, clause: str) -> str:
    shown = "null" if value is None else f"'{_shown(value)}'"
    return f"Value {shown} at '{place}' failed to satisfy constraint: {clause}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_shown(each)}' for key, each in value.items())}}}"
    return str(value)


def _rules(shape: Shape) -> Iterator[str]:
    """Yield all that a simple shape demands, as Lambda says it of the elements of lists and maps."""
    sized = "length" if shape["type"] == "string" else "value"
    if "max" in shape:
        yield f"Member must have {sized} less than or equal to {shape['max']}"
    if "min" in shape:
        yield f"Member must have {sized} greater than or equal to {shape['min']}"
    if "pattern" in shape:
        yield f"Member must satisfy regular expression pattern: {shape['pattern']}"
    if shape.get("enum"):
        yield f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"
    yield "Member must not be null"


def _clauses(shape: Shape, value: Any) -> Iterator[str]:
    """Yield what a value breaks of a shape's own constraints."""
    is_number = shape["type"] in ("integer", "long", "float", "double")
    if is_number or isinstance(value, str | list):
        sized, size = ("value", value) if is_number else ("length", len(value))
        if shape.get("max") is not None and size > shape["max"]:
            yield f"Member must have {sized} less than or equal to {shape['max']}"
        if shape.get("min") is not None and size < shape["min"]:
            yield f"Member must have {sized} greater than or equal to {shape['min']}"
    if isinstance(value, str):
        if "pattern" in shape and not _compiled(shape["pattern"]).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {shape['pattern']}"
        if shape.get("enum") and value not in shape["enum"]:
            yield f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Classes of characters that only Java knows.
    for java, ours in ((r"\p{L}", r"\w"), (r"\p{N}", ""), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, ours)
    return re.compile(pattern, re.DOTALL)
