"""What queues refuse to take, in SQS's words."""

from datetime import timedelta

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.store.database import Store
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidMessageContents, InvalidParameter, MissingParameter, QueueError
from triggers.sqs.message import MessageAttribute, OutgoingMessage
from triggers.sqs.queue import Queue
from triggers.sqs.validation import check

STANDARD = QueueAttributes("jobs", "arn", maximum_message_size=1024)
FIFO = QueueAttributes("jobs.fifo", "arn", is_fifo=True)
BY_CONTENT = QueueAttributes("jobs.fifo", "arn", is_fifo=True, content_based_deduplication=True)
TEXT = MessageAttribute("String", "x")


def with_attribute(name: str, attribute: MessageAttribute) -> OutgoingMessage:
    return OutgoingMessage("x", {name: attribute})


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        pytest.param(STANDARD, OutgoingMessage("x" * 1024), id="as large as the queue takes"),
        pytest.param(
            STANDARD, OutgoingMessage("\t\n\r ü \ud7ff\ue000\ufffd\U0001f600"), id="XML's characters"
        ),
        pytest.param(STANDARD, OutgoingMessage("x", delay=timedelta(minutes=15)), id="the longest delay"),
        pytest.param(STANDARD, OutgoingMessage("x", group_id="tenant-1!"), id="a group in a standard queue"),
        pytest.param(STANDARD, OutgoingMessage("x", {str(n): TEXT for n in range(10)}), id="ten attributes"),
        pytest.param(STANDARD, with_attribute("a.b-c_D9", TEXT), id="an attribute's name"),
        pytest.param(STANDARD, with_attribute("n", MessageAttribute("Number.int", "-1.5e3")), id="a number"),
        pytest.param(STANDARD, with_attribute("n", MessageAttribute("Binary.png", b"\x00")), id="bytes"),
        pytest.param(FIFO, OutgoingMessage("x", group_id="g", deduplication_id="1"), id="of a FIFO queue"),
        pytest.param(BY_CONTENT, OutgoingMessage("x", group_id="g"), id="whose content makes the id"),
        pytest.param(
            FIFO,
            OutgoingMessage("x", delay=timedelta(), group_id="g", deduplication_id="1"),
            id="no delay in a FIFO queue",
        ),
    ],
)
def test_messages_that_are_taken(queue: QueueAttributes, message: OutgoingMessage) -> None:
    check(queue, message)


@pytest.mark.parametrize(
    ("queue", "message", "error", "text"),
    [
        pytest.param(
            STANDARD,
            OutgoingMessage(""),
            MissingParameter,
            "The request must contain the parameter MessageBody.",
            id="an empty body",
        ),
        pytest.param(
            STANDARD, OutgoingMessage("a\x00"), InvalidMessageContents, "Invalid characters", id="a NUL"
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("\ufffe"),
            InvalidMessageContents,
            "Invalid characters",
            id="no character",
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("ü" * 513),
            InvalidParameter,
            "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
            id="too many bytes",
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("x" * 1017, {"a": TEXT}),
            InvalidParameter,
            "Message must be shorter than 1024 bytes.",
            id="attributes count: name, type and value",
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("x", delay=timedelta(seconds=901)),
            InvalidParameter,
            "Value 901 for parameter DelaySeconds is invalid. Reason: Must be >= 0 and <= 900, if provided.",
            id="too long a delay",
        ),
        pytest.param(
            FIFO,
            OutgoingMessage("x", delay=timedelta(seconds=2), group_id="g", deduplication_id="1"),
            InvalidParameter,
            "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is"
            " not valid for this queue type.",
            id="a delay in a FIFO queue",
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("x", group_id="group 123"),
            InvalidParameter,
            "Value group 123 for parameter MessageGroupId is invalid. Reason: MessageGroupId can only"
            " include alphanumeric and punctuation characters. 1 to 128 in length.",
            id="a blank in a group",
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("x", group_id=""),
            InvalidParameter,
            "Value  for parameter MessageGroupId is invalid.",
            id="an empty group",
        ),
        pytest.param(
            FIFO,
            OutgoingMessage("x", group_id="g", deduplication_id="a" * 129),
            InvalidParameter,
            "MessageDeduplicationId can only include",
            id="a long deduplication id",
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("x", deduplication_id="1"),
            InvalidParameter,
            "Value 1 for parameter MessageDeduplicationId is invalid. Reason: The request include"
            " parameter that is not valid for this queue type.",
            id="a deduplication id in a standard queue",
        ),
        pytest.param(
            FIFO,
            OutgoingMessage("x", deduplication_id="1"),
            MissingParameter,
            "The request must contain the parameter MessageGroupId.",
            id="no group in a FIFO queue",
        ),
        pytest.param(
            FIFO,
            OutgoingMessage("x", group_id="g"),
            InvalidParameter,
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId"
            " provided explicitly",
            id="nothing to deduplicate by",
        ),
        pytest.param(
            STANDARD,
            OutgoingMessage("x", {str(number): TEXT for number in range(11)}),
            InvalidParameter,
            "Number of message attributes [11] exceeds the allowed maximum [10].",
            id="eleven attributes",
        ),
        pytest.param(
            STANDARD,
            with_attribute("a", MessageAttribute("String", "")),
            InvalidParameter,
            "Message (user) attribute 'a' must contain a non-empty value of type 'String'.",
            id="an empty attribute",
        ),
        pytest.param(
            STANDARD,
            with_attribute("a", MessageAttribute("Binary", "text")),
            InvalidParameter,
            "must contain a non-empty value of type 'Binary'",
            id="text for bytes",
        ),
        pytest.param(
            STANDARD,
            with_attribute("a", MessageAttribute("Number", "one")),
            InvalidParameter,
            "Can't cast the value of message (user) attribute 'a' to a number.",
            id="a number in words",
        ),
        pytest.param(
            STANDARD,
            with_attribute("a", MessageAttribute("Text", "x")),
            InvalidParameter,
            "invalid message attribute type",
            id="an unknown type",
        ),
        pytest.param(
            STANDARD,
            with_attribute("a", MessageAttribute("", "x")),
            InvalidParameter,
            "must contain a non-empty message attribute type",
            id="no type",
        ),
        pytest.param(
            STANDARD,
            with_attribute("a", MessageAttribute("String", "\x01")),
            InvalidMessageContents,
            "Invalid characters",
            id="a control character in an attribute",
        ),
    ],
)
def test_messages_that_are_refused(
    queue: QueueAttributes, message: OutgoingMessage, error: type[QueueError], text: str
) -> None:
    with pytest.raises(error) as caught:
        check(queue, message)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "a b", "ä", ".a", "a.", "a..b", "AWS.x", "amazon.x", "x" * 257, "a/b", "a\n"]
)
def test_names_of_attributes_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="The message attribute name"):
        check(STANDARD, with_attribute(name, TEXT))


async def test_a_refused_message_keeps_the_others_out_too(store: Store, clock: Clock) -> None:
    queue = Queue("jobs", Account(), store, clock)
    with pytest.raises(MissingParameter):
        await queue.send([OutgoingMessage("fine"), OutgoingMessage("")])
    assert await queue.count() == 0
