"""How errors look on the wire, in each of the protocols that AWS's services speak."""

from collections.abc import Callable, Mapping
from typing import Literal

import orjson
from aiohttp import web

from engine.errors import ApiError
from engine.invocation.event import new_request_id
from headrace.aws.xml_text import xml_text

REQUEST_ID = "x-amzn-RequestId"
Form = Literal["rest-json", "json", "query", "ec2", "rest-xml", "cbor", "amz-cbor"]


def error_response(error: ApiError) -> web.Response:
    """Answer with an error of a REST-JSON service: the name is in a header, the body has Type and message."""
    return _rest_json(error.http_status, error.code, error.body())


def refused_origin(reason: str) -> web.Response:
    """Answer a request that may come from a web page, which must not drive the simulator."""
    return _rest_json(403, "AccessDeniedException", {"Type": "User", "message": reason})


def internal_failure() -> web.Response:
    """Answer when the simulator itself is at fault. What happened is for its log alone."""
    text = "The simulator failed while it answered this request; its log has the details."
    return _rest_json(500, "InternalFailure", {"Type": "Service", "message": text})


def broken_request() -> web.Response:
    """Answer a request whose body ended early or was garbled."""
    return _rest_json(
        400, "SerializationException", {"Type": "User", "message": "The request body is incomplete."}
    )


def not_implemented(service: str, operation: str, form: Form) -> web.Response:
    """Say which operation of which service is not simulated, in the form that service's clients read.

    A `service` such as `Kinesis_20131202` is shown without the date of its protocol.
    """
    name = service.partition("_")[0]
    return refusal(form, 501, "NotImplementedException", f"{name} {operation} is not simulated by Headrace.")


def refusal(form: Form, status: int, code: str, text: str) -> web.Response:
    """Refuse a request in the form its client reads."""
    text = _readable(text)
    if form == "rest-json":
        return _rest_json(status, code, {"Type": "User", "message": text})
    request_id = new_request_id()
    content_type, body = _refusals[form](code, text, request_id)
    headers = {"Content-Type": content_type, REQUEST_ID: request_id}
    if form == "cbor":
        headers["smithy-protocol"] = "rpc-v2-cbor"
    return web.Response(status=status, body=body, headers=headers)


def _json(code: str, text: str, _: str) -> tuple[str, bytes]:
    return "application/x-amz-json-1.0", orjson.dumps({"__type": code, "message": text})


def _query(code: str, text: str, request_id: str) -> tuple[str, bytes]:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{xml_text(text)}</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return "text/xml", body.encode()


def _ec2(code: str, text: str, request_id: str) -> tuple[str, bytes]:
    errors = f"<Errors><Error><Code>{code}</Code><Message>{xml_text(text)}</Message></Error></Errors>"
    return "text/xml", f"<Response>{errors}<RequestID>{request_id}</RequestID></Response>".encode()


def _rest_xml(code: str, text: str, request_id: str) -> tuple[str, bytes]:
    error = f"<Code>{code}</Code><Message>{xml_text(text)}</Message><RequestId>{request_id}</RequestId>"
    return "application/xml", f"<Error>{error}</Error>".encode()


def _cbor(code: str, text: str, _: str) -> tuple[str, bytes]:
    import cbor2

    return "application/cbor", cbor2.dumps({"__type": code, "message": text})


def _amz_cbor(code: str, text: str, request_id: str) -> tuple[str, bytes]:
    return "application/x-amz-cbor-1.1", _cbor(code, text, request_id)[1]


_refusals: Mapping[Form, Callable[[str, str, str], tuple[str, bytes]]] = {
    "json": _json,
    "query": _query,
    "ec2": _ec2,
    "rest-xml": _rest_xml,
    "cbor": _cbor,
    "amz-cbor": _amz_cbor,
}


def _readable(text: str) -> str:
    """Return text with a `?` for each byte of a request's head that is no text."""
    return text.encode(errors="replace").decode()


def _rest_json(status: int, code: str, body: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps({name: _readable(value) for name, value in body.items()}),
        headers={"Content-Type": "application/json", "x-amzn-ErrorType": code, REQUEST_ID: new_request_id()},
    )
