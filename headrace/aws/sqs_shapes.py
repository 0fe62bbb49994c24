"""How messages look in the requests and answers of SQS.

Source: the service model sqs 2012-11-05.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from headrace.aws.json_protocol import Input
from triggers.sqs.errors import InvalidAttributeName, InvalidParameter, MissingParameter
from triggers.sqs.message import (
    Message,
    MessageAttribute,
    OutgoingMessage,
    SentMessage,
    attributes_to_json,
    md5_of_attributes,
    md5_of_body,
    system_attributes,
)
from triggers.sqs.validation import LONGEST_DELAY_SECONDS

SYSTEM_ATTRIBUTES = frozenset(
    {
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "AWSTraceHeader",
        "DeadLetterQueueSourceArn",
        "MessageDeduplicationId",
        "MessageGroupId",
        "SenderId",
        "SentTimestamp",
        "SequenceNumber",
        "SqsManagedSseEnabled",
    }
)
VALUE_MEMBERS = frozenset({"DataType", "StringValue", "BinaryValue"})
TRACE_HEADER = "AWSTraceHeader"


def required_text(given: Input, name: str) -> str:
    """Return a member that must be there. Raises MissingParameter without it."""
    value = given.text(name)
    if value is None:
        raise MissingParameter(name)
    return value


def seconds_within(given: Input, name: str, most: int) -> timedelta | None:
    """Return whole seconds from 0 to `most`, None when not given. Raises InvalidParameter beyond."""
    value = given.integer(name)
    if value is None:
        return None
    if not 0 <= value <= most:
        raise InvalidParameter.because(value, name, f"Must be >= 0 and <= {most}, if provided.")
    return timedelta(seconds=value)


def outgoing_message(given: Input) -> OutgoingMessage:
    """Return the message that SendMessage, or an entry of its batch, is about."""
    return OutgoingMessage(
        required_text(given, "MessageBody"),
        _attributes(given, "MessageAttributes"),
        _system_attributes(given),
        seconds_within(given, "DelaySeconds", LONGEST_DELAY_SECONDS),
        given.text("MessageGroupId"),
        given.text("MessageDeduplicationId"),
    )


def sent_shape(message: OutgoingMessage, sent: SentMessage) -> dict[str, str]:
    """Return what the sender of a message is told."""
    shape = {"MessageId": sent.message_id, "MD5OfMessageBody": md5_of_body(message.body)}
    of_attributes = md5_of_attributes(message.attributes)
    if of_attributes is not None:
        shape["MD5OfMessageAttributes"] = of_attributes
    of_system = md5_of_attributes(
        {name: MessageAttribute("String", text) for name, text in message.system_attributes.items()}
    )
    if of_system is not None:
        shape["MD5OfMessageSystemAttributes"] = of_system
    if sent.sequence_number is not None:
        shape["SequenceNumber"] = sent.sequence_number
    return shape


def message_shape(message: Message, names: Sequence[str], system_names: Sequence[str]) -> dict[str, Any]:
    """Return a received message with the attributes that were asked for, and the MD5 of just these."""
    shape: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.md5_of_body,
        "Body": message.body,
    }
    if system_names:
        known = system_attributes(message)
        shape["Attributes"] = {
            name: value for name, value in known.items() if "All" in system_names or name in system_names
        }
    wanted = {name: value for name, value in message.attributes.items() if _is_wanted(name, names)}
    if wanted:
        shape["MD5OfMessageAttributes"] = md5_of_attributes(wanted)
        shape["MessageAttributes"] = attributes_to_json(wanted)
    return shape


def check_system_names(names: Iterable[str]) -> None:
    """Raise InvalidAttributeName for a system attribute that no message has."""
    for name in names:
        if name != "All" and name not in SYSTEM_ATTRIBUTES:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")


def _is_wanted(name: str, names: Sequence[str]) -> bool:
    return any(
        wanted in ("All", ".*", name) or (wanted.endswith(".*") and name.startswith(wanted[:-2]))
        for wanted in names
    )


def _attributes(given: Input, member: str) -> dict[str, MessageAttribute]:
    found: dict[str, MessageAttribute] = {}
    for name, value in given.map_of_structures(member).items():
        value.refuse_others(VALUE_MEMBERS)
        data_type = value.text("DataType") or ""
        binary = value.blob("BinaryValue")
        found[name] = MessageAttribute(
            data_type, binary if binary is not None else value.text("StringValue") or ""
        )
    return found


def _system_attributes(given: Input) -> Mapping[str, str]:
    found = _attributes(given, "MessageSystemAttributes")
    for name, attribute in found.items():
        if name != TRACE_HEADER:
            raise InvalidParameter(f"Message system attribute name '{name}' is invalid.")
        if attribute.data_type != "String" or not attribute.value:
            raise InvalidParameter(
                f"Message (system) attribute '{name}' must contain a non-empty value of type 'String'."
            )
    return {name: str(attribute.value) for name, attribute in found.items()}
