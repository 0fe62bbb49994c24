"""One element of `Records` in the event that Lambda makes of Kinesis records.

Source: Lambda developer guide, "Using AWS Lambda with Amazon Kinesis"; key order as recorded on AWS by
LocalStack's test_lambda_integration_kinesis.
"""

from binascii import b2a_base64
from typing import Any

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """What all records of a stream say of where they come from."""

    stream_arn: str
    region: str
    role_arn: str


def event_record(
    origin: RecordOrigin,
    shard_id: str,
    sequence_number: str,
    arrived_at: int,
    partition_key: str,
    data: bytes,
) -> dict[str, Any]:
    """Return the record. `arrived_at` is in milliseconds from 1970; the event says seconds."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence_number,
            "data": b2a_base64(data, newline=False).decode("ascii"),
            "approximateArrivalTimestamp": arrived_at / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": origin.role_arn,
        "awsRegion": origin.region,
        "eventSourceARN": origin.stream_arn,
    }
