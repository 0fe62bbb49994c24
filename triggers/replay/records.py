"""The records of a queue's or stream's event, as what was sent to the source in the first place.

Each is named by what AWS calls it, so that one that was delivered twice goes back once.
"""

import base64
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
    content: dict[str, Any]


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
        yield read(_Fields(record, f"Records[{number}]"))


class _Fields:
    """An object of an event, whose fields are checked as they are read. `place` is where it stands."""

    def __init__(self, fields: Mapping[str, Any], place: str) -> None:
        self.fields, self._place = fields, place

    def text(self, name: str) -> str:
        """Return a field that has to be text. Raises NotFromASource."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return value

    def base64(self, name: str) -> str:
        """Return a field that has to be base64, as it is. Raises NotFromASource."""
        text = self.text(name)
        try:
            base64.b64decode(text, validate=True)
        except ValueError as error:
            raise NotFromASource(f"{self._place}.{name} is not base64: {error}") from error
        return text

    def object(self, name: str, default: Mapping[str, Any] | None = None) -> "_Fields":
        """Return a field that has to be an object; without a default it has to be there too."""
        value = self.fields.get(name)
        value = default if value is None else value
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return _Fields(value, f"{self._place}.{name}")

    def _wrong(self, name: str, wanted: str) -> NotFromASource:
        problem = f"has to be {wanted}" if name in self.fields else "is missing"
        return NotFromASource(f"{self._place}.{name} {problem}")


def _message(record: _Fields) -> SentRecord:
    system = record.object("attributes", {})
    attributes = record.object("messageAttributes", {})
    content: dict[str, Any] = {
        "body": record.text("body"),
        "attributes": {name: _attribute(attributes.object(name)) for name in attributes.fields},
    }
    for ours, theirs in (("group_id", "MessageGroupId"), ("deduplication_id", "MessageDeduplicationId")):
        if theirs in system.fields:
            content[ours] = system.text(theirs)
    name = record.text("eventSourceARN").rpartition(":")[2]
    return SentRecord("queues", name, record.text("messageId"), content)


def _attribute(value: _Fields) -> dict[str, str]:
    if value.fields.get("binaryValue") is not None:
        return {"DataType": value.text("dataType"), "BinaryValue": value.base64("binaryValue")}
    return {"DataType": value.text("dataType"), "StringValue": value.text("stringValue")}


def _stream_record(record: _Fields) -> SentRecord:
    inner = record.object("kinesis")
    content = {"data": inner.base64("data"), "partition_key": inner.text("partitionKey")}
    name = record.text("eventSourceARN").partition("stream/")[2].partition("/")[0]
    return SentRecord("streams", name, record.text("eventID"), content)


def _table_record(record: _Fields) -> SentRecord:
    change, event_name = record.object("dynamodb"), record.text("eventName")
    content: dict[str, Any] = {"event_name": event_name, "keys": change.object("Keys").fields}
    if event_name != "REMOVE":
        if "NewImage" not in change.fields:
            raise NotFromASource("a table's record goes back only with its NewImage; this has none")
        content["new_image"] = change.object("NewImage").fields
    name = record.text("eventSourceARN").partition("table/")[2].partition("/")[0]
    return SentRecord("tables", name, record.text("eventID"), content)


READERS: Mapping[str, Callable[[_Fields], SentRecord]] = {
    "aws:sqs": _message,
    "aws:kinesis": _stream_record,
    "aws:dynamodb": _table_record,
}
