"""What a function gets of an SQS message.

Source: Lambda developer guide, "Using Lambda with Amazon SQS"; key order as recorded on AWS by LocalStack's
test_message_body_and_attributes_passed_correctly.
"""

import base64
from typing import Any

from triggers.sqs.message import Message, MessageAttribute, system_attributes


def build_record(message: Message, arn: str, region: str) -> dict[str, Any]:
    """Return the `Records[]` element of a received message; without attributes it has no MD5 of them."""
    record: dict[str, Any] = {
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": system_attributes(message),
        "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
    }
    if message.attributes:
        record["md5OfMessageAttributes"] = message.md5_of_attributes
    record["md5OfBody"] = message.md5_of_body
    record["eventSource"] = "aws:sqs"
    record["eventSourceARN"] = arn
    record["awsRegion"] = region
    return record


def _attribute(attribute: MessageAttribute) -> dict[str, Any]:
    value = (
        {"binaryValue": base64.b64encode(attribute.value).decode()}
        if isinstance(attribute.value, bytes)
        else {"stringValue": attribute.value}
    )
    return {
        **value,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute.data_type,
    }
