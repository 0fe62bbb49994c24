"""Messages of SNS between the API and what topics take, and pages of what is listed.

Source: the service model sns 2010-03-31.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import ApiError
from headrace.aws.json_protocol import Input
from triggers.sns.errors import InvalidParameter
from triggers.sns.message import MessageAttribute, OutgoingMessage, bodies_by_protocol
from triggers.sns.publication import Published
from triggers.sns.subscription import Subscription

PAGE = 100  # topics or subscriptions
MESSAGE = "Message Subject MessageStructure MessageAttributes MessageDeduplicationId MessageGroupId"


def outgoing_message(given: Input, lineage: tuple[str, ...], trace_header: str | None) -> OutgoingMessage:
    """Return the message that Publish, or an entry of a batch, is given. Raises TopicError."""
    body = given.text("Message")
    if body is None:
        raise given.missing("Message")
    structure = given.text("MessageStructure")
    if structure not in (None, "", "json"):
        raise InvalidParameter(f"MessageStructure Reason: Invalid value [{structure}]. Must be json.")
    return OutgoingMessage(
        body,
        given.text("Subject"),
        {name: _attribute(each) for name, each in given.map_of_structures("MessageAttributes").items()},
        bodies_by_protocol(body) if structure else {},
        given.text("MessageGroupId"),
        given.text("MessageDeduplicationId"),
        trace_header,
        lineage,
    )


def _attribute(given: Input) -> MessageAttribute:
    given.refuse_others(frozenset(("DataType", "StringValue", "BinaryValue")))
    text, binary = given.text("StringValue"), given.blob("BinaryValue")
    value = text if text is not None else binary
    return MessageAttribute(given.required_text("DataType"), "" if value is None else value)


def published_shape(published: Published) -> dict[str, Any]:
    """Return what the sender of a message is told."""
    shape = {"MessageId": published.message_id}
    if published.sequence_number is not None:
        shape["SequenceNumber"] = published.sequence_number
    return shape


def subscription_shape(subscription: Subscription, topic_arn: str, account_id: str) -> dict[str, str]:
    """Return a subscription as it is listed."""
    return {
        "SubscriptionArn": subscription.arn,
        "Owner": account_id,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": topic_arn,
    }


def page(given: Input, member: str, shapes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one page of what is listed. Raises InvalidParameter for a token that is none."""
    token = given.text("NextToken")
    if token is not None and not (token.isascii() and token.isdecimal() and len(token) < 10):
        raise InvalidParameter("NextToken")
    begin = int(token or 0)
    end = begin + PAGE
    shown: dict[str, Any] = {member: shapes[begin:end]}
    if end < len(shapes):
        shown["NextToken"] = str(end)
    return shown


def tags_of(given: Input) -> dict[str, str]:
    """Return tags by key. Raises InvalidParameter for a key that is given twice."""
    tags: dict[str, str] = {}
    for each in given.structures("Tags") or []:
        key = each.required_text("Key")
        if key in tags:
            raise InvalidParameter("Duplicated keys are not allowed.")
        tags[key] = each.required_text("Value")
    return tags


def error_code(error: ApiError) -> str:
    """Return what SNS calls an error."""
    return "ValidationError" if error.code == "ValidationException" else error.code
