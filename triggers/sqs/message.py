"""One SQS message and its MD5 sums.

Source: Amazon SQS developer guide, "Message metadata" and "Calculating the MD5 message digest for message
attributes".
"""

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta

from engine.clock import to_millis
from engine.value import dataclass

SENDER_ID = "AIDAHEADRACE000000001"  # who sends here; real ones are those of a user or a role
TEXT, BINARY = b"\x01", b"\x02"  # how an attribute's value is marked in the digest


@dataclass(frozen=True, slots=True)
class MessageAttribute:
    """A message attribute. `data_type` is `String`, `Number` or `Binary`, with an optional `.label`."""

    data_type: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be sent. `system_attributes` can hold AWSTraceHeader; no `delay` means the queue's."""

    body: str
    attributes: Mapping[str, MessageAttribute] = field(default_factory=dict)
    system_attributes: Mapping[str, str] = field(default_factory=dict)
    delay: timedelta | None = None
    group_id: str | None = None
    deduplication_id: str | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the sender of a message is told. `sequence_number` is that of a FIFO queue."""

    message_id: str
    sequence_number: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message; `system_attributes` are those that were sent, such as AWSTraceHeader.

    `visible_at` is when it can be received next. `receipt_handle` is there once it has been received.
    """

    message_id: str
    body: str
    attributes: Mapping[str, MessageAttribute]
    system_attributes: Mapping[str, str]
    sent_at: datetime
    visible_at: datetime | None = None
    receive_count: int = 0
    first_received_at: datetime | None = None
    group_id: str | None = None
    deduplication_id: str | None = None
    sequence_number: str | None = None
    dead_letter_source: str | None = None
    receipt_handle: str | None = None

    @property
    def md5_of_body(self) -> str:
        """The hex MD5 of the body."""
        return md5_of_body(self.body)

    @property
    def md5_of_attributes(self) -> str | None:
        """The hex MD5 over all attributes, sorted by name; None without attributes."""
        return md5_of_attributes(self.attributes)


def md5_of_body(body: str) -> str:
    """Return the hex MD5 of a message's body."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, MessageAttribute]) -> str | None:
    """Return the hex MD5 over attributes, sorted by name; None when there are none."""
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        binary = isinstance(attribute.value, bytes)
        value = attribute.value if isinstance(attribute.value, bytes) else attribute.value.encode()
        digest.update(_with_length(name.encode()) + _with_length(attribute.data_type.encode()))
        digest.update((BINARY if binary else TEXT) + _with_length(value))
    return digest.hexdigest()


def system_attributes(message: Message) -> dict[str, str]:
    """Return what SQS says of a received message, all as text, in the recorded order of keys."""
    first = message.sent_at if message.first_received_at is None else message.first_received_at
    return shown_attributes(
        message.receive_count,
        to_millis(message.sent_at),
        to_millis(first),
        stored=message.system_attributes,
        sequence_number=message.sequence_number,
        group_id=message.group_id,
        deduplication_id=message.deduplication_id,
        dead_letter_source=message.dead_letter_source,
    )


def shown_attributes(
    receive_count: int,
    sent_at: int,
    first_received_at: int,
    *,
    stored: Mapping[str, str],
    sequence_number: str | None,
    group_id: str | None,
    deduplication_id: str | None,
    dead_letter_source: str | None,
) -> dict[str, str]:
    """As `system_attributes`, from the message's parts; times are milliseconds from 1970."""
    found = {
        "ApproximateReceiveCount": str(receive_count),
        "SentTimestamp": str(sent_at),
        "SenderId": SENDER_ID,
        "ApproximateFirstReceiveTimestamp": str(first_received_at),
        **stored,
    }
    if sequence_number is not None:
        found["SequenceNumber"] = sequence_number
    if group_id is not None:
        found["MessageGroupId"] = group_id
    if deduplication_id is not None:
        found["MessageDeduplicationId"] = deduplication_id
    if dead_letter_source is not None:
        found["DeadLetterQueueSourceArn"] = dead_letter_source
    return found


def attributes_to_json(attributes: Mapping[str, MessageAttribute]) -> dict[str, dict[str, str]]:
    """Return attributes in the form of the SQS API, binary values in base64."""
    return {
        name: {
            "DataType": attribute.data_type,
            **(
                {"BinaryValue": base64.b64encode(attribute.value).decode()}
                if isinstance(attribute.value, bytes)
                else {"StringValue": attribute.value}
            ),
        }
        for name, attribute in attributes.items()
    }


def attributes_from_json(parsed: Mapping[str, Mapping[str, str]]) -> dict[str, MessageAttribute]:
    """The reverse of `attributes_to_json`."""
    return {
        name: MessageAttribute(
            value["DataType"],
            base64.b64decode(value["BinaryValue"]) if "BinaryValue" in value else value["StringValue"],
        )
        for name, value in parsed.items()
    }


def _with_length(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
