"""The JSON protocol's operations in CBOR, `application/x-amz-cbor-1.1`, as Kinesis clients in Java speak it.

Blobs are byte strings. Moments are milliseconds from 1970 with tag 1, where the standard has seconds: that is
how these clients write and read them. Source: AWS SDK for Java 2, aws-cbor-protocol; RFC 8949.
"""

import binascii
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import cbor2
from aiohttp import web

from engine.errors import ApiError, HeadraceError
from engine.invocation.event import new_request_id
from headrace.aws.error_body import REQUEST_ID
from headrace.aws.json_protocol import BadInput, Input, Operation
from headrace.aws.service_model import Model

LOGGER = logging.getLogger(__name__)
CONTENT_TYPE = "application/x-amz-cbor-1.1"
EPOCH_TAG = 1
MILLISECONDS_FROM = 1e11  # as seconds that would be the year 5138, as milliseconds it is 1973


class CborService:
    """One service. `operations` are those of the JSON protocol, `model` returns its model."""

    def __init__(
        self,
        name: str,
        operations: Mapping[str, Operation],
        most_bytes: int,
        model: Callable[[], Model],
    ) -> None:
        """`most_bytes` is the largest body that is read."""
        self._name = name
        self._operations = operations
        self._most_bytes = most_bytes
        self._model = model

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, also with what the operation refuses; unexpected errors pass through."""
        name = request.headers["X-Amz-Target"].rpartition(".")[2]
        operation = self._operations.get(name)
        if operation is None:
            text = f"{self._name} {name} is not simulated by Headrace."
            return _respond(501, {"__type": "NotImplementedException", "message": text})
        try:
            members = await operation(Input(decoded(await self._body(request))))
        except ApiError as error:
            return _respond(error.http_status, {"__type": error.code, "message": str(error)})
        except HeadraceError as error:
            LOGGER.error("%s.%s: %s", self._name, name, error)
            return _respond(500, {"__type": "InternalFailure", "message": str(error)})
        model = self._model()
        output = model["operations"][name].get("output")
        return _respond(200, members if output is None else as_cbor_has_it(members, output["shape"], model))

    async def _body(self, request: web.BaseRequest) -> bytes:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > self._most_bytes:
                raise BadInput(f"The request is larger than {self._most_bytes} bytes.")
        return bytes(body)


def decoded(body: bytes) -> dict[str, Any]:
    """Return the members of a request, with blobs as bytes and moments as datetimes. Raises BadInput."""
    if not body:
        return {}
    try:
        members = cbor2.loads(body, semantic_decoders={EPOCH_TAG: _moment}, max_depth=50)
    except (cbor2.CBORError, ValueError) as error:
        raise BadInput(f"The request is not CBOR: {error}") from None
    if not isinstance(members, dict):
        raise BadInput("The request must be a CBOR map.")
    return members


def as_cbor_has_it(value: Any, shape_name: str, model: Model) -> Any:
    """Return a value of the JSON protocol with blobs as bytes and moments as tagged milliseconds."""
    shape = model["shapes"][shape_name]
    match shape["type"]:
        case "structure":
            members = shape["members"]
            return {name: as_cbor_has_it(each, members[name]["shape"], model) for name, each in value.items()}
        case "list":
            return [as_cbor_has_it(each, shape["member"]["shape"], model) for each in value]
        case "map":
            return {key: as_cbor_has_it(each, shape["value"]["shape"], model) for key, each in value.items()}
        case "blob":
            return binascii.a2b_base64(value)
        case "timestamp":
            return cbor2.CBORTag(EPOCH_TAG, round(value * 1000))
        case _:
            return value


def _moment(value: Any, _: bool) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput("A moment must be a number.")
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= MILLISECONDS_FROM else value, UTC)
    except (OverflowError, OSError, ValueError):
        raise BadInput("A moment must be in milliseconds from 1970.") from None


def _respond(status: int, members: Mapping[str, Any]) -> web.Response:
    headers = {"Content-Type": CONTENT_TYPE, REQUEST_ID: new_request_id()}
    return web.Response(status=status, body=cbor2.dumps(members), headers=headers)
