"""The format of a recording: JSON Lines, one line for each attempt to run a function.

    {"offset":1.25,"time":"2026-01-02T03:04:05.678Z","source":"s3","function":"resize",
     "request_id":"...","attempt":1,"event":{...},"result":{"payload":{...}}}

`offset` is how many seconds after the start of the recording the attempt began, `time` when it ended. A
failed attempt has `"function_error"` in its result. `event` and `payload` are the very JSON that went in
and came out; bytes that are not JSON are kept as `event_base64` and `payload_base64`.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from engine.clock import iso_millis
from engine.feed import InvocationFinished
from triggers.replay.json_text import Malformed, compact, decode, parse


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """What a line holds for a replay. `offset` is in seconds, `payload` is JSON; `attempt` counts from 1."""

    offset: float
    function: str
    attempt: int
    payload: bytes


def format_line(finished: InvocationFinished, recording_started: datetime) -> bytes:
    """Return the line of one attempt, ending in a line feed."""
    offset = max(0.0, (finished.started - recording_started).total_seconds())
    result = _embedded("payload", finished.payload)
    if finished.function_error is not None:
        result["function_error"] = finished.function_error
    return orjson.dumps(
        {
            "offset": offset,
            "time": iso_millis(finished.time),
            "source": finished.source,
            "function": finished.function,
            "request_id": finished.request_id,
            "attempt": finished.attempt,
            **_embedded("event", finished.event),
            "result": result,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def parse_line(line: bytes) -> RecordedEvent:
    """Return what a line holds. Raises Malformed, with the column in the line."""
    entry = parse(decode(line))
    if not isinstance(entry, Mapping):
        raise Malformed(1, 1, "a line of a recording is a JSON object")
    offset = entry.get("offset")
    if isinstance(offset, bool) or not isinstance(offset, int | float) or offset < 0:
        raise Malformed(1, 1, 'a line of a recording needs "offset", a number of seconds')
    function = entry.get("function")
    if not isinstance(function, str) or not function:
        raise Malformed(1, 1, 'a line of a recording needs "function", the name of a function')
    attempt = entry.get("attempt", 1)
    if isinstance(attempt, bool) or not isinstance(attempt, int):
        raise Malformed(1, 1, '"attempt" is not a whole number')
    return RecordedEvent(float(offset), function, attempt, _payload(entry))


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
