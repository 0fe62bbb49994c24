"""Functions that answer from a script: a stand-in for the execution environments."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.clock import Clock
from engine.errors import ResourceNotFound
from engine.functions.invocation import Invocation, InvocationResult, Throttled

Answer = InvocationResult | Throttled | Exception


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call, and when it came."""

    at: datetime
    function: str
    invocation: Invocation


def returned(value: Any, log_tail: bytes = b"") -> InvocationResult:
    """A function's answer."""
    return _result(json.dumps(value).encode(), None, None, log_tail)


def raised(error_type: str, message: str, request_id: str = "", log_tail: bytes = b"") -> InvocationResult:
    """What comes back when the handler raised."""
    body = {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": []}
    return _result(json.dumps(body).encode(), error_type, message, log_tail)


def _result(payload: bytes, error_type: str | None, message: str | None, log_tail: bytes) -> InvocationResult:
    return InvocationResult(
        payload=payload,
        function_error=None if error_type is None else "Unhandled",
        error_type=error_type,
        error_message=message,
        log_tail=log_tail,
        duration_ms=1.0,
        billed_ms=1,
        memory_used_mb=30,
        init_ms=None,
        environment="0" * 32,
    )


class ScriptedFunctions:
    """Answers each call by `script(function, invocation)`, after `seconds`."""

    def __init__(
        self, clock: Clock, script: Callable[[str, Invocation], Answer] | None = None, seconds: float = 0.0
    ) -> None:
        self.attempts: list[Attempt] = []
        self.called = asyncio.Event()
        self.running = 0
        self.most_running = 0
        self.script = script or (lambda function, invocation: returned(None))
        self.seconds = seconds
        self._clock = clock

    async def invoke(self, function: str, invocation: Invocation) -> InvocationResult | Throttled:
        """Run one attempt, as `FunctionRunner` says."""
        if function.startswith("missing"):
            raise ResourceNotFound("Function", function)
        self.attempts.append(Attempt(self._clock.now(), function, invocation))
        self.called.set()
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.seconds:
                await asyncio.sleep(self.seconds)
            answer = self.script(function, invocation)
        finally:
            self.running -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def request_ids(self) -> list[str]:
        """The request ids of all calls, in their order."""
        return [attempt.invocation.request_id for attempt in self.attempts]
