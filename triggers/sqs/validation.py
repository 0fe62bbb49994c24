"""What SQS checks of a message before it takes it.

Source: Amazon SQS API reference, SendMessage; developer guide, "Message metadata"; texts as recorded.
"""

import re
import string
from collections.abc import Mapping

from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidMessageContents, InvalidParameter, MissingParameter
from triggers.sqs.message import MessageAttribute, OutgoingMessage

ATTRIBUTES_MOST = 10
LONGEST_DELAY_SECONDS = 900
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IDENTIFIER = re.compile(f"[{re.escape(string.ascii_letters + string.digits + string.punctuation)}]{{1,128}}")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_RESERVED = ("aws.", "amazon.")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\.[^\x00-\x1f]*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def check(queue: QueueAttributes, message: OutgoingMessage) -> None:
    """Raise the QueueError that SQS would answer, if the queue does not take such a message."""
    _check_body(message.body)
    if message.attributes:
        check_attributes(message.attributes)
    if size_bytes(message) > queue.maximum_message_size:
        raise InvalidParameter(
            "One or more parameters are invalid."
            f" Reason: Message must be shorter than {queue.maximum_message_size} bytes."
        )
    _check_delay(queue, message)
    if message.group_id is not None:
        check_identifier("MessageGroupId", message.group_id)
    if message.deduplication_id is not None:
        if not queue.is_fifo:
            raise _not_of_this_queue_type("MessageDeduplicationId", message.deduplication_id)
        check_identifier("MessageDeduplicationId", message.deduplication_id)
    if queue.is_fifo:
        check_group(queue, message.group_id, message.deduplication_id)


def check_group(queue: QueueAttributes, group_id: str | None, deduplication_id: str | None) -> None:
    """Raise QueueError unless a message has what a FIFO queue orders and deduplicates by."""
    if group_id is None:
        raise MissingParameter("MessageGroupId")
    if deduplication_id is None and not queue.content_based_deduplication:
        raise InvalidParameter(
            "The queue should either have ContentBasedDeduplication enabled"
            " or MessageDeduplicationId provided explicitly"
        )


def size_bytes(message: OutgoingMessage) -> int:
    """Return what counts against the limit: body, and names, types and values of the attributes."""
    size = len(message.body) if message.body.isascii() else len(message.body.encode())
    for name, attribute in message.attributes.items():
        value = attribute.value if isinstance(attribute.value, bytes) else attribute.value.encode()
        size += len(name.encode()) + len(attribute.data_type.encode()) + len(value)
    return size


def check_identifier(parameter: str, value: str) -> None:
    """Raise InvalidParameter unless `value` can be the id of a group or for deduplication."""
    if not _IDENTIFIER.fullmatch(value):
        raise InvalidParameter.because(
            value,
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )


def check_attributes(attributes: Mapping[str, MessageAttribute]) -> None:
    """Raise InvalidParameter for message attributes that SQS does not take."""
    if len(attributes) > ATTRIBUTES_MOST:
        raise InvalidParameter(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum"
            f" [{ATTRIBUTES_MOST}]."
        )
    for name, attribute in attributes.items():
        _check_attribute_name(name)
        _check_attribute(name, attribute)


def _check_attribute_name(name: str) -> None:
    if (
        not _ATTRIBUTE_NAME.fullmatch(name)
        or name.lower().startswith(_RESERVED)
        or name.startswith(".")
        or name.endswith(".")
        or ".." in name
    ):
        raise InvalidParameter(f"The message attribute name '{name}' is invalid.")


def _check_attribute(name: str, attribute: MessageAttribute) -> None:
    if not attribute.data_type:
        raise InvalidParameter(
            f"The message attribute '{name}' must contain a non-empty message attribute type."
        )
    found = _DATA_TYPE.fullmatch(attribute.data_type)
    if found is None or len(attribute.data_type) > 256:
        raise InvalidParameter(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type"
            " prefixes is Binary, Number, and String."
        )
    kind = found[1]
    if (kind == "Binary") != isinstance(attribute.value, bytes) or not attribute.value:
        raise InvalidParameter(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        )
    if isinstance(attribute.value, str) and _NOT_ALLOWED.search(attribute.value):
        raise InvalidMessageContents
    if kind == "Number" and not _NUMBER.fullmatch(str(attribute.value)):
        raise InvalidParameter(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def _check_body(body: str) -> None:
    if not body:
        raise MissingParameter("MessageBody")
    if not (body.isascii() and body.isprintable()) and _NOT_ALLOWED.search(body):
        raise InvalidMessageContents


def _check_delay(queue: QueueAttributes, message: OutgoingMessage) -> None:
    if message.delay is None:
        return
    seconds = int(message.delay.total_seconds())
    if queue.is_fifo and seconds:
        raise _not_of_this_queue_type("DelaySeconds", seconds)
    if not 0 <= seconds <= LONGEST_DELAY_SECONDS:
        raise InvalidParameter.because(seconds, "DelaySeconds", "Must be >= 0 and <= 900, if provided.")


def _not_of_this_queue_type(parameter: str, value: object) -> InvalidParameter:
    return InvalidParameter.because(
        value, parameter, "The request include parameter that is not valid for this queue type."
    )
