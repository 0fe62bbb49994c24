"""What recordings are made of: a fact with every field filled in, and a line."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.feed import InvocationFinished

STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def finished(event: bytes = b"{}", payload: bytes = b"null", **changes: Any) -> InvocationFinished:
    values: dict[str, Any] = {
        "time": STARTED + timedelta(seconds=2.5),
        "function": "resize",
        "request_id": "11111111-2222-4333-8444-555555555555",
        "source": "s3",
        "attempt": 1,
        "environment": "e" * 32,
        "started": STARTED + timedelta(seconds=1.234567),
        "duration_ms": 1.5,
        "billed_ms": 2,
        "memory_used_mb": 40,
        "init_ms": None,
        "function_error": None,
        "error_type": None,
        "error_message": None,
        "event": event,
        "payload": payload,
    }
    return InvocationFinished(**(values | changes))


def recorded_line(offset: float, attempt: int = 1, function: str = "f") -> bytes:
    """Return one line of a recording."""
    entry = {"offset": offset, "function": function, "attempt": attempt, "event": {"at": offset}}
    return json.dumps(entry).encode() + b"\n"
