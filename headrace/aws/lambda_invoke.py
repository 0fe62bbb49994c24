"""Lambda's Invoke operation as HTTP.

Source: the service model lambda 2015-03-31 (Invoke); texts and key spellings as recorded on AWS by
LocalStack's test_lambda suite.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from urllib.parse import unquote

import orjson
from aiohttp import web

from engine.arn import Account
from engine.errors import (
    ApiError,
    HeadraceError,
    InvalidParameterValue,
    InvalidRequestContent,
    RecursiveInvocation,
    RequestTooLarge,
    ResourceNotFound,
    ServiceFailure,
    TooManyRequests,
    ValidationFailed,
)
from engine.functions.definition import LATEST
from engine.functions.invocation import FunctionRunner, Invocation, InvocationResult, Throttled
from engine.functions.tracing import root_of
from engine.invocation.event import AsyncEvent, new_request_id
from engine.invocation.event_queue import EventQueue
from engine.value import dataclass
from headrace.aws.error_body import REQUEST_ID, not_implemented

PATH = re.compile(
    r"/2015-03-31/functions/(?P<name>[^/]+)/invocations|/2014-11-13/functions/(?P<old>[^/]+)/invoke-async/?"
)
INVOKE_PATHS = ("/invocations", "/invoke-async", "/invoke-async/")  # how they end
SYNC_BYTES = 6 * 1024 * 1024
EVENT_BYTES = 1024 * 1024
OLD_EVENT_BYTES = 256 * 1024  # of InvokeAsync
CLIENT_CONTEXT_BYTES = 3583  # of base64

NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
    r"(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
QUALIFIER_PATTERN = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
INVOCATION_TYPES = ("RequestResponse", "Event", "DryRun")
LOG_TYPES = ("None", "Tail")

NOT_SIMULATED = ("X-Amz-Tenant-Id", "X-Amz-Durable-Execution-Name")

LineageOf = Callable[[str], tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Target:
    """The function a request is about. `qualifier` is the one given, if any."""

    name: str
    qualifier: str | None


class LambdaWire:
    """Answers Invoke: synchronous calls from the environments, asynchronous ones from the event queue."""

    def __init__(
        self,
        account: Account,
        runner: FunctionRunner,
        events: EventQueue,
        lineage_of: LineageOf,
        is_stopping: Callable[[], bool] = lambda: False,
        has_qualifier: Callable[[str, str], bool] = lambda _, qualifier: qualifier == LATEST,
    ) -> None:
        """`lineage_of` returns, for the trace root of a running invocation, its lineage with itself.

        `has_qualifier` says whether a function has a version or an alias.
        """
        self._has_qualifier = has_qualifier
        self._account = account
        self._runner = runner
        self._events = events
        self._lineage_of = lineage_of
        self._is_stopping = is_stopping

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Raises ApiError for what Lambda refuses; unexpected errors pass through."""
        matched = PATH.fullmatch(unquote(request.raw_path.partition("?")[0]))
        if matched is None or request.method != "POST":
            return not_implemented("lambda", f"{request.method} {request.path}", "rest-json")
        headers = request.headers
        for name in NOT_SIMULATED:
            if name in headers:
                raise InvalidParameterValue(f"{name} is not simulated by Headrace.")
        if matched["old"] is not None:
            return await self._accept(
                self._target(matched["old"], None),
                await _payload(request, OLD_EVENT_BYTES),
                self._lineage(headers.get("X-Amzn-Trace-Id")),
            )
        target = self._target(
            matched["name"], request.query.get("Qualifier") if "?" in request.raw_path else None
        )
        kind = _choice(headers.get("X-Amz-Invocation-Type"), INVOCATION_TYPES, "invocationType")
        wants_log = _choice(headers.get("X-Amz-Log-Type"), LOG_TYPES, "logType") == "Tail"
        payload = await _payload(request, EVENT_BYTES if kind == "Event" else SYNC_BYTES)
        if kind == "DryRun":
            return web.Response(status=204, headers={REQUEST_ID: new_request_id()})
        lineage = self._lineage(headers.get("X-Amzn-Trace-Id"))
        if kind == "Event":
            return await self._accept(target, payload, lineage)
        if self._is_stopping() and not lineage:
            raise ServiceFailure("the simulator is stopping: invoke again after its next start")
        if self._events.stops(target.name, lineage):
            raise RecursiveInvocation(
                f"Recursion detected: {self._account.function(target.name)} ran 16 times in one chain. "
                f'`recursive_loop = "Allow"` in [functions.{target.name}] lets it go on.'
            )
        invocation = Invocation(
            new_request_id(),
            payload,
            qualifier=target.qualifier,
            client_context=_client_context(headers.get("X-Amz-Client-Context")),
            lineage=lineage,
            caller_waits=bool(lineage),
        )
        return await self._run(target, invocation, wants_log)

    async def _run(self, target: Target, invocation: Invocation, wants_log: bool) -> web.Response:
        try:
            answer = await self._runner.invoke(target.name, invocation)
        except ApiError:
            raise
        except HeadraceError as error:
            raise ServiceFailure(str(error)) from error
        if isinstance(answer, Throttled):
            raise TooManyRequests(answer.reason)
        return web.Response(
            body=answer.payload, headers=_result_headers(answer, invocation.request_id, wants_log)
        )

    async def _accept(self, target: Target, payload: bytes, lineage: tuple[str, ...]) -> web.Response:
        event = AsyncEvent(target.name, payload, qualifier=target.qualifier, lineage=lineage)
        try:
            await self._events.accept(event)
        except ApiError:
            raise
        except HeadraceError as error:
            raise ServiceFailure(str(error)) from error
        return web.Response(status=202, headers={REQUEST_ID: event.request_id})

    def _target(self, name: str, qualifier: str | None) -> Target:
        parsed = NAME.fullmatch(name)
        if parsed is None:
            raise _constraint(name, "functionName", f"regular expression pattern: {NAME_PATTERN}")
        derived = parsed["qualifier"]
        if qualifier is not None and not re.fullmatch(QUALIFIER_PATTERN, qualifier):
            raise _constraint(qualifier, "qualifier", f"regular expression pattern: {QUALIFIER_PATTERN}")
        if derived is not None and qualifier is not None and derived != qualifier:
            raise InvalidParameterValue(
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        target = Target(parsed["name"], qualifier or derived)
        self._check_it_exists(target, parsed["region"], parsed["account"])
        return target

    def _check_it_exists(self, target: Target, region: str | None, account: str | None) -> None:
        here = self._account
        elsewhere = (region or here.region, account or here.account_id) != (here.region, here.account_id)
        qualifier = target.qualifier or LATEST
        if elsewhere or not (self._events.knows(target.name) and self._has_qualifier(target.name, qualifier)):
            owner = Account(account or here.account_id, region or here.region)
            raise ResourceNotFound("Function", owner.function(target.name, qualifier))

    def _lineage(self, trace: str | None) -> tuple[str, ...]:
        root = root_of(trace)
        return (self._lineage_of(root) if root is not None else None) or ()


def _result_headers(answer: InvocationResult, request_id: str, wants_log: bool) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        REQUEST_ID: request_id,
        "X-Amz-Executed-Version": answer.executed_version,
    }
    if answer.function_error is not None:
        headers["X-Amz-Function-Error"] = answer.function_error
    if wants_log:
        headers["X-Amz-Log-Result"] = base64.b64encode(answer.log_tail).decode()
    return headers


async def _payload(request: web.BaseRequest, limit: int) -> bytes:
    """Return the body, checked to be JSON; an empty one is `{}`. Refuses a large one before reading it."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:  # sent in chunks, so that only reading told its size
        raise _too_large(limit) from None
    if len(body) > limit:
        raise _too_large(limit)
    if not body:
        return b"{}"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _check_leniently(body, str(error))
    return body


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"Request must be smaller than {limit} bytes for the InvokeFunction operation")


def _check_leniently(body: bytes, detail: str) -> None:
    """Accept what only orjson refuses, such as half a surrogate pair. Raises InvalidRequestContent."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        json.loads(body.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        text = f"Could not parse request body into json: Could not parse payload into json: {detail}"
        raise InvalidRequestContent(text) from None


def _client_context(header: str | None) -> str | None:
    """Return the client context as JSON text. Raises InvalidRequestContent when it is not base64 of that."""
    if not header:
        return None
    if len(header) > CLIENT_CONTEXT_BYTES:
        raise InvalidRequestContent(
            f"Client context must be at most {CLIENT_CONTEXT_BYTES} bytes of base64, got {len(header)}."
        )
    try:
        text = base64.b64decode(header, validate=True).decode()
        orjson.loads(text)
    except (binascii.Error, ValueError):
        raise InvalidRequestContent("Client context must be a valid Base64-encoded JSON object.") from None
    return text


def _choice(value: str | None, allowed: tuple[str, ...], field: str) -> str:
    """Return the value, or the first of `allowed` when absent. Raises ValidationFailed for any other."""
    if value is None:
        return allowed[0]
    if value not in allowed:
        raise _constraint(value, field, f"enum value set: [{', '.join(allowed)}]")
    return value


def _constraint(value: str, field: str, rule: str) -> ValidationFailed:
    return ValidationFailed(
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: "
        f"Member must satisfy {rule}"
    )
