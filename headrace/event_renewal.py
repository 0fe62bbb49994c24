"""Makes an example event look as if it had just happened: fresh ids, the present time, and sums that fit.

The examples are all set around one moment, so every time near it, however it is written, moves by the same
amount. An id that is repeated within an event stays repeated. Names of resources stay as they are.
"""

import base64
import hashlib
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from headrace.event_path import open_text
from triggers.sqs.message import Message, MessageAttribute

EXAMPLE_MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
PART_OF_SECOND = timedelta(microseconds=EXAMPLE_MOMENT.microsecond)  # what whole seconds leave out
NEAR = timedelta(days=90)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
HEXADECIMAL = re.compile(r"[0-9a-f]+")
OPAQUE_IDS = {  # beside those that are UUIDs
    *("receiptHandle", "x-amz-request-id", "x-amz-id-2", "request-id", "RequestId", "HostId", "eventID"),
    *("requestId", "extendedRequestId", "taskId", "invocationId"),
}
SEQUENCES = {
    *("sequenceNumber", "SequenceNumber", "startSequenceNumber", "endSequenceNumber", "recordId", "offset"),
}
WINDOW = timedelta(minutes=2)  # of the examples with a tumbling window

TIME_FORMATS = (  # as found in text: pattern, format
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?=Z|\+0000)"), "%Y-%m-%dT%H:%M:%S.%f"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=Z|\+0000)"), "%Y-%m-%dT%H:%M:%S"),
    (re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?= \+0000)"), "%d/%b/%Y:%H:%M:%S"),
    (
        re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?= \+0000)"),
        "%a, %d %b %Y %H:%M:%S",
    ),
    (re.compile(r"[A-Z][a-z]{2} \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M"), "%b %d, %Y %I:%M:%S %p"),
    (re.compile(r"[A-Z][a-z]+ \d\d [A-Z][a-z]+, \d{4} \d\d:\d\d:\d\d(?= UTC)"), "%A %d %B, %Y %H:%M:%S"),
    (re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d"), "%d/%m/%y %H:%M:%S"),
    (re.compile(r"\d{4}/\d\d/\d\d(?=/\[)"), "%Y/%m/%d"),
)
EPOCH_UNITS = {10: 1, 13: 1_000, 16: 1_000_000}  # digits of a present time: fractions of a second


class Renewal:
    """Renews one event, or one record of it; `index` counts the records, so that sequences grow."""

    def __init__(self, now: datetime, index: int = 0) -> None:
        self._now = now
        self._shift = timedelta(milliseconds=(now - EXAMPLE_MOMENT) // timedelta(milliseconds=1))
        self._index = index
        self._ids: dict[str, str] = {}

    def renew(self, value: Any, key: str = "") -> Any:
        """Return `value`, which stands under `key`, with fresh ids and times."""
        if isinstance(value, dict):
            return {name: self.renew(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.renew(inner, key) for inner in value]
        if isinstance(value, str):
            return self._text(value, key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if key in SEQUENCES:
            return value + self._index
        return self._number(value)

    def _text(self, text: str, key: str) -> str:
        if key == "sequencer":
            nanoseconds = (self._now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
            return f"00{nanoseconds + self._index:016X}"
        if key in SEQUENCES and text.isdecimal():
            return str(int(text) + self._shift // timedelta(milliseconds=1) * 1000 + self._index)
        if UUID.fullmatch(text) or (key in OPAQUE_IDS and not set(":.") & set(text)):
            return self._ids.setdefault(text, _fresh_id(text))
        if text.isdecimal() and len(text) in EPOCH_UNITS:
            return str(self._number(int(text)))
        if (opened := open_text(text)) is not None:
            inner, close = opened
            return close(self.renew(inner))
        if key in ("start", "end"):
            begin = datetime.fromtimestamp(self._now.timestamp() // WINDOW.seconds * WINDOW.seconds, UTC)
            return f"{begin if key == 'start' else begin + WINDOW:%Y-%m-%dT%H:%M:%SZ}"
        for pattern, form in TIME_FORMATS:
            text = pattern.sub(partial(self._moved, form), text)
        return text

    def _moved(self, form: str, found: re.Match[str]) -> str:
        text = found[0]
        before = datetime.strptime(text, form).replace(tzinfo=UTC)
        if abs(before - EXAMPLE_MOMENT) > NEAR:
            return text
        cut_off = timedelta() if form.endswith("%f") else PART_OF_SECOND
        after = before + cut_off + self._shift
        if ":%S" in form and before.second == 0 and before.microsecond == 0:
            after = after.replace(second=0, microsecond=0)  # schedules and periods keep to whole minutes
        if "%p" in form:
            return f"{after:%b} {after.day}, {after.year} {after.hour % 12 or 12}:{after:%M:%S %p}"
        moved = after.strftime(form)
        return moved[: len(text)] if form.endswith("%f") else moved

    def _number(self, number: float) -> int | float:
        unit = EPOCH_UNITS.get(len(str(int(number))))
        if unit is None or abs(number / unit - EXAMPLE_MOMENT.timestamp()) > NEAR.total_seconds():
            return number
        milliseconds = self._shift // timedelta(milliseconds=1)
        if unit == 1 and number == int(number):
            whole = int(number) + (PART_OF_SECOND // timedelta(milliseconds=1) + milliseconds) // 1000
            return type(number)(whole)
        if isinstance(number, int):
            return number + milliseconds * unit // 1000
        return round(number + milliseconds * unit / 1000, 3)


def settle(value: Any) -> None:
    """Bring what follows from other fields up to date, in place: MD5 sums, lengths, ids made of other ids."""
    if isinstance(value, list):
        for inner in value:
            settle(inner)
    if not isinstance(value, dict):
        return
    for inner in value.values():
        settle(inner)
    if "md5OfBody" in value:
        _settle_message(value)
    if "kinesis" in value and "eventID" in value:
        shard = value["eventID"].partition(":")[0]
        value["eventID"] = f"{shard}:{value['kinesis']['sequenceNumber']}"
    if "basicProperties" in value:
        value["basicProperties"]["bodySize"] = len(base64.b64decode(value["data"]))
    headers = value.get("headers")
    if isinstance(headers, dict) and "content-length" in headers and isinstance(value.get("body"), str):
        headers["content-length"] = str(len(value["body"].encode()))


def _settle_message(record: dict[str, Any]) -> None:
    attributes = {
        name: MessageAttribute(attribute["dataType"], _attribute_value(attribute))
        for name, attribute in record["messageAttributes"].items()
    }
    message = Message("", str(record["body"]), attributes, {}, EXAMPLE_MOMENT)
    record["md5OfBody"] = message.md5_of_body
    if attributes:
        record["md5OfMessageAttributes"] = message.md5_of_attributes
    if "MessageDeduplicationId" in record["attributes"]:
        record["attributes"]["MessageDeduplicationId"] = hashlib.sha256(message.body.encode()).hexdigest()


def _attribute_value(attribute: Mapping[str, Any]) -> str | bytes:
    if "binaryValue" in attribute:
        return base64.b64decode(attribute["binaryValue"])
    return str(attribute["stringValue"])


def _fresh_id(example: str) -> str:
    """Return another id of the same kind: a UUID, or text with the same sorts of characters."""
    if UUID.fullmatch(example):
        return str(uuid.uuid4())
    digits = "0123456789"
    if HEXADECIMAL.fullmatch(example):
        return secrets.token_hex(len(example))[: len(example)]
    sorts = (digits, "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return "".join(
        next((secrets.choice(sort) for sort in sorts if character in sort), character)
        for character in example
    )
