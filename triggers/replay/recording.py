"""The format of a recording: JSON Lines, one line for each attempt to run a function.

An event that ended before it could run has one line, too.

    {"offset":1.25,"time":"2026-01-02T03:04:05.678Z","source":"buckets.in","function":"resize",
     "request_id":"...","attempt":1,"event":{...},"result":{"payload":{...}}}

`offset` is how many seconds after the start of the recording the attempt began, `time` when it ended. A
failed attempt has `"function_error"` in its result. `event` and `payload` are the very JSON that went in
and came out; bytes that are not JSON are kept as `event_base64` and `payload_base64`.

The line of an event that never ran has attempt 0 and the `offset` of its acceptance; its result is the
condition of an invocation record, such as `{"condition":"EventAgeExceeded"}`.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from engine.clock import iso_millis
from engine.feed import EventNeverRan, InvocationFinished
from engine.value import dataclass
from triggers.replay.json_text import Malformed, compact, decode, parse

LONGEST_SECONDS = 366 * 24 * 3600


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """What a line holds for a replay. `offset` is in seconds, `payload` is JSON.

    `attempt` counts from 1; it is 0 for an event that never ran.
    """

    offset: float
    function: str
    attempt: int
    payload: bytes


def format_line(fact: InvocationFinished | EventNeverRan, recording_started: datetime) -> bytes:
    """Return the line of one attempt, or of an event without one, ending in a line feed."""
    if isinstance(fact, EventNeverRan):
        began, attempt = fact.accepted, 0
        result: dict[str, Any] = {"condition": fact.condition}
    else:
        began, attempt = fact.started, fact.attempt
        result = _embedded("payload", fact.payload)
        if fact.function_error is not None:
            result["function_error"] = fact.function_error
    return orjson.dumps(
        {
            "offset": max(0.0, (began - recording_started).total_seconds()),
            "time": iso_millis(fact.time),
            "source": fact.source,
            "function": fact.function,
            "request_id": fact.request_id,
            "attempt": attempt,
            **_embedded("event", fact.event),
            "result": result,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


@dataclass(frozen=True, slots=True)
class Outline:
    """What a line says about its event, without the event."""

    offset: float
    function: str
    attempt: int


def outline_line(line: bytes) -> Outline:
    """Return a line's outline, several times as fast as the whole. Raises Malformed as `parse_line` does."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        entry = parse(decode(line))  # says where the mistake is, and allows what only orjson refuses
    outline = _outline(entry)
    if "event" not in entry:
        _payload(entry)
    return outline


def parse_line(line: bytes) -> RecordedEvent:
    """Return what a line holds. Raises Malformed, with the column in the line."""
    entry = parse(decode(line))
    outline = _outline(entry)
    return RecordedEvent(outline.offset, outline.function, outline.attempt, _payload(entry))


def _outline(entry: object) -> Outline:
    if not isinstance(entry, Mapping):
        raise Malformed(1, 1, "a line of a recording is a JSON object")
    offset = entry.get("offset")
    if isinstance(offset, bool) or not isinstance(offset, int | float):
        raise Malformed(1, 1, 'a line of a recording needs "offset", a number of seconds')
    if not 0 <= offset <= LONGEST_SECONDS:
        raise Malformed(1, 1, f'"offset" is beyond what a recording may last, 0 to {LONGEST_SECONDS} seconds')
    function = entry.get("function")
    if not isinstance(function, str) or not function:
        raise Malformed(1, 1, 'a line of a recording needs "function", the name of a function')
    attempt = entry.get("attempt", 1)
    if isinstance(attempt, bool) or not isinstance(attempt, int):
        raise Malformed(1, 1, '"attempt" is not a whole number')
    return Outline(float(offset), function, attempt)


def _payload(entry: Mapping[str, Any]) -> bytes:
    if "event" in entry:
        return compact(entry["event"])
    if "event_base64" not in entry:
        raise Malformed(1, 1, 'a line of a recording needs "event"')
    try:
        return base64.b64decode(entry["event_base64"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Malformed(1, 1, '"event_base64" is not base64') from None


def _embedded(name: str, raw: bytes) -> dict[str, Any]:
    """Return `raw` under `name` as it is when it is JSON, else under `name_base64`."""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {f"{name}_base64": base64.b64encode(raw).decode()}
    # A line feed inside JSON is space between tokens; one in a string is written as an escape.
    return {name: orjson.Fragment(raw.replace(b"\n", b" ").replace(b"\r", b" "))}
