"""How errors look on the wire: JSON for Lambda and most services, XML for the older Query protocol."""

from typing import Literal
from xml.sax.saxutils import escape

import orjson
from aiohttp import web

from engine.errors import ApiError
from engine.invocation.event import new_request_id

REQUEST_ID = "x-amzn-RequestId"
Form = Literal["rest-json", "json", "query"]


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
    """Say which operation of which service is not simulated, in the form that service's clients read."""
    code, text = "NotImplementedException", f"{service} {operation} is not simulated by Headrace."
    if form == "rest-json":
        return _rest_json(501, code, {"Type": "User", "message": text})
    request_id = new_request_id()
    if form == "json":
        body = orjson.dumps({"__type": code, "message": text})
        return web.Response(
            status=501,
            body=body,
            headers={"Content-Type": "application/x-amz-json-1.0", REQUEST_ID: request_id},
        )
    xml = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return web.Response(
        status=501, body=xml.encode(), headers={"Content-Type": "text/xml", REQUEST_ID: request_id}
    )


def _rest_json(status: int, code: str, body: dict[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        headers={"Content-Type": "application/json", "x-amzn-ErrorType": code, REQUEST_ID: new_request_id()},
    )
