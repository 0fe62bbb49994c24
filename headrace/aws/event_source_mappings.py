"""Lambda's operations on event source mappings as HTTP.

Source: the service model lambda 2015-03-31 (CreateEventSourceMapping and its kin); status codes as recorded
on AWS by LocalStack's test_event_source_mapping_lifecycle.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import web

from engine.errors import ApiError, HeadraceError, ServiceFailure, ValidationFailed
from engine.invocation.event import new_request_id
from engine.mapping.event_source_mappings import EventSourceMappings
from headrace.aws.error_body import REQUEST_ID, not_implemented

MAPPINGS_PATH = "/2015-03-31/event-source-mappings"
PATH = re.compile(rf"{MAPPINGS_PATH}(?:/(?P<uuid>[^/]+))?/?")
PAGE = 100  # mappings, however many are asked for
MOST_ITEMS = 10_000


class Unreadable(ApiError):
    """The body is not a JSON object."""

    code = "SerializationException"


class MappingsWire:
    """Answers the five operations; `mappings` returns None where no mapping can run."""

    def __init__(self, mappings: Callable[[], Awaitable[EventSourceMappings | None]]) -> None:
        self._mappings = mappings

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Raises ApiError for what Lambda refuses; unexpected errors pass through."""
        matched = PATH.fullmatch(unquote(request.raw_path.partition("?")[0]))
        mappings = await self._mappings()
        if matched is None or mappings is None:
            return not_implemented("lambda", f"{request.method} {request.path}", "rest-json")
        uuid: str | None = matched["uuid"]
        try:
            match request.method, uuid:
                case "POST", None:
                    return _answer(202, await mappings.create(await _members(request)))
                case "GET", None:
                    return _answer(200, _page(mappings, request.query))
                case "GET", str():
                    return _answer(200, mappings.get(uuid))
                case "PUT", str():
                    return _answer(202, await mappings.update(uuid, await _members(request)))
                case "DELETE", str():
                    return _answer(202, await mappings.delete(uuid))
        except ApiError:
            raise
        except HeadraceError as error:
            raise ServiceFailure(str(error)) from error
        return not_implemented("lambda", f"{request.method} {request.path}", "rest-json")


def _page(mappings: EventSourceMappings, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of a list; its marker is the UUID of the last mapping on the page."""
    found = mappings.list(
        event_source_arn=query.get("EventSourceArn"), function_name=query.get("FunctionName")
    )
    marker = query.get("Marker") or ""
    left = [each for each in found if each["UUID"] > marker]
    size = min(_max_items(query.get("MaxItems")), PAGE)
    page: dict[str, Any] = {"EventSourceMappings": left[:size]}
    if len(left) > size:
        page["NextMarker"] = left[size - 1]["UUID"]
    return page


def _max_items(text: str | None) -> int:
    if text is None:
        return PAGE
    number = int(text[:9]) if text.isdecimal() else 0
    if 1 <= number <= MOST_ITEMS:
        return number
    bound = "greater than or equal to 1" if number < 1 else f"less than or equal to {MOST_ITEMS}"
    raise ValidationFailed(
        f"1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )


async def _members(request: web.BaseRequest) -> dict[str, Any]:
    try:
        members = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"Could not parse request body into json: {error}") from None
    if not isinstance(members, dict):
        raise Unreadable("The request must be a JSON object.")
    return members


def _answer(status: int, members: Mapping[str, Any]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(members),
        headers={"Content-Type": "application/json", REQUEST_ID: new_request_id()},
    )
