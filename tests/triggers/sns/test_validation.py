"""What SNS refuses to publish, in its recorded words."""

from typing import Any

import pytest

from engine.arn import Account
from triggers.sns.errors import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    TooManyEntriesInBatchRequest,
    TopicError,
)
from triggers.sns.message import MessageAttribute, OutgoingMessage, bodies_by_protocol
from triggers.sns.topic import Topic
from triggers.sns.validation import check, check_batch, check_entry_ids

ACCOUNT = Account()
NEWS = Topic("news", ACCOUNT.topic("news"))
ORDERS = Topic("orders.fifo", ACCOUNT.topic("orders.fifo"))


def attribute(name: str, kind: str, value: str | bytes) -> dict[str, Any]:
    return {"attributes": {name: MessageAttribute(kind, value)}}


@pytest.mark.parametrize(
    ("topic", "message", "text"),
    [
        pytest.param(NEWS, {"body": ""}, "Invalid parameter: Empty message", id="nothing"),
        pytest.param(NEWS, {"subject": ""}, "Invalid parameter: Subject", id="an empty subject"),
        pytest.param(NEWS, {"subject": "a\nb"}, "Invalid parameter: Subject", id="two lines"),
        pytest.param(NEWS, {"subject": "x" * 101}, "Invalid parameter: Subject", id="a long subject"),
        pytest.param(
            NEWS, {"body": "x" * 262_145}, "Invalid parameter: Message too long", id="one byte more"
        ),
        pytest.param(
            NEWS,
            {"body": "x" * 262_144, **attribute("a", "String", "b")},
            "Invalid parameter: Message too long",
            id="attributes count",
        ),
        pytest.param(
            NEWS,
            attribute("attr1", "String", ""),
            "The message attribute 'attr1' must contain non-empty message attribute value for message"
            " attribute type 'String'.",
            id="an empty attribute",
        ),
        pytest.param(
            NEWS,
            attribute("attr1", "Number", b"1"),
            "The message attribute 'attr1' with type 'Number' must use field 'String'.",
            id="bytes for a number",
        ),
        pytest.param(
            NEWS,
            attribute("attr1", "Binary", "1"),
            "The message attribute 'attr1' with type 'Binary' must use field 'Binary'.",
            id="text for bytes",
        ),
        pytest.param(
            NEWS,
            attribute("attr1", "DoesNotExist", "1"),
            "The message attribute 'attr1' has an invalid message attribute type, the set of supported type"
            " prefixes is Binary, Number, and String.",
            id="an unknown type",
        ),
        pytest.param(
            NEWS,
            attribute("a" * 257, "String", "1"),
            "Length of message attribute name must be less than 256 bytes.",
            id="a long name",
        ),
        pytest.param(
            NEWS,
            attribute("a^b", "String", "1"),
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only"
            " include alphanumeric characters, hyphens, underscores, or dots.",
            id="a strange name",
        ),
        pytest.param(
            NEWS,
            attribute(".a", "String", "1"),
            "Invalid message attribute name starting with character '.' was found.",
            id="a dot in front",
        ),
        pytest.param(
            NEWS,
            attribute("a..b", "String", "1"),
            "Message attribute name can not have successive '.' character.",
            id="two dots",
        ),
        pytest.param(
            NEWS,
            {"deduplication_id": "1"},
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId"
            " parameter that is not valid for this topic type",
            id="deduplication on a standard topic",
        ),
        pytest.param(
            ORDERS,
            {},
            "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
            id="no group",
        ),
        pytest.param(
            ORDERS,
            {"group_id": "a"},
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly",
            id="no id for deduplication",
        ),
    ],
)
def test_a_message_is_refused(topic: Topic, message: dict[str, Any], text: str) -> None:
    with pytest.raises(TopicError) as caught:
        check(topic, OutgoingMessage(**{"body": "hello", **message}))
    assert str(caught.value) == text


def test_a_message_of_just_the_limit_is_taken() -> None:
    check(NEWS, OutgoingMessage("x" * 262_144, subject="Übermäßig " * 10, group_id="for-fair-queues"))
    check(Topic("n", "arn", {"MaximumMessageSize": "1048576"}), OutgoingMessage("x" * 1_048_576))


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        pytest.param([], EmptyBatchRequest, id="none"),
        pytest.param([str(n) for n in range(11)], TooManyEntriesInBatchRequest, id="eleven"),
        pytest.param(["a b"], InvalidBatchEntryId, id="a space"),
        pytest.param(["a", "a"], BatchEntryIdsNotDistinct, id="one twice"),
    ],
)
def test_a_batch_is_refused(ids: list[str], error: type[TopicError]) -> None:
    with pytest.raises(error):
        check_entry_ids(ids)


def test_a_batch_is_too_long_together() -> None:
    with pytest.raises(BatchRequestTooLong):
        check_batch(NEWS, [OutgoingMessage("x" * 131_073)] * 2)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("{", "JSON message body failed to parse", id="no JSON"),
        pytest.param('{"sqs": "a"}', "No default entry in JSON message body", id="no default"),
        pytest.param('{"default": {"a": 1}}', "No default entry in JSON message body", id="no text"),
        pytest.param('["default"]', "No default entry in JSON message body", id="no object"),
    ],
)
def test_a_message_structure_is_refused(text: str, problem: str) -> None:
    with pytest.raises(TopicError) as caught:
        bodies_by_protocol(text)
    assert str(caught.value) == f"Invalid parameter: Message Structure - {problem}"


def test_each_protocol_gets_its_own_body() -> None:
    message = OutgoingMessage("...", bodies=bodies_by_protocol('{"default": "a", "sqs": "b", "email": 1}'))
    assert (message.body_for("lambda"), message.body_for("sqs"), message.body_for("email")) == ("a", "b", "a")
