"""What a function gets of an SQS message.

Source: Lambda developer guide, "Using Lambda with Amazon SQS"; key order as recorded on AWS by LocalStack's
test_message_body_and_attributes_passed_correctly.
"""

import base64
from typing import Any

import orjson

from triggers.sqs.message import (
    MessageAttribute,
    attributes_from_json,
    md5_of_attributes,
    md5_of_body,
    shown_attributes,
)
from triggers.sqs.message_table import MessageRow, shown_sequence_number


def build_record(row: MessageRow, receipt_handle: str, arn: str, region: str) -> dict[str, Any]:
    """Return the `Records[]` element of a received message; without attributes it has no MD5 of them."""
    number = row.sequence_number
    attributes = {} if row.attributes == "{}" else attributes_from_json(orjson.loads(row.attributes))
    record: dict[str, Any] = {
        "messageId": row.message_id,
        "receiptHandle": receipt_handle,
        "body": row.body,
        "attributes": shown_attributes(
            row.receive_count,
            row.sent_at,
            row.first_received_at,
            stored={} if row.system_attributes == "{}" else orjson.loads(row.system_attributes),
            sequence_number=None if number is None else shown_sequence_number(number),
            group_id=row.group_id,
            deduplication_id=row.deduplication_id,
            dead_letter_source=row.dead_letter_source,
        ),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
    }
    if attributes:
        record["md5OfMessageAttributes"] = md5_of_attributes(attributes)
    record["md5OfBody"] = md5_of_body(row.body)
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
