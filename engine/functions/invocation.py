"""What goes into a function and what comes out of it."""

from typing import Protocol

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class Invocation:
    """One attempt to run a function. `payload` is JSON; `client_context` is JSON text, decoded from base64.

    `lineage` lists, oldest first, the functions whose invocations led to this one. `caller_waits`: the
    last of them is at work until this one has ended.
    """

    request_id: str
    payload: bytes
    source: str = "invoke"
    attempt: int = 1
    qualifier: str | None = None
    client_context: str | None = None
    lineage: tuple[str, ...] = ()
    caller_waits: bool = False


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """What the function answered. `payload` is its JSON, or the error object when `function_error` is set.

    `log_tail` holds at most the last 4 KB of what it logged, `environment` the 32-digit name of where it ran.
    """

    payload: bytes
    function_error: str | None
    error_type: str | None
    error_message: str | None
    log_tail: bytes
    duration_ms: float
    billed_ms: int
    memory_used_mb: int
    init_ms: float | None
    environment: str
    executed_version: str = "$LATEST"


@dataclass(frozen=True, slots=True)
class Throttled:
    """The function has no concurrency left; nothing ran. `reason` is one of Lambda's ThrottleReasons."""

    reason: str


class FunctionRunner(Protocol):
    """Runs functions by name; the execution environments, as invocation and mappings see them."""

    async def invoke(self, function: str, invocation: Invocation) -> InvocationResult | Throttled:
        """Run one attempt to its end. Raises ResourceNotFound when no function goes by this name."""
