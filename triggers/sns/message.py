"""A message as it is published, and the notification that it becomes.

Source: Amazon SNS API reference, Publish; developer guide, "Amazon SNS message attributes".
"""

import base64
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

import orjson

from engine.value import dataclass
from triggers.sns.errors import InvalidParameter

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class MessageAttribute:
    """A message attribute. `data_type` is `String`, `String.Array`, `Number` or `Binary`."""

    data_type: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be published. `body` is what was given, whose size counts.

    With a message structure, `bodies` holds what each protocol gets instead, and `default`. `lineage` are the
    functions by whose invocations it came about, oldest first; `trace_header` is passed on to queues.
    """

    body: str
    subject: str | None = None
    attributes: Mapping[str, MessageAttribute] = field(default_factory=dict)
    bodies: Mapping[str, str] = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    lineage: tuple[str, ...] = ()

    def body_for(self, protocol: str) -> str:
        """Return what subscribers by this protocol get."""
        return self.bodies.get(protocol, self.bodies.get(DEFAULT, self.body))


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that a topic has taken. `sequence_number` is that of a FIFO topic."""

    message_id: str
    published_at: datetime
    message: OutgoingMessage
    sequence_number: str | None = None


def message_from_json(given: Mapping[str, Any], bodies: Mapping[str, str]) -> OutgoingMessage:
    """Return the message of {body, subject?, attributes?, group_id?, deduplication_id?}.

    Attributes are in the form of the SNS API, binary values in base64. `bodies` are those of the protocols.
    """
    attributes = {
        name: MessageAttribute(
            each["DataType"],
            base64.b64decode(each["BinaryValue"]) if "BinaryValue" in each else each["StringValue"],
        )
        for name, each in given.get("attributes", {}).items()
    }
    return OutgoingMessage(
        given["body"],
        given.get("subject"),
        attributes,
        bodies,
        given.get("group_id"),
        given.get("deduplication_id"),
    )


def bodies_by_protocol(text: str) -> dict[str, str]:
    """Return what a message with `MessageStructure` `json` has for each protocol.

    Values that are no strings are left out. Raises InvalidParameter for what is not JSON or has no default.
    """
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidParameter("Message Structure - JSON message body failed to parse") from None
    given = parsed if isinstance(parsed, dict) else {}
    bodies = {protocol: body for protocol, body in given.items() if isinstance(body, str)}
    if DEFAULT not in bodies:
        raise InvalidParameter("Message Structure - No default entry in JSON message body")
    return bodies
