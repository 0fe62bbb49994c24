"""Which items an event is about, whatever the source: read the same way by handlers and by who checks."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from engine.value import dataclass
from tests.simulation.scenario import Item


@dataclass(frozen=True, slots=True)
class Delivered:
    """An item in an event. `identifier` is what a partial response names it by."""

    token: str
    identifier: str
    receive_count: int = 0


class Tokens:
    """Finds the tokens of items in events and messages. Objects are known by their ETags."""

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._by_etag = {hashlib.md5(item.text().encode()).hexdigest(): item.token for item in items.values()}

    def of_event(self, payload: bytes) -> Sequence[Delivered]:
        """Return the items of a function's event, in their order."""
        event = orjson.loads(payload)
        if "Records" in event:
            return [self._of_record(record) for record in event["Records"]]
        if event.get("source") == "aws.events":
            return [Delivered(tick(event["time"]), "")]
        if "requestPayload" in event:
            about = self.of_event(orjson.dumps(event["requestPayload"]))
            return [Delivered(f"record of {each.token}", "") for each in about]
        return [Delivered(event["token"], "")]

    def of_message(self, body: str) -> Sequence[Delivered]:
        """Return the items that a message is about: an item, an event or an invocation record."""
        message = orjson.loads(body)
        return self.of_event(orjson.dumps(message.get("requestPayload", message)))

    def of_stream_record(self, record: Mapping[str, Any]) -> Delivered:
        """Return the item of a record of a stream."""
        return self._of_record(record)

    def _of_record(self, record: Mapping[str, Any]) -> Delivered:
        if "kinesis" in record:
            data = orjson.loads(base64.b64decode(record["kinesis"]["data"]))
            return Delivered(data["token"], record["kinesis"]["sequenceNumber"])
        if "dynamodb" in record:
            image = record["dynamodb"]["NewImage"]
            return Delivered(image["token"]["S"], record["dynamodb"]["SequenceNumber"])
        if "s3" in record:
            return Delivered(
                self._by_etag[record["s3"]["object"]["eTag"]], record["s3"]["object"]["sequencer"]
            )
        count = int(record["attributes"]["ApproximateReceiveCount"])
        return Delivered(orjson.loads(record["body"])["token"], record["messageId"], count)


def tick(moment: str) -> str:
    """Return the token of a schedule's run; `moment` as in its event."""
    return f"tick-{moment}"
