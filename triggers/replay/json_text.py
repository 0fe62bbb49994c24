"""JSON as users keep it in files: checked, with the place of the first mistake.

Any JSON value is an event. A byte order mark and UTF-16, as some editors and shells write, are understood.
"""

import json
import re
from typing import Any, NoReturn

EVENT_LIMIT_BYTES = 6 * 1024 * 1024  # the largest payload of a synchronous invocation
NOT_JSON = re.compile(r"(?<![\w\"])-?(?:NaN|Infinity)")


class Malformed(ValueError):
    """This is not JSON. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.column, self.reason = line, column, reason


def decode(raw: bytes) -> str:
    """Return the text of a JSON document. Raises Malformed when it is empty or not text."""
    if not raw.strip():
        raise Malformed(1, 1, "it is empty")
    encoding = json.detect_encoding(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line_start = before.rfind(b"\n") + 1
        raise Malformed(
            before.count(b"\n") + 1,
            error.start - line_start + 1,
            f"byte 0x{raw[error.start]:02x} is not text: JSON is written in UTF-8",
        ) from None


def parse(text: str) -> Any:
    """Return the value of a JSON text. Raises Malformed; NaN and Infinity are not JSON."""

    def refuse(constant: str) -> NoReturn:
        found = NOT_JSON.search(text)
        start = found.start() if found else 0
        raise Malformed(
            text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start), f"{constant} is not JSON"
        )

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise Malformed(error.lineno, error.colno, error.msg) from None
    except RecursionError:
        raise Malformed(1, 1, "it is nested too deeply") from None
    except Malformed:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise Malformed(1, 1, str(error)) from None


def event_payload(raw: bytes) -> bytes:
    """Return a document's own text as an invocation payload, in UTF-8. Raises Malformed."""
    text = decode(raw)
    parse(text)
    return text.encode()


def compact(value: Any) -> bytes:
    """Return a value's JSON without insignificant spaces, in UTF-8 where the value allows it."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # an escaped half of a surrogate pair has no UTF-8 form
        return json.dumps(value, separators=(",", ":")).encode()
