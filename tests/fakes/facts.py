"""Facts of the feed, with sensible values for what a test does not care about."""

from engine.clock import VIRTUAL_START
from engine.feed import InvocationFinished

ID = "request"


def finished(**changes: object) -> InvocationFinished:
    """Return a successful invocation, but for `changes`."""
    values: dict[str, object] = {
        "time": VIRTUAL_START,
        "function": "resize",
        "request_id": ID,
        "source": "buckets.inbox",
        "attempt": 1,
        "environment": "e" * 32,
        "started": VIRTUAL_START,
        "duration_ms": 12.345,
        "billed_ms": 13,
        "memory_used_mb": 64,
        "init_ms": None,
        "function_error": None,
        "error_type": None,
        "error_message": None,
        "event": b"{}",
        "payload": b"null",
    }
    return InvocationFinished(**(values | changes))  # type: ignore[arg-type]
