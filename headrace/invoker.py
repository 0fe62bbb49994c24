"""Invoking functions from a command: through the running simulator, or with one made for the purpose."""

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from engine import clock
from engine.errors import HeadraceError, ResourceNotFound, TooManyRequests
from engine.feed import RetryScheduled
from engine.functions.invocation import InvocationResult, Throttled
from engine.invocation.event import AsyncEvent
from engine.value import dataclass
from headrace.config import Configuration, load
from headrace.control import Answer, RunningSimulator, request
from headrace.live_view import LiveView
from headrace.reach import reach

if TYPE_CHECKING:
    import aiohttp

Invoke = Callable[[str, bytes], Awaitable[InvocationResult | Throttled]]

SYNC_TIMEOUT_SECONDS = 1000.0  # beyond the longest function timeout, 900 s
OK, ACCEPTED = 200, 202
INVOKE_PATH = "/2015-03-31/functions/{}/invocations"
REPORT = re.compile(
    rb"Duration: ([\d.]+) ms\tBilled Duration: (\d+) ms\tMemory Size: \d+ MB\tMax Memory Used: (\d+) MB"
)
INIT = re.compile(rb"\tInit Duration: ([\d.]+) ms")


class InvokeFailed(HeadraceError):
    """The running simulator refused an invocation, or went away meanwhile."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an event that was queued: `text` says it to the user."""

    text: str


def invoke_once(configuration: Configuration, function: str, payload: bytes) -> InvocationResult | Throttled:
    """Invoke synchronously, through the running simulator or in an environment started for it."""

    async def through(running: RunningSimulator) -> InvocationResult | Throttled:
        answer = _post(configuration, running.url, function, payload, {"X-Amz-Log-Type": "Tail"})
        return _result(function, answer.status, answer.headers, answer.body)

    alone = partial(_invoke_alone, configuration, function, payload)
    return clock.run(reach(configuration.state, through, alone))


def invoke_event(configuration: Configuration, function: str, payload: bytes) -> Accepted:
    """Queue an event. Without a running simulator, try it once here; what remains waits for the next run.

    Raises StoreError when nothing was accepted.
    """

    async def through(running: RunningSimulator) -> Accepted:
        answer = _post(configuration, running.url, function, payload, {"X-Amz-Invocation-Type": "Event"})
        if answer.status != ACCEPTED:
            raise _refused(function, answer.body)
        return Accepted(f"accepted, request {answer.headers['x-amzn-requestid']}")

    alone = partial(_queue_alone, configuration, function, payload)
    return clock.run(reach(configuration.state, through, alone))


async def _invoke_alone(
    configuration: Configuration, function: str, payload: bytes
) -> InvocationResult | Throttled:
    from headrace.simulator import one_shot

    async with one_shot(configuration) as simulator:
        return await simulator.invoke(function, payload)


async def _queue_alone(configuration: Configuration, function: str, payload: bytes) -> Accepted:
    from headrace.simulator import one_shot

    event, view = AsyncEvent(function, payload), LiveView()
    async with one_shot(configuration) as simulator:
        happened = await simulator.queue_and_try(event)
    lines = [line for fact in happened if (line := view.line(fact)) is not None]
    if any(isinstance(fact, RetryScheduled) for fact in happened):
        lines.append("The retry waits in the store: it runs with `headrace run`.")
    return Accepted("\n".join([f"accepted, request {event.request_id}", *lines]))


def _post(
    configuration: Configuration, url: str, function: str, payload: bytes, headers: dict[str, str]
) -> Answer:
    path = INVOKE_PATH.format(function)
    signed = headers | _signature(configuration, url, path)
    try:
        return request(url, "POST", path, payload, signed, SYNC_TIMEOUT_SECONDS)
    except OSError as error:
        raise InvokeFailed(f"the running simulator did not answer for {function}: {error}") from error


def _signature(configuration: Configuration, url: str, path: str) -> dict[str, str]:
    """Return the headers that sign a request now; none where no signature is required."""
    settings = configuration.file.simulator
    if not settings.require_signature:
        return {}
    from headrace.aws.signing import signing_headers

    host, now = urlsplit(url).netloc, clock.running_clock().now()
    return signing_headers(settings.keys, host, path, settings.region, now)


@asynccontextmanager
async def open_invoker(config_path: Path) -> AsyncIterator[Invoke]:
    """Yield a coroutine that invokes a function synchronously with a JSON payload.

    It raises ResourceNotFound for an unknown function, and InvokeFailed when the running simulator goes away.
    """
    configuration = load(config_path)
    async with AsyncExitStack() as stack:
        yield await _open(configuration, stack)


async def _open(configuration: Configuration, stack: AsyncExitStack) -> Invoke:
    async def through(running: RunningSimulator) -> Invoke:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=SYNC_TIMEOUT_SECONDS)
        session = aiohttp.ClientSession(running.url, timeout=timeout)
        return _through_endpoint(configuration, running.url, await stack.enter_async_context(session))

    async def alone() -> Invoke:
        from headrace.simulator import one_shot

        return (await stack.enter_async_context(one_shot(configuration))).invoke

    return await reach(configuration.state, through, alone)


def _through_endpoint(configuration: Configuration, url: str, session: "aiohttp.ClientSession") -> Invoke:
    from aiohttp import ClientError

    async def invoke(function: str, payload: bytes) -> InvocationResult | Throttled:
        path = INVOKE_PATH.format(function)
        asking = {"X-Amz-Log-Type": "Tail", **_signature(configuration, url, path)}
        try:
            async with session.post(path, data=payload, headers=asking) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return _result(function, response.status, headers, await response.read())
        except (ClientError, TimeoutError) as error:
            raise InvokeFailed(f"the running simulator did not answer for {function}: {error}") from error

    return invoke


def _result(
    function: str, status: int, headers: Mapping[str, str], body: bytes
) -> InvocationResult | Throttled:
    """Turn the answer of Lambda's Invoke into a result; the figures are read from the log's REPORT line."""
    if status == TooManyRequests.http_status:
        return Throttled(str(orjson.loads(body).get("Reason")))
    if status == ResourceNotFound.http_status:
        raise ResourceNotFound("Function", function)
    if status != OK:
        raise _refused(function, body)
    tail = base64.b64decode(headers.get("x-amz-log-result", ""))
    report = REPORT.search(tail)
    init = INIT.search(tail)
    error = headers.get("x-amz-function-error")
    described = orjson.loads(body) if error is not None else {}
    return InvocationResult(
        payload=body,
        function_error=error,
        error_type=described.get("errorType"),
        error_message=described.get("errorMessage"),
        log_tail=tail,
        duration_ms=float(report[1]) if report else 0.0,
        billed_ms=int(report[2]) if report else 0,
        memory_used_mb=int(report[3]) if report else 0,
        init_ms=float(init[1]) if init else None,
        environment="",
    )


def _refused(function: str, body: bytes) -> InvokeFailed:
    said = orjson.loads(body)
    return InvokeFailed(f"{function}: {said.get('message') or said.get('Message')}")
