"""One SQS message and its MD5 sums.

Source: Amazon SQS developer guide, "Message metadata" and "Calculating the MD5 message digest for message
attributes".
"""

import base64
import hashlib
import struct
from collections.abc import Mapping
from datetime import datetime

from engine.value import dataclass

TEXT, BINARY = b"\x01", b"\x02"  # how an attribute's value is marked in the digest


@dataclass(frozen=True, slots=True)
class MessageAttribute:
    """A message attribute. `data_type` is `String`, `Number` or `Binary`, with an optional `.label`."""

    data_type: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message; `system_attributes` are those that were sent, such as AWSTraceHeader."""

    message_id: str
    body: str
    attributes: Mapping[str, MessageAttribute]
    system_attributes: Mapping[str, str]
    sent_at: datetime

    @property
    def md5_of_body(self) -> str:
        """The hex MD5 of the body."""
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()

    @property
    def md5_of_attributes(self) -> str | None:
        """The hex MD5 over all attributes, sorted by name; None without attributes."""
        if not self.attributes:
            return None
        digest = hashlib.md5(usedforsecurity=False)
        for name in sorted(self.attributes):
            attribute = self.attributes[name]
            binary = isinstance(attribute.value, bytes)
            value = attribute.value if isinstance(attribute.value, bytes) else attribute.value.encode()
            digest.update(_with_length(name.encode()) + _with_length(attribute.data_type.encode()))
            digest.update((BINARY if binary else TEXT) + _with_length(value))
        return digest.hexdigest()


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
