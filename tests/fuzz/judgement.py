"""Is an answer one that a client of the service can read? botocore's own parsers and models decide."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import cbor2
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import ResponseParserError, create_parser

from tests.fuzz.wire import CBOR

NOT_SIMULATED = 501
OLD_SQS = "AWS.SimpleQueueService."  # before the codes that the Query protocol had
REQUEST_IDS = frozenset({"x-amzn-requestid", "x-amz-request-id"})
ERROR_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{2,79}")
# S3 gives back characters that XML 1.0 does not have, such as controls, and parsers give up then.
CODE_OF_S3 = re.compile(rb"<Error><Code>(\w+)</Code>")
# What may be wrong with any request, whatever operation it is for.
COMMON_ERRORS = frozenset(
    {
        "AccessDeniedException",
        "InvalidAction",
        "InvalidAddress",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "InvalidQueryParameter",
        "MalformedInput",
        "MalformedQueryString",
        "MissingAction",
        "MissingParameter",
        "NonExistentQueue",
        "NotImplementedException",
        "RequestEntityTooLargeException",
        "SerializationException",
        "UnknownOperationException",
        "UnsupportedMediaTypeException",
        "ValidationError",
        "ValidationException",
    }
)
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (datetime, str),
    "blob": (bytes, str),  # a payload is given as text
}


EPOCH_TAG = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parsed(operation: OperationModel, answer: Answer, *, cbor: bool = False) -> dict[str, Any]:
    """Return an answer as boto3 would. Raises ResponseParserError and whatever else a parser trips over."""
    parser = create_parser("smithy-rpc-v2-cbor" if cbor else operation.service_model.metadata["protocol"])
    response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    if operation.has_streaming_output and answer.status < 300:
        response["body"] = answer.body
    shape: Any = operation.output_shape  # None for an operation that answers nothing
    return dict(parser.parse(response, shape))


def complaints(operation: OperationModel, answer: Answer) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    if answer.status >= 500 and answer.status != NOT_SIMULATED:
        yield f"status {answer.status}"
        return
    if answer.headers.get("content-type", "").startswith(CBOR):
        yield from _complaints_of_cbor(operation, answer)
        return
    if operation.has_event_stream_output and answer.status < 300:
        return
    try:
        found = parsed(operation, answer)
    except (ResponseParserError, ValueError, TypeError, KeyError, AttributeError) as error:
        yield f"botocore cannot read it: {type(error).__name__}: {error}"
        return
    if not found["ResponseMetadata"].get("RequestId") and not REQUEST_IDS & answer.headers.keys():
        yield "there is no request id"
    if answer.status >= 300:
        yield from _complaints_of_error(operation, answer, found)
    elif operation.output_shape is not None:
        del found["ResponseMetadata"]
        yield from _complaints_of_value(operation.output_shape, found, "")
        yield from _unknown_members(operation, answer)


def general_complaints(answer: Answer) -> Iterator[str]:
    """Yield what is wrong with an answer to a request that may be for any operation, or for none."""
    if answer.status >= 500 and answer.status != NOT_SIMULATED:
        yield f"status {answer.status}"
    if not REQUEST_IDS & answer.headers.keys():
        yield "there is no request id"
    if answer.status < 400 or not answer.body:
        return
    kind, body = answer.headers.get("content-type", ""), answer.body
    try:
        if "json" in kind:
            code = json.loads(body).get("__type") or answer.headers["x-amzn-errortype"]
        elif "cbor" in kind:
            code = cbor2.loads(body)["__type"]
        else:
            code = ET.fromstring(body.decode()).findtext(".//Code")
    except (ValueError, LookupError, AttributeError, ET.ParseError, cbor2.CBORDecodeError) as error:
        yield f"it is no error that a client could read: {error}"
    else:
        if not ERROR_CODE.fullmatch(str(code).rpartition("#")[2]):
            yield f"the error has no code: {code}"


def _complaints_of_error(operation: OperationModel, answer: Answer, found: dict[str, Any]) -> Iterator[str]:
    is_s3 = operation.service_model.service_name == "s3"
    if operation.http["method"] == "HEAD" or answer.status == 304:
        if answer.body:
            yield "an answer that must not have a body has one"
        return
    error = found.get("Error", {})
    if is_s3 and (in_text := CODE_OF_S3.search(answer.body)):
        error = {**error, "Code": in_text[1].decode()}
    code, message = error.get("Code", ""), error.get("Message") or found.get("message")
    if not ERROR_CODE.fullmatch(code):
        yield f"the error has no code: {error}"
    elif answer.status == NOT_SIMULATED:
        if not code.startswith("NotImplemented"):
            yield f"status 501 with code {code}"
    elif not is_s3 and code.removeprefix(OLD_SQS) not in _codes(operation):
        yield f"{code} is no error of {operation.name}"
    if not message:
        yield f"{code} has no message"


def _codes(operation: OperationModel) -> frozenset[str]:
    """Return the errors that the service has, by the codes that clients see."""
    return COMMON_ERRORS | {
        name
        for shape in operation.service_model.error_shapes
        for name in (shape.name, shape.metadata.get("error", {}).get("code"))
        if name is not None
    }


def _complaints_of_value(shape: Shape, value: Any, place: str) -> Iterator[str]:
    """Yield where a value is not as the model says; what is missing is checked, too."""
    if shape.serialization.get("eventstream") or (shape.type_name == "blob" and hasattr(value, "read")):
        return
    if not _has_type(value, TYPES[shape.type_name]):
        yield f"{place or 'the answer'} is no {shape.type_name}: {value!r:.100}"
    elif isinstance(shape, StructureShape):
        for name in shape.required_members:
            # An empty list is no list where the wire has it flat.
            if value.get(name) is None and shape.members[name].type_name != "list":
                yield f"{place}.{name} is missing"
        for name, each in value.items():
            if each is not None and name in shape.members:
                yield from _complaints_of_value(shape.members[name], each, f"{place}.{name}")
    elif isinstance(shape, ListShape):
        for each in value:
            yield from _complaints_of_value(shape.member, each, f"{place}[]")
    elif isinstance(shape, MapShape):
        for each in value.values():
            yield from _complaints_of_value(shape.value, each, f"{place}{{}}")


def _has_type(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _unknown_members(operation: OperationModel, answer: Answer) -> Iterator[str]:
    """Yield members of a JSON answer that the model does not know: botocore leaves them out in silence."""
    shape = operation.output_shape
    if operation.service_model.metadata["protocol"] not in ("json", "rest-json"):
        return
    if shape is None or shape.serialization.get("payload") or not answer.body:
        return
    yield from _unknown(shape, json.loads(answer.body), "")


def _unknown(shape: Shape, value: Any, place: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        known = {inner.serialization.get("name", name): inner for name, inner in shape.members.items()}
        for name, each in value.items():
            if name in known:
                yield from _unknown(known[name], each, f"{place}.{name}")
            else:
                yield f"the model has no {place}.{name}"
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for each in value:
            yield from _unknown(shape.member, each, f"{place}[]")


def _complaints_of_cbor(operation: OperationModel, answer: Answer) -> Iterator[str]:
    try:
        members = cbor2.loads(answer.body, semantic_decoders={EPOCH_TAG: _moment})
    except (cbor2.CBORDecodeError, ValueError) as error:
        yield f"it is not CBOR: {error}"
        return
    if not answer.headers.get("x-amzn-requestid"):
        yield "there is no request id"
    if not isinstance(members, dict):
        yield "it is no map"
    elif answer.status >= 300:
        code = str(members.get("__type", ""))
        if answer.status != NOT_SIMULATED and code not in _codes(operation):
            yield f"{code} is no error of {operation.name}"
    elif operation.output_shape is not None:
        yield from _complaints_of_value(operation.output_shape, members, "")


def _moment(milliseconds: Any, _: bool) -> datetime:
    """Return a moment as Kinesis has it in CBOR: in milliseconds, where CBOR itself says seconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
