"""The AWS JSON protocol: `POST /`, the operation in `X-Amz-Target`, a JSON object in and one out.

Source: Smithy, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".
"""

import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from aiohttp import web

from engine.errors import ApiError, HeadraceError, ValidationFailed
from engine.invocation.event import new_request_id
from headrace.aws.error_body import REQUEST_ID, not_implemented

LOGGER = logging.getLogger(__name__)
NO_HEADERS: Mapping[str, str] = {}

Operation = Callable[["Input"], Awaitable[Mapping[str, Any]]]


class BadInput(ApiError):
    """The body is not what the operation takes."""

    code = "SerializationException"


class Input:
    """The members of a request, read with their types. A member that is null counts as not there."""

    def __init__(self, members: Mapping[str, Any], place: str = "") -> None:
        """`place` is put before the names of members in errors: `records.1.member.`."""
        self._members = members
        self._place = place

    @property
    def members(self) -> Mapping[str, Any]:
        """All members as they came."""
        return self._members

    def text(self, name: str) -> str | None:
        """Return a string. Raises BadInput for anything else."""
        value: str | None = self._of_type(name, str, "a string")
        return value

    def integer(self, name: str) -> int | None:
        """Return an integer. Raises BadInput for anything else."""
        value = self._of_type(name, int, "an integer")
        if isinstance(value, bool):
            raise self._wrong(name, "an integer")
        number: int | None = value
        return number

    def truth(self, name: str) -> bool | None:
        """Return a truth value. Raises BadInput for anything else."""
        value: bool | None = self._of_type(name, bool, "true or false")
        return value

    def blob(self, name: str) -> bytes | None:
        """Return bytes, which JSON has in base64. Raises BadInput for anything else."""
        value = self._members.get(name)
        if isinstance(value, bytes):
            return value
        text = self.text(name)
        if text is None:
            return None
        try:
            return binascii.a2b_base64(text, strict_mode=bool(text))
        except ValueError:
            raise self._wrong(name, "base64") from None

    def moment(self, name: str) -> datetime | None:
        """Return a moment, which JSON has in seconds from 1970. Raises BadInput for anything else."""
        if isinstance(given := self._members.get(name), datetime):
            return given
        value = self._of_type(name, (int, float), "seconds from 1970")
        if value is None:
            return None
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError):
            raise self._wrong(name, "seconds from 1970") from None

    def structure(self, name: str) -> "Input | None":
        """Return a structure. Raises BadInput for anything else."""
        members = self._of_type(name, dict, "an object")
        return None if members is None else Input(members, f"{self._place}{_lower(name)}.")

    def structures(self, name: str) -> "list[Input] | None":
        """Return a list of structures. Raises BadInput for anything else."""
        items = self._of_type(name, list, "a list")
        if items is None:
            return None
        if not all(isinstance(item, dict) for item in items):
            raise self._wrong(name, "a list of objects")
        place = f"{self._place}{_lower(name)}"
        return [Input(item, f"{place}.{number}.member.") for number, item in enumerate(items, start=1)]

    def texts(self, name: str) -> list[str]:
        """Return a list of strings, empty when it is not there. Raises BadInput for anything else."""
        items = self._of_type(name, list, "a list")
        if not all(isinstance(item, str) for item in items or []):
            raise self._wrong(name, "a list of strings")
        return items or []

    def map_of_texts(self, name: str) -> dict[str, str]:
        """Return strings by name, empty when it is not there. Raises BadInput for anything else."""
        members = self._of_type(name, dict, "an object")
        if not all(isinstance(value, str) for value in (members or {}).values()):
            raise self._wrong(name, "an object of strings")
        return members or {}

    def map_of_structures(self, name: str) -> "dict[str, Input]":
        """Return structures by name, empty when it is not there. Raises BadInput for anything else."""
        members = self._of_type(name, dict, "an object")
        if not all(isinstance(value, dict) for value in (members or {}).values()):
            raise self._wrong(name, "an object of objects")
        place = f"{self._place}{_lower(name)}"
        return {key: Input(value, f"{place}.{key}.member.") for key, value in (members or {}).items()}

    def missing(self, name: str) -> ValidationFailed:
        """Return the error for a member that must be there."""
        return ValidationFailed(
            f"1 validation error detected: Value null at '{self._place}{_lower(name)}' failed to satisfy "
            "constraint: Member must not be null"
        )

    def required_text(self, name: str) -> str:
        """Return a string that must be there. Raises ValidationFailed without it."""
        value = self.text(name)
        if value is None:
            raise self.missing(name)
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """Return one of the strings allowed, which must be there. Raises ValidationFailed for any other."""
        value = self.required_text(name)
        if value not in allowed:
            raise self.refused(name, value, f"satisfy enum value set: [{', '.join(allowed)}]")
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return an integer within limits, or the default. Raises ValidationFailed for any other."""
        value = self.integer(name)
        if value is None:
            return default
        if value < least:
            raise self.refused(name, value, f"have value greater than or equal to {least}")
        if value > most:
            raise self.refused(name, value, f"have value less than or equal to {most}")
        return value

    def refused(self, name: str, value: object, rule: str) -> ValidationFailed:
        """Return the error for a value that breaks a rule: what the member must."""
        return ValidationFailed(
            f"1 validation error detected: Value '{value}' at '{self._place}{_lower(name)}' failed to "
            f"satisfy constraint: Member must {rule}"
        )

    def refuse_others(self, known: frozenset[str]) -> None:
        """Raise BadInput, by name, for members that have a value and are not among those known."""
        for name, value in self._members.items():
            if value is not None and name not in known:
                raise BadInput(f"{self._place}{name} is not simulated by Headrace.")

    def _of_type(self, name: str, kind: type | tuple[type, ...], words: str) -> Any:
        value = self._members.get(name)
        if value is not None and not isinstance(value, kind):
            raise self._wrong(name, words)
        return value

    def _wrong(self, name: str, words: str) -> BadInput:
        return BadInput(f"{self._place}{name} must be {words}")


class JsonService:
    """One service of the JSON protocol. `name` is what `X-Amz-Target` has before the operation."""

    def __init__(
        self,
        name: str,
        version: Literal["1.0", "1.1"],
        operations: Mapping[str, Operation],
        most_bytes: int,
        *,
        namespace: str = "",
        error_headers: Callable[[ApiError], Mapping[str, str]] = lambda _: {},
    ) -> None:
        """`most_bytes` is the largest body that is read; `namespace` stands before the types of errors."""
        self.name = name
        self._namespace = namespace
        self._error_headers = error_headers
        self._content_type = f"application/x-amz-json-{version}"
        self._operations = operations
        self._most_bytes = most_bytes

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, also with what the operation refuses; unexpected errors pass through."""
        name = request.headers["X-Amz-Target"].rpartition(".")[2]
        operation = self._operations.get(name)
        if operation is None:
            return not_implemented(self.name, name, "json")
        try:
            if "cbor" in request.content_type:
                raise BadInput("CBOR is not simulated by Headrace: set AWS_CBOR_DISABLE=true for JSON.")
            return self._response(200, await operation(await self._input(request)))
        except ApiError as error:
            members = {"__type": self._namespace + error.code, "message": str(error)}
            return self._response(error.http_status, members, self._error_headers(error))
        except HeadraceError as error:
            LOGGER.error("%s.%s: %s", self.name, name, error)
            return self._response(500, {"__type": "InternalFailure", "message": str(error)})

    async def _input(self, request: web.BaseRequest) -> Input:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > self._most_bytes:
                raise BadInput(f"The request is larger than {self._most_bytes} bytes.")
        try:
            members = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError as error:
            raise BadInput(f"The request is not JSON: {error}") from None
        if not isinstance(members, dict):
            raise BadInput("The request must be a JSON object.")
        return Input(members)

    def _response(
        self, status: int, members: Mapping[str, Any], headers: Mapping[str, str] = NO_HEADERS
    ) -> web.Response:
        return web.Response(
            status=status,
            body=orjson.dumps(members),
            headers={"Content-Type": self._content_type, REQUEST_ID: new_request_id(), **headers},
        )


def taking(operation: Operation, members: str) -> Operation:
    """Return the operation, which refuses members that are not among those named: they are not simulated."""
    known = frozenset(members.split())

    async def check_and_operate(given: Input) -> Mapping[str, Any]:
        given.refuse_others(known)
        return await operation(given)

    return check_and_operate


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
