"""DynamoDB Streams: describing the streams of tables and reading their records.

Source: the service model streams.dynamodb 2012-08-10; DynamoDB Streams API reference.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from engine.clock import from_millis, to_millis
from engine.errors import ValidationFailed
from engine.mapping.source import StartingPosition
from engine.value import dataclass
from headrace.aws.dynamodb_shapes import key_schema, stream_view
from headrace.aws.model_check import checked
from headrace.aws.service_model import service_model
from triggers.dynamodb.capture import POSITIONS_PER_MILLISECOND
from triggers.dynamodb.catalog import Catalog
from triggers.dynamodb.errors import ExpiredIterator, TableNotFound
from triggers.dynamodb.record import FIRST_SEQUENCE_NUMBER, sequence_number
from triggers.dynamodb.table import Table

Members = Mapping[str, Any]
Operation = Callable[[Members], Awaitable[Members]]
LISTED = 100  # streams or shards in a page
MOST_RECORDS = 1000
LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Iterator:
    """A place in a stream: records after `position` come next."""

    arn: str
    shard_id: str
    position: int
    given_out: datetime


class StreamRequests:
    """Answers requests for the streams of tables."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def operations(self) -> dict[str, Operation]:
        """Return the operations by name."""
        operations: dict[str, Operation] = {
            "ListStreams": self._list_streams,
            "DescribeStream": self._describe_stream,
            "GetShardIterator": self._get_shard_iterator,
            "GetRecords": self._get_records,
        }
        return {name: _checking(name, operation) for name, operation in operations.items()}

    async def _list_streams(self, members: Members) -> Members:
        wanted = members.get("TableName")
        if wanted is not None:
            wanted = self._catalog.access(wanted).name
        streams = sorted(
            (stream.arn, name)
            for name, stream in self._catalog.tables.items()
            if wanted in (None, name) and stream.arn > members.get("ExclusiveStartStreamArn", "")
        )
        most = members.get("Limit", LISTED)
        answer: dict[str, Any] = {
            "Streams": [
                {"StreamArn": arn, "TableName": name, "StreamLabel": arn.rpartition("/")[2]}
                for arn, name in streams[:most]
            ]
        }
        if len(streams) > most:
            answer["LastEvaluatedStreamArn"] = streams[most - 1][0]
        return answer

    async def _describe_stream(self, members: Members) -> Members:
        name, stream = self._stream(members["StreamArn"])
        access = self._catalog.access(name)
        key = await access.run(lambda connection, access: access.layout(connection).definition.key)
        label = stream.arn.rpartition("/")[2]
        enabled = datetime.fromisoformat(f"{label}+00:00")
        first = sequence_number(to_millis(enabled) * POSITIONS_PER_MILLISECOND)
        shards = [
            {"ShardId": shard.shard_id, "SequenceNumberRange": {"StartingSequenceNumber": first}}
            for shard in await stream.shards()
            if shard.shard_id > members.get("ExclusiveStartShardId", "")
        ]
        if "ShardFilter" in members:  # children of a shard: the one there is has none
            shards = []
        return {
            "StreamDescription": {
                "StreamArn": stream.arn,
                "StreamLabel": label,
                "StreamStatus": "ENABLED",
                "StreamViewType": stream_view(self._catalog, self._catalog.record(name)),
                "CreationRequestDateTime": enabled.timestamp(),
                "TableName": name,
                "KeySchema": key_schema(key),
                "Shards": shards[: members.get("Limit", LISTED)],
            }
        }

    async def _get_shard_iterator(self, members: Members) -> Members:
        _, stream = self._stream(members["StreamArn"])
        shard_id = members["ShardId"]
        if shard_id not in [shard.shard_id for shard in await stream.shards()]:
            raise TableNotFound(f"Shard: {shard_id} in Stream: {stream.arn} not found")
        position = await self._position(stream, shard_id, members)
        return {"ShardIterator": encode(Iterator(stream.arn, shard_id, position, self._catalog.clock.now()))}

    async def _position(self, stream: Table, shard_id: str, members: Members) -> int:
        kind: Any = members["ShardIteratorType"]
        number: str | None = members.get("SequenceNumber")
        if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            if number is None or not number.isdigit():
                raise ValidationFailed(f"A SequenceNumber of this stream must be given for the type {kind}")
            # Of what has been trimmed, the oldest record that is left comes next.
            return int(number) - FIRST_SEQUENCE_NUMBER - int(kind == "AT_SEQUENCE_NUMBER")
        if number is not None:
            raise ValidationFailed(f"SequenceNumber is not for iterators of the type {kind}")
        if kind == "AT_TIMESTAMP":
            if "Timestamp" not in members:
                raise ValidationFailed("A Timestamp must be given for the type AT_TIMESTAMP")
            return await stream.start(shard_id, StartingPosition(kind, members["Timestamp"]))
        return await stream.start(shard_id, StartingPosition(kind))

    async def _get_records(self, members: Members) -> Members:
        iterator, now = decode(members["ShardIterator"]), self._catalog.clock.now()
        if now - iterator.given_out > LIFETIME:
            raise ExpiredIterator("The shard iterator has expired: it is valid for 15 minutes.")
        _, stream = self._stream(iterator.arn)
        page = await stream.read(iterator.shard_id, iterator.position, members.get("Limit", MOST_RECORDS))
        position = page.records[-1].position if page.records else iterator.position
        answer: dict[str, Any] = {"Records": [_record(each.record) for each in page.records]}
        if not page.ended:
            answer["NextShardIterator"] = encode(Iterator(iterator.arn, iterator.shard_id, position, now))
        return answer

    def _stream(self, arn: str) -> tuple[str, Table]:
        """Return a table with a stream, and its name."""
        stream = self._catalog.tables.stream_at(arn)
        if stream is None:
            raise TableNotFound(f"Stream: {arn} not found")
        return stream.name.partition(".")[2], stream


def encode(iterator: Iterator) -> str:
    """Return an iterator as clients hold it."""
    place = orjson.dumps([iterator.shard_id, iterator.position, to_millis(iterator.given_out)])
    return f"{iterator.arn}|1|{base64.b64encode(place).decode()}"


def decode(text: str) -> Iterator:
    """The reverse of `encode`. Raises ValidationFailed for what it has not made."""
    try:
        arn, _, place = text.split("|")
        shard_id, position, given_out = orjson.loads(base64.b64decode(place, validate=True))
        if not isinstance(shard_id, str) or not isinstance(position, int) or position >= 2**63:
            raise TypeError
        return Iterator(arn, shard_id, position, from_millis(given_out))
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise ValidationFailed("Invalid ShardIterator") from None


def _record(record: Mapping[str, Any]) -> Members:
    """Return a record as this API shows it, which differs from what functions get."""
    shown = {name: value for name, value in record.items() if name not in ("eventSourceARN", "userIdentity")}
    if "userIdentity" in record:
        identity = record["userIdentity"]
        shown["userIdentity"] = {"PrincipalId": identity["principalId"], "Type": identity["type"]}
    return shown


def _checking(name: str, operation: Operation) -> Operation:
    """Return the operation, which gets only what the service's model allows."""

    async def check_and_operate(given: Members) -> Members:
        return await operation(checked(service_model("dynamodbstreams", "2012-08-10"), name, given))

    return check_and_operate
