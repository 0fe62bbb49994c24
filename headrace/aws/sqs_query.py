"""SQS in the Query protocol, which clients spoke until 2023: forms to `/` or to a queue's URL, and XML.

botocore describes SQS for the JSON protocol alone, so the names that forms and XML have for lists and maps
are here. Source: Amazon SQS API reference of 2012-11-05 in its query form.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from engine.errors import ApiError
from headrace.aws.json_protocol import Operation
from headrace.aws.query_protocol import QueryService
from headrace.aws.service_model import Model, service_model
from triggers.sqs.errors import QueueDoesNotExist, QueueError

VERSION = "2012-11-05"
XML_NAMESPACE = f"http://queue.amazonaws.com/doc/{VERSION}/"
BODY_BYTES = 6 * 1024 * 1024  # a batch of a megabyte, every character of it escaped

# What the members of lists of text are called. Lists of structures go by the names of these.
TEXTS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BinaryList": "BinaryListValue",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}
# What maps are called, and their keys and values.
MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}


def query_service(operations: Mapping[str, Operation]) -> QueryService:
    """Return what answers on the endpoint, with the operations of the JSON protocol."""
    return QueryService(
        "sqs",
        VERSION,
        XML_NAMESPACE,
        operations,
        BODY_BYTES,
        model=query_model,
        error_code=_code,
        error_text=_text,
        implied=_queue_of_path,
    )


@cache
def query_model() -> Model:
    """Return the model of SQS with the names of the Query protocol."""
    model = service_model("sqs", VERSION)
    return {**model, "shapes": {name: _named(name, shape) for name, shape in model["shapes"].items()}}


def _named(name: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    if shape["type"] == "list":
        member = shape["member"]
        return {**shape, "member": {**member, "locationName": TEXTS.get(name, member["shape"])}}
    if shape["type"] == "map":
        _, key, value = MAPS[name]
        return {
            **shape,
            "key": {**shape["key"], "locationName": key},
            "value": {**shape["value"], "locationName": value},
        }
    if shape["type"] == "structure":
        return {**shape, "members": {member: _member(each) for member, each in shape["members"].items()}}
    return dict(shape)


def _member(reference: Mapping[str, Any]) -> dict[str, Any]:
    found = MAPS.get(reference["shape"])
    return dict(reference) if found is None else {**reference, "locationName": found[0]}


def _queue_of_path(request: web.BaseRequest) -> Iterable[tuple[str, str]]:
    """Yield the queue that a form was sent to, if it was not the endpoint as a whole."""
    path = unquote(request.raw_path.partition("?")[0])
    if path.strip("/"):
        yield "QueueUrl", path


def _code(error: ApiError) -> str:
    return error.query_code if isinstance(error, QueueError) else error.code


def _text(error: ApiError) -> str:
    if isinstance(error, QueueDoesNotExist):
        return "The specified queue does not exist for this wsdl version."
    return str(error)
