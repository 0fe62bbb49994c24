"""Requests as they go over the wire, made from whatever values are given: botocore would refuse most of them.

Source: Smithy, "AWS JSON", "AWS restJson1", "AWS restXml" and "AWS query" protocols.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import cbor2
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

FORM = "application/x-www-form-urlencoded; charset=utf-8"
CBOR = "application/x-amz-cbor-1.1"
DEEPEST_XML = 60
MOST_LEVELS = 100  # of CBOR
FRAMING = frozenset({"Content-Length"})  # a wrong one is another request, or none: see breakage.py


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One HTTP request; header values are latin-1 without control characters."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def shown(self, most: int) -> str:
        """Return it for a person to read, each part with so many characters at most."""
        headers = {name: value for name, value in self.headers.items() if name != "Authorization"}
        return f"{self.method} {self.path[:most]} {str(headers)[:most]} {self.body[:most]!r}"

    def __repr__(self) -> str:
        return f"<{self.shown(300)}>"


def written(operation: OperationModel, members: Mapping[str, Any], *, cbor: bool = False) -> Request:
    """Return the request for an operation with these members, in the protocol of its service."""
    service = operation.service_model
    scope = f"x/20260101/us-east-1/{service.signing_name}/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    match service.metadata["protocol"]:
        case "json":
            target = f"{service.metadata['targetPrefix']}.{operation.name}"
            version = service.metadata.get("jsonVersion", "1.0")
            if cbor:
                body, kind = cbor2.dumps(_without_surrogates(members)), CBOR
            else:
                body, kind = _json(members), f"application/x-amz-json-{version}"
            return Request("POST", "/", {**signed, "Content-Type": kind, "X-Amz-Target": target}, body)
        case "query":
            form = [("Action", operation.name), ("Version", service.api_version)]
            if operation.input_shape is not None:
                form += _form(operation.input_shape, members, "")
            body = urlencode(form, errors="surrogatepass").encode()
            return Request("POST", "/", {**signed, "Content-Type": FORM}, body)
        case _:
            return _rest(operation, members, signed)


def _rest(operation: OperationModel, members: Mapping[str, Any], headers: dict[str, str]) -> Request:
    path, _, fixed = operation.http["requestUri"].partition("?")
    query = [tuple(part.partition("=")[::2]) for part in fixed.split("&") if part]
    shape = operation.input_shape
    in_body: dict[str, Any] = {}
    for name, inner in {} if shape is None else shape.members.items():
        wire_name = _wire_name(inner, name)
        value = members.get(name)
        if wire_name == "id" and inner.serialization.get("location") == "querystring":
            value = (
                _text(value) if value else "-"
            )  # without it a list is asked for, which is another operation
        match inner.serialization.get("location"):
            case "uri":
                label = _text(value) or "-"  # without it the path is another operation's
                path = path.replace(f"{{{wire_name}+}}", quote(label, safe="/~", errors="surrogatepass"))
                path = path.replace(f"{{{wire_name}}}", quote(label, safe="~", errors="surrogatepass"))
            case "querystring" if value is not None:
                query += [
                    (wire_name, _text(each)) for each in (value if isinstance(value, list) else [value])
                ]
            case "header" if value is not None and wire_name not in FRAMING:
                headers[wire_name] = _header(value)
            case "headers" if isinstance(value, dict):
                headers |= {f"{wire_name}{_header_name(key)}": _header(each) for key, each in value.items()}
            case None if value is not None:
                in_body[name] = value
    if query:
        path = f"{path}?{urlencode(query, errors='surrogatepass')}"
    body = b"" if shape is None else _body(operation, shape, in_body, headers)
    return Request(operation.http["method"], path, headers, body)


def _body(
    operation: OperationModel, shape: StructureShape, members: Mapping[str, Any], headers: dict[str, str]
) -> bytes:
    is_xml = operation.service_model.metadata["protocol"] == "rest-xml"
    payload = shape.serialization.get("payload")
    if payload is not None:
        value, inner = members.get(payload), shape.members[payload]
        if value is None:
            return b""
        if inner.type_name in ("blob", "string"):
            return value if isinstance(value, bytes) else _text(value).encode(errors="surrogatepass")
        return _xml(inner, value, _wire_name(inner, payload)).encode(errors="replace")
    if is_xml or not members:
        return b""
    headers["Content-Type"] = "application/json"
    return _json(
        {shape.members[name].serialization.get("name", name): value for name, value in members.items()}
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, default=lambda each: base64.b64encode(each).decode()).encode()


def _form(shape: Shape, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for name, each in value.items():
            inner = shape.members.get(name)
            wire_name = name if inner is None else _wire_name(inner, name)
            below = f"{place}.{wire_name}" if place else str(wire_name)
            yield from [(below, _text(each))] if inner is None else _form(inner, each, below)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        is_flat = shape.serialization.get("flattened")
        base = place if is_flat else f"{place}.{_wire_name(shape.member, 'member')}"
        for number, each in enumerate(value[:200], start=1):
            yield from _form(shape.member, each, f"{base}.{number}")
        if not value:
            yield place, ""
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        base = place if shape.serialization.get("flattened") else f"{place}.entry"
        for number, (key, each) in enumerate(value.items(), start=1):
            yield f"{base}.{number}.{_wire_name(shape.key, 'key')}", _text(key)
            yield from _form(shape.value, each, f"{base}.{number}.{_wire_name(shape.value, 'value')}")
    elif value is not None:
        yield place, _text(value)


def _xml(shape: Shape, value: Any, name: str, depth: int = 0) -> str:
    """Return an element; what is not as the shape says is written as text."""
    namespace = shape.serialization.get("xmlNamespace", {}).get("uri")
    attributes = "" if namespace is None else f' xmlns="{namespace}"'
    if depth > DEEPEST_XML:
        inside = ""
    elif isinstance(shape, StructureShape) and isinstance(value, Mapping):
        inside = "".join(
            _members_xml(inner, value[key], _wire_name(inner, key), depth)
            for key, inner in shape.members.items()
            if key in value
        )
    else:
        inside = escape(_text(value))
    return f"<{name}{attributes}>{inside}</{name}>"


def _members_xml(shape: Shape, value: Any, name: str, depth: int) -> str:
    if isinstance(shape, ListShape) and isinstance(value, list):
        if shape.serialization.get("flattened"):
            return "".join(_xml(shape.member, each, name, depth + 1) for each in value)
        inner = _wire_name(shape.member, "member")
        return f"<{name}>{''.join(_xml(shape.member, each, inner, depth + 1) for each in value)}</{name}>"
    return _xml(shape, value, name, depth + 1)


def _wire_name(shape: Shape, name: str) -> str:
    return str(shape.serialization.get("name", name))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case bytes():
            return base64.b64encode(value).decode()
        case str():
            return value
        case _:
            return json.dumps(value, default=str)


def _header(value: Any) -> str:
    text = _text(value)[:4_000]
    return "".join(each if " " <= each <= "\xff" and each != "\x7f" else "?" for each in text)


def _header_name(value: str) -> str:
    return "".join(each for each in value if each.isascii() and (each.isalnum() or each in "-_"))[:100]


def _without_surrogates(value: Any, levels: int = MOST_LEVELS) -> Any:
    """Return a value that CBOR can say: text in UTF-8, no endless nesting."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case Mapping() | list() if not levels:
            return None
        case Mapping():
            return {
                _without_surrogates(key): _without_surrogates(each, levels - 1) for key, each in value.items()
            }
        case list():
            return [_without_surrogates(each, levels - 1) for each in value]
        case _:
            return value
