"""What the on-failure destination of a stream mapping receives when records are given up.

It tells where the records lie, not what they hold; to a bucket goes the event as well. Members and their
order are those recorded on AWS by LocalStack's
test_kinesis_event_source_mapping_with_on_failure_destination_config and its neighbours for DynamoDB, topics
and buckets.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from engine.clock import iso_millis, iso_seconds
from engine.mapping.stream_record import ReadyRecord, records_event
from engine.mapping.stream_retry import Condition
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """How the last invocation ended."""

    request_id: str
    function_error: str | None
    executed_version: str = "$LATEST"
    status_code: int = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the records come from, and who should have processed them. `function_arn` is the mapping's."""

    mapping: str
    function: str
    function_arn: str
    stream_kind: Literal["kinesis", "dynamodb"]
    stream_arn: str
    shard_id: str


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """Records that were given up at `time`. `answer` is None when they had become too old.

    `attempts` counts the invocations that reached the function; AWS tells of at least one.
    """

    origin: Origin
    request_id: str
    time: datetime
    condition: Condition
    attempts: int
    answer: LastAnswer | None
    records: Sequence[ReadyRecord]

    def document(self) -> bytes:
        """Return the JSON that queues and topics get."""
        return orjson.dumps(self._members())

    def document_with_payload(self) -> bytes:
        """Return the JSON that a bucket gets."""
        event = orjson.Fragment(records_event(self.records))
        return orjson.dumps({**self._members(), "payload": event})

    def object_key(self, name: UUID) -> str:
        """Return the key under which a bucket gets it; `name` tells apart what is given up in one second."""
        day, moment = f"{self.time:%Y/%m/%d}", f"{self.time:%Y-%m-%dT%H.%M.%S}"
        return f"aws/lambda/{self.origin.mapping}/{self.origin.shard_id}/{day}/{moment}-{name}"

    def _members(self) -> dict[str, Any]:
        origin = self.origin
        members: dict[str, Any] = {
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": origin.function_arn,
                "condition": self.condition,
                "approximateInvokeCount": max(1, self.attempts),
            }
        }
        if self.answer is not None:
            members["responseContext"] = {
                "statusCode": self.answer.status_code,
                "executedVersion": self.answer.executed_version,
                "functionError": self.answer.function_error,
            }
        members["version"] = "1.0"
        members["timestamp"] = iso_millis(self.time)
        is_kinesis = origin.stream_kind == "kinesis"
        arrival = iso_millis if is_kinesis else iso_seconds
        first, last = self.records[0], self.records[-1]
        members["KinesisBatchInfo" if is_kinesis else "DDBStreamBatchInfo"] = {
            "shardId": origin.shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": arrival(first.arrived_at),
            "approximateArrivalOfLastRecord": arrival(last.arrived_at),
            "batchSize": len(self.records),
            "streamArn": origin.stream_arn,
        }
        return members
