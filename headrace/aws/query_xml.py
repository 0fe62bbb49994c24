"""The output of the AWS Query protocol: XML, written by the service model.

It is given what the JSON protocol would answer: blobs in base64, moments in seconds from 1970.
Source: Smithy, "AWS Query protocol".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from headrace.aws.query_form import wire_name
from headrace.aws.service_model import Model
from headrace.aws.xml_text import xml_text

DECLARATION = '<?xml version="1.0"?>\n'


def answer(
    operation: Mapping[str, Any], members: Mapping[str, Any], model: Model, namespace: str, request_id: str
) -> bytes:
    """Return the document that answers an operation, one of the model's, with members of its output."""
    name, output = operation["name"], operation.get("output")
    result = ""
    if output is not None:
        wrapper = output.get("resultWrapper", f"{name}Result")
        result = _element(wrapper, _structure(members, model["shapes"][output["shape"]], model))
    metadata = _element("ResponseMetadata", _element("RequestId", request_id))
    return _document(f"{name}Response", namespace, result + metadata)


def error(code: str, message: str, fault: str, namespace: str, request_id: str) -> bytes:
    """Return the document of an error; `fault` is Sender or Receiver."""
    described = _element("Type", fault) + _element("Code", xml_text(code))
    described += _element("Message", xml_text(message))
    return _document(
        "ErrorResponse", namespace, _element("Error", described) + _element("RequestId", request_id)
    )


def _document(name: str, namespace: str, content: str) -> bytes:
    return f"{DECLARATION}<{name} xmlns={quoteattr(namespace)}>{content}</{name}>".encode()


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _structure(members: Mapping[str, Any], shape: Mapping[str, Any], model: Model) -> str:
    known = shape["members"]
    return "".join(_member(name, known[name], value, model) for name, value in members.items())


def _member(name: str, reference: Mapping[str, Any], value: Any, model: Model) -> str:
    shape = model["shapes"][reference["shape"]]
    wire = wire_name(name, reference, shape)
    items = _items(value, shape, model)
    if items is None:
        return _element(wire, _content(value, shape, model))
    if shape.get("flattened"):
        return "".join(_element(wire, item) for item in items)
    inner = "entry" if shape["type"] == "map" else shape["member"].get("locationName", "member")
    return _element(wire, "".join(_element(inner, item) for item in items))


def _items(value: Any, shape: Mapping[str, Any], model: Model) -> list[str] | None:
    """Return what is in each item of a list or each entry of a map; None for anything else."""
    if shape["type"] == "list":
        below = model["shapes"][shape["member"]["shape"]]
        return [_content(item, below, model) for item in value]
    if shape["type"] == "map":
        names = [shape[each].get("locationName", each) for each in ("key", "value")]
        return [
            _element(names[0], xml_text(key)) + _member(names[1], shape["value"], item, model)
            for key, item in value.items()
        ]
    return None


def _content(value: Any, shape: Mapping[str, Any], model: Model) -> str:
    match shape["type"]:
        case "structure":
            return _structure(value, shape, model)
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            moment = datetime.fromtimestamp(value, UTC)
            return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return xml_text(str(value))
