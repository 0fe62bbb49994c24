"""DynamoDB and DynamoDB Streams as HTTP: JSON in and out, the operation in `X-Amz-Target`.

Source: the service models dynamodb 2012-08-10 and dynamodbstreams 2012-08-10.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from engine.errors import ApiError, HeadraceError
from engine.invocation.event import new_request_id
from headrace.aws.dynamodb_batches import BatchRequests
from headrace.aws.dynamodb_items import ItemRequests
from headrace.aws.dynamodb_reads import ReadRequests
from headrace.aws.dynamodb_streams import StreamRequests
from headrace.aws.dynamodb_tables import TableRequests
from headrace.aws.dynamodb_transactions import TransactionRequests
from headrace.aws.error_body import REQUEST_ID, not_implemented
from triggers.dynamodb.catalog import Catalog
from triggers.dynamodb.errors import NotSerializable

LOGGER = logging.getLogger(__name__)
BODY_BYTES = 24 * 1024 * 1024  # sixteen megabytes of items, in base64
CONTENT_TYPE = "application/x-amz-json-1.0"
NAMESPACES = {
    "SerializationException": "com.amazon.coral.service#",
    "ValidationException": "com.amazon.coral.validate#",
}
NAMESPACE = "com.amazonaws.dynamodb.v20120810#"

Members = Mapping[str, Any]
Operation = Callable[[Members], Awaitable[Members]]


class DynamodbWire:
    """Answers for all tables."""

    def __init__(self, catalog: Callable[[], Awaitable[Catalog]]) -> None:
        """`catalog` returns the tables; it is asked at the first request."""
        self._catalog = catalog
        self._operations: Mapping[str, Mapping[str, Operation]] | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, also with what the operation refuses; unexpected errors pass through."""
        service, _, name = request.headers["X-Amz-Target"].rpartition(".")
        if self._operations is None:
            self._operations = _operations(await self._catalog())
        operation = self._operations[service].get(name)
        if operation is None:
            return not_implemented(service, name, "json")
        try:
            return _response(200, await operation(await _members(request)))
        except ApiError as error:
            kind = NAMESPACES.get(error.code, NAMESPACE) + error.code
            return _response(error.http_status, {"__type": kind, **_told(error)})
        except HeadraceError as error:
            LOGGER.error("%s.%s: %s", service, name, error)
            return _response(500, {"__type": f"{NAMESPACE}InternalServerError", "message": str(error)})


def _operations(catalog: Catalog) -> dict[str, dict[str, Operation]]:
    return {
        "DynamoDB_20120810": {
            **ItemRequests(catalog).operations(),
            **ReadRequests(catalog).operations(),
            **BatchRequests(catalog).operations(),
            **TransactionRequests(catalog).operations(),
            **TableRequests(catalog).operations(),
        },
        "DynamoDBStreams_20120810": StreamRequests(catalog).operations(),
    }


async def _members(request: web.BaseRequest) -> Members:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES:
            raise NotSerializable(f"The request is larger than {BODY_BYTES} bytes.")
    try:
        members = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise NotSerializable(f"The request is not JSON: {error}") from None
    if not isinstance(members, dict):
        raise NotSerializable("The request must be a JSON object.")
    return members


def _told(error: ApiError) -> Members:
    body = {name: value for name, value in error.body().items() if name != "Type"}
    return body or {"message": str(error)}


def _response(status: int, members: Members) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(members),
        headers={"Content-Type": CONTENT_TYPE, REQUEST_ID: new_request_id()},
    )
