"""How requests name streams and consumers: by name, or by ARN.

Source: the service model kinesis 2013-12-02.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from headrace.aws.json_protocol import Input, Operation, taking
from triggers.kinesis.consumer_table import Consumer
from triggers.kinesis.errors import ConsumerNotFound, InvalidArgument, StreamNotFound
from triggers.kinesis.stream import Stream
from triggers.kinesis.stream_registry import StreamRegistry

STREAM_ARN = re.compile(r"arn:aws[^:]*:kinesis:[^:]+:\d{12}:stream/([^/\s]+)")
CONSUMER_ARN = re.compile(
    r"(arn:aws[^:]*:kinesis:[^:]+:\d{12}:stream/([^/\s]+))/consumer/([a-zA-Z0-9_.-]+):(\d+)"
)

StreamOperation = Callable[[Stream, Input], Awaitable[Mapping[str, Any]]]


class StreamNames:
    """Finds the streams of a registry."""

    def __init__(self, registry: StreamRegistry) -> None:
        self._registry = registry

    def on_stream(self, operation: StreamOperation, members: str) -> Operation:
        """Return an operation on the stream that is named; it takes the other `members` too."""

        async def find_and_operate(given: Input) -> Mapping[str, Any]:
            return await operation(self.stream(given), given)

        return taking(find_and_operate, f"StreamName StreamARN {members}")

    def stream(self, given: Input) -> Stream:
        """Return the stream that is named. Raises StreamNotFound, InvalidArgument or ValidationFailed."""
        name, arn = given.text("StreamName"), given.text("StreamARN")
        if name is None and arn is None:
            raise InvalidArgument("Either StreamName or StreamARN must be given.")
        if arn is not None:
            named = self._name_in(arn, given)
            if name is not None and name != named:
                raise InvalidArgument(f"StreamARN {arn} and StreamName {name} name different streams.")
            name = named
        assert name is not None
        return self.named(name, arn)

    def named(self, name: str, arn: str | None = None) -> Stream:
        """Return a stream by its name, and by its ARN if that is given. Raises StreamNotFound."""
        stream = self._registry.streams.get(name)
        if stream is None or (arn is not None and arn != stream.arn):
            raise StreamNotFound(
                name, self._registry.account.account_id if arn is None else arn.split(":")[4]
            )
        return stream

    def by_arn(self, given: Input) -> Stream:
        """Return the stream whose ARN must be given. Raises as `stream` does."""
        given.required_text("StreamARN")
        return self.stream(given)

    def consumer(self, arn: str) -> tuple[Stream, Consumer] | None:
        """Return the consumer of an ARN and its stream; None for what is no such ARN.

        Raises StreamNotFound or ConsumerNotFound.
        """
        matched = CONSUMER_ARN.fullmatch(arn)
        if matched is None:
            return None
        stream = self.named(matched[2], matched[1])
        consumer = self._registry.consumer(stream, matched[3])
        if str(consumer.created_at // 1000) != matched[4]:
            raise ConsumerNotFound(matched[3], stream.arn, stream.account_id)
        return stream, consumer

    def _name_in(self, arn: str, given: Input) -> str:
        matched = STREAM_ARN.fullmatch(arn)
        if matched is None:
            raise given.refused("StreamARN", arn, f"satisfy regular expression pattern: {STREAM_ARN.pattern}")
        return matched[1]


def consumer_arn(stream: Stream, consumer: Consumer) -> str:
    """Return the ARN of a consumer, which ends with the second it was registered in."""
    return f"{stream.arn}/consumer/{consumer.name}:{consumer.created_at // 1000}"
