"""The registered consumers of streams as HTTP. They are kept and described; records come through GetRecords.

Source: the service model kinesis 2013-12-02.
"""

from collections.abc import Mapping
from typing import Any

from headrace.aws.json_protocol import Input, Operation, taking
from headrace.aws.kinesis_names import CONSUMER_ARN, StreamNames, consumer_arn
from headrace.aws.kinesis_tags import check_tags
from triggers.kinesis.consumer_table import Consumer
from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.settings import NAME
from triggers.kinesis.stream import Stream
from triggers.kinesis.stream_registry import StreamRegistry

CONSUMERS_LISTED = 100  # the most in a page
MOST_ASKED_FOR = 10_000


class ConsumersWire:
    """Answers for the consumers of a registry's streams."""

    def __init__(self, registry: StreamRegistry, names: StreamNames) -> None:
        self._registry = registry
        self._names = names

    def operations(self) -> dict[str, Operation]:
        """Return what it answers, by the names of the operations."""
        named = "StreamARN ConsumerName ConsumerARN"
        return {
            "RegisterStreamConsumer": taking(self._register, "StreamARN ConsumerName Tags"),
            "DescribeStreamConsumer": taking(self._describe, named),
            "DeregisterStreamConsumer": taking(self._deregister, named),
            "ListStreamConsumers": taking(
                self._list, "StreamARN NextToken MaxResults StreamCreationTimestamp"
            ),
        }

    async def _register(self, given: Input) -> Mapping[str, Any]:
        stream, name = self._names.by_arn(given), given.required_text("ConsumerName")
        if not NAME.fullmatch(name):
            raise given.refused("ConsumerName", name, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
        tags = given.map_of_texts("Tags")
        check_tags(given, "Tags", tags)
        consumer = await self._registry.register(stream, name, tags)
        return {"Consumer": {**_shape(stream, consumer), "ConsumerStatus": "CREATING"}}

    async def _describe(self, given: Input) -> Mapping[str, Any]:
        stream, consumer = self._named(given)
        return {"ConsumerDescription": {**_shape(stream, consumer), "StreamARN": stream.arn}}

    async def _deregister(self, given: Input) -> Mapping[str, Any]:
        _, consumer = self._named(given)
        await self._registry.deregister(consumer)
        return {}

    async def _list(self, given: Input) -> Mapping[str, Any]:
        stream = self._names.by_arn(given)
        most = min(given.number("MaxResults", CONSUMERS_LISTED, 1, MOST_ASKED_FOR), CONSUMERS_LISTED)
        after = given.text("NextToken") or ""
        left = [each for each in self._registry.consumers(stream) if each.name > after]
        answer: dict[str, Any] = {"Consumers": [_shape(stream, each) for each in left[:most]]}
        if len(left) > most:
            answer["NextToken"] = left[most - 1].name
        return answer

    def _named(self, given: Input) -> tuple[Stream, Consumer]:
        arn, name = given.text("ConsumerARN"), given.text("ConsumerName")
        if arn is None:
            if name is None or given.text("StreamARN") is None:
                raise InvalidArgument("Either ConsumerARN, or StreamARN and ConsumerName, must be given.")
            stream = self._names.by_arn(given)
            return stream, self._registry.consumer(stream, name)
        found = self._names.consumer(arn)
        if found is None:
            raise given.refused(
                "ConsumerARN", arn, f"satisfy regular expression pattern: {CONSUMER_ARN.pattern}"
            )
        return found


def _shape(stream: Stream, consumer: Consumer) -> dict[str, Any]:
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": consumer_arn(stream, consumer),
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": consumer.created_at / 1000,
    }
