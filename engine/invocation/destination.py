"""Where an asynchronous event goes when it has ended: invocation records and dead letters.

A destination is written in the transaction that settles the event: the event's end and its record are stored
together or not at all. Source: Lambda developer guide, "Capturing records of asynchronous invocations"; key
order and values as recorded on AWS by LocalStack's test_lambda_destinations.
"""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Protocol

import orjson

from engine.clock import iso_millis
from engine.errors import HeadraceError
from engine.feed import EventEmitted
from engine.invocation.event import AsyncEvent, EventAcceptor, new_request_id
from engine.invocation.event_table import QueuedEvent
from engine.invocation.retry import is_recursive
from engine.value import dataclass

EVENT_BYTES = 1024 * 1024  # the largest payload of an asynchronous invocation
ERROR_MESSAGE_BYTES = 1024  # of the function's errorMessage, in a dead letter
THROTTLED_CODE, THROTTLED_MESSAGE = "429", "Rate Exceeded."  # what a caller would have been told

# What SQS accepts in a text; anything else would be refused by the real queue.
_NOT_XML_TEXT = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


@dataclass(frozen=True, slots=True)
class TextAttribute:
    """A message attribute whose value is text; `data_type` is `String` or `Number`."""

    data_type: str
    value: str


@dataclass(frozen=True, slots=True)
class DestinationMessage:
    """What a destination receives: JSON text, and the attributes of a dead letter.

    `function` is the function whose event ended, `lineage` the chain of invocations up to and including it.
    `loop_stopped` says that it ended because the chain is a loop. A function gets the message as
    `request_id`, however often the transaction is tried.
    """

    function: str
    body: bytes
    lineage: tuple[str, ...]
    attributes: Mapping[str, TextAttribute] = field(default_factory=dict)
    loop_stopped: bool = False
    request_id: str = field(default_factory=new_request_id)


class DestinationRefused(HeadraceError):
    """The destination would not take the message on AWS either, for example because of its size."""


class Destination(Protocol):
    """A queue, a function; later a topic, a bus or a bucket."""

    @property
    def arn(self) -> str:
        """The ARN by which records, facts and messages name it."""

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        """Store `message` in the settling transaction. Raises DestinationRefused before writing anything.

        Called on the store's thread.
        """

    def wake(self) -> None:
        """Say that the transaction is committed, so that whoever waits for the message gets it now."""


class FunctionDestination:
    """Invokes a function asynchronously with the record as its event."""

    def __init__(
        self, function: str, arn: str, acceptor: EventAcceptor, qualifier: str | None = None
    ) -> None:
        self.arn = arn
        self._qualifier = qualifier
        self._function = function
        self._acceptor = acceptor

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        """Queue the record as an event. Refuses what is over 1 MB, and to carry a stopped loop on."""
        if len(message.body) > EVENT_BYTES:
            raise DestinationRefused(
                f"the record of {len(message.body)} bytes is larger than an event may be ({EVENT_BYTES})"
            )
        if message.loop_stopped and is_recursive(self._function, message.lineage):
            raise DestinationRefused(
                f"functions.{self._function} is itself part of the loop that was stopped"
            )
        event = AsyncEvent(
            self._function,
            message.body,
            source=f"functions.{message.function}",
            request_id=message.request_id,
            qualifier=self._qualifier,
            lineage=message.lineage,
        )
        self._acceptor.insert(connection, [event])

    def wake(self) -> None:
        """Let the queued event run now."""
        self._acceptor.wake()

    def emitted(self, message: DestinationMessage, condition: str, now: datetime) -> EventEmitted:
        """Return what the feed is told of the queued event, once the transaction is committed."""
        source = f"functions.{message.function}"
        return EventEmitted(now, source, self._function, message.request_id, condition, "invocation record")


def invocation_record(event: QueuedEvent, function_arn: str, condition: str, now: datetime) -> bytes:
    """Return the record of an ended event as JSON.

    `function_arn` is qualified. A response that is not JSON (a handler may return bytes, or NaN) is carried
    as a string; the members of the response are absent when the function never ran.
    """
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso_millis(now),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": orjson.Fragment(event.payload),
    }
    if event.response is not None:
        context = {"statusCode": 200, "executedVersion": event.executed_version or "$LATEST"}
        if condition != "Success":
            context["functionError"] = "Unhandled"
        record["responseContext"] = context
        record["responsePayload"] = _json_or_text(event.response)
    return orjson.dumps(record)


def dead_letter_attributes(request_id: str, response: bytes | None) -> dict[str, TextAttribute]:
    """Return the message attributes of a dead letter, whose body is the event itself.

    An empty errorMessage has no attribute: a queue takes no empty value.
    """
    if response is None:
        code, text = THROTTLED_CODE, THROTTLED_MESSAGE
    else:
        code, text = "200", _error_message(response)
    attributes = {
        "RequestID": TextAttribute("String", request_id),
        "ErrorCode": TextAttribute("Number", code),
    }
    if text:
        attributes["ErrorMessage"] = TextAttribute("String", text)
    return attributes


def _error_message(response: bytes) -> str:
    try:
        parsed = orjson.loads(response)
    except orjson.JSONDecodeError:
        return ""
    text = parsed.get("errorMessage") if isinstance(parsed, dict) else None
    if not isinstance(text, str):
        return ""
    text = re.sub(_NOT_XML_TEXT, "?", text)
    return text.encode()[:ERROR_MESSAGE_BYTES].decode(errors="ignore")


def _json_or_text(response: bytes) -> Any:
    try:
        orjson.loads(response)
    except orjson.JSONDecodeError:
        return response.decode(errors="replace")
    return orjson.Fragment(response)
