"""The records of a queue's or stream's event, as what was sent to the source in the first place.

Each is named by what AWS calls it, so that one that was delivered twice goes back once.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import orjson

from engine.errors import HeadraceError
from engine.value import dataclass

Kind = Literal["queues", "streams", "tables"]


class NotFromASource(HeadraceError):
    """An event whose records cannot be given to a source again."""


@dataclass(frozen=True, slots=True)
class SentRecord:
    """One record. `name` is that of the queue, stream or table in its ARN, `identity` what AWS calls it.

    `content` is what to send: for queues {body, attributes, group_id?, deduplication_id?}, for streams
    {data: base64, partition_key}, for tables {event_name, keys, new_image?} in DynamoDB's JSON.
    """

    kind: Kind
    name: str
    identity: str
    content: Mapping[str, Any]


def sent_records(payload: bytes) -> list[SentRecord]:
    """Return the records of an event in their order. Raises NotFromASource."""
    event = orjson.loads(payload)
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records:
        raise NotFromASource("it has no Records: only events of queues and streams go through a source")
    return list(_each(records))


def _each(records: list[Any]) -> Iterator[SentRecord]:
    for number, record in enumerate(records):
        source = record.get("eventSource") if isinstance(record, dict) else None
        read = READERS.get(source) if isinstance(source, str) else None
        if read is None:
            shown = f"Records[{number}].eventSource is {source!r}"
            if source == "aws:s3":
                raise NotFromASource(f"{shown}: put the object into the bucket's folder instead")
            raise NotFromASource(f"{shown}: only queues, streams and tables take records back")
        try:
            yield read(record)
        except (KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise NotFromASource(f"Records[{number}] is no record of {source}: {error!r}") from error


def _message(record: Mapping[str, Any]) -> SentRecord:
    attributes: Mapping[str, Any] = record.get("attributes", {})
    content: dict[str, Any] = {
        "body": record["body"],
        "attributes": {
            name: _attribute(value) for name, value in record.get("messageAttributes", {}).items()
        },
    }
    for ours, theirs in (("group_id", "MessageGroupId"), ("deduplication_id", "MessageDeduplicationId")):
        if theirs in attributes:
            content[ours] = attributes[theirs]
    return SentRecord("queues", record["eventSourceARN"].rpartition(":")[2], record["messageId"], content)


def _attribute(value: Mapping[str, Any]) -> dict[str, str]:
    kind = "BinaryValue" if "binaryValue" in value else "StringValue"
    text = value["binaryValue" if "binaryValue" in value else "stringValue"]
    return {"DataType": value["dataType"], kind: text}


def _stream_record(record: Mapping[str, Any]) -> SentRecord:
    inner = record["kinesis"]
    base64.b64decode(inner["data"], validate=True)
    content = {"data": inner["data"], "partition_key": inner["partitionKey"]}
    name = record["eventSourceARN"].partition("stream/")[2].partition("/")[0]
    return SentRecord("streams", name, record["eventID"], content)


def _table_record(record: Mapping[str, Any]) -> SentRecord:
    change = record["dynamodb"]
    content: dict[str, Any] = {"event_name": record["eventName"], "keys": change["Keys"]}
    if record["eventName"] != "REMOVE":
        if "NewImage" not in change:
            raise NotFromASource("a table's record goes back only with its NewImage; this has none")
        content["new_image"] = change["NewImage"]
    name = record["eventSourceARN"].partition("table/")[2].partition("/")[0]
    return SentRecord("tables", name, record["eventID"], content)


READERS: Mapping[str, Callable[[Mapping[str, Any]], SentRecord]] = {
    "aws:sqs": _message,
    "aws:kinesis": _stream_record,
    "aws:dynamodb": _table_record,
}
