"""What SNS checks of a message before it takes it.

Source: Amazon SNS API reference, Publish and PublishBatch; texts as recorded on AWS by LocalStack's test_sns.
"""

import re
import string
from collections.abc import Mapping, Sequence

from triggers.sns.errors import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidAttributeOfMessage,
    InvalidBatchEntryId,
    InvalidParameter,
    TooManyEntriesInBatchRequest,
)
from triggers.sns.message import MessageAttribute, OutgoingMessage
from triggers.sns.topic import Topic

ENTRIES_MOST = 10
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_IDENTIFIER = re.compile(f"[{re.escape(string.ascii_letters + string.digits + string.punctuation)}]{{1,128}}")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")


def check(topic: Topic, message: OutgoingMessage) -> None:
    """Raise the TopicError that SNS would answer, if the topic does not take such a message."""
    if not message.body:
        raise InvalidParameter("Empty message")
    if message.subject is not None and not _SUBJECT.fullmatch(message.subject):
        raise InvalidParameter("Subject")
    for name, attribute in message.attributes.items():
        _check_name(name)
        _check_attribute(name, attribute)
    _check_group(topic, message)
    if size_bytes(message) > topic.maximum_message_size:
        raise InvalidParameter("Message too long")


def check_entry_ids(ids: Sequence[str]) -> None:
    """Raise a TopicError unless a batch has one to ten entries, each with an id of its own."""
    if not ids:
        raise EmptyBatchRequest
    if len(ids) > ENTRIES_MOST:
        raise TooManyEntriesInBatchRequest
    if not all(_ENTRY_ID.fullmatch(each) for each in ids):
        raise InvalidBatchEntryId
    if len(set(ids)) < len(ids):
        raise BatchEntryIdsNotDistinct


def check_batch(topic: Topic, messages: Sequence[OutgoingMessage]) -> None:
    """Raise the TopicError for the first message that a topic does not take, or for all of them together."""
    for message in messages:
        check(topic, message)
    if sum(map(size_bytes, messages)) > topic.maximum_message_size:
        raise BatchRequestTooLong


def size_bytes(message: OutgoingMessage) -> int:
    """Return what counts against the limit: the body, and names, types and values of the attributes."""
    return len(message.body.encode()) + _size(message.attributes)


def _size(attributes: Mapping[str, MessageAttribute]) -> int:
    return sum(
        len(name.encode()) + len(attribute.data_type.encode()) + len(_bytes(attribute.value))
        for name, attribute in attributes.items()
    )


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _check_group(topic: Topic, message: OutgoingMessage) -> None:
    if topic.is_fifo and message.group_id is None:
        raise InvalidParameter("The MessageGroupId parameter is required for FIFO topics")
    _check_identifier("MessageGroupId", message.group_id)
    if not topic.is_fifo and message.deduplication_id is not None:
        raise InvalidParameter(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not"
            " valid for this topic type"
        )
    _check_identifier("MessageDeduplicationId", message.deduplication_id)
    if topic.is_fifo and message.deduplication_id is None and not topic.content_based_deduplication:
        raise InvalidParameter(
            "The topic should either have ContentBasedDeduplication enabled"
            " or MessageDeduplicationId provided explicitly"
        )


def _check_identifier(parameter: str, value: str | None) -> None:
    if value is not None and not _IDENTIFIER.fullmatch(value):
        raise InvalidParameter(
            f"{parameter} Reason: must be between 1-128 characters and can only contain alphanumeric"
            " and punctuation characters"
        )


def _check_name(name: str) -> None:
    if len(name) > 256:
        raise InvalidAttributeOfMessage("Length of message attribute name must be less than 256 bytes.")
    if (found := _NOT_IN_NAMES.search(name)) is not None:
        raise InvalidAttributeOfMessage(
            f"Invalid non-alphanumeric character '#x{ord(found[0]):X}' was found in the message attribute"
            " name. Can only include alphanumeric characters, hyphens, underscores, or dots."
        )
    for place, is_wrong in (("starting", name.startswith(".")), ("ending", name.endswith("."))):
        if is_wrong:
            raise InvalidAttributeOfMessage(
                f"Invalid message attribute name {place} with character '.' was found."
            )
    if ".." in name:
        raise InvalidAttributeOfMessage("Message attribute name can not have successive '.' character.")


def _check_attribute(name: str, attribute: MessageAttribute) -> None:
    kind = _DATA_TYPE.fullmatch(attribute.data_type)
    if kind is None:
        raise InvalidAttributeOfMessage(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type"
            " prefixes is Binary, Number, and String."
        )
    if not attribute.value:
        raise InvalidAttributeOfMessage(
            f"The message attribute '{name}' must contain non-empty message attribute value for message"
            f" attribute type '{attribute.data_type}'."
        )
    is_binary = isinstance(attribute.value, bytes)
    if is_binary != (kind[1] == "Binary"):
        field = "Binary" if kind[1] == "Binary" else "String"
        raise InvalidAttributeOfMessage(
            f"The message attribute '{name}' with type '{attribute.data_type}' must use field '{field}'."
        )
