"""FilterLogEvents: the events of many streams in one order, those that match, a page at a time."""

import base64
import binascii
import heapq
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import orjson

from engine.value import dataclass
from headrace.aws.log_errors import InvalidParameter
from headrace.aws.log_files import EVENT_BYTES, PAGE_BYTES, LogEvent, Span
from headrace.aws.log_filter import Predicate
from headrace.aws.log_groups import LogGroups, Stream

AT_ONCE = 1000  # events read of a stream
LAST_PLACE = 2**62

Place = tuple[int, str, int]  # of an event among those of all streams: moment, stream, place there


@dataclass(frozen=True, slots=True)
class Found:
    """An event and the stream it is from."""

    stream: str
    event: LogEvent

    @property
    def place(self) -> Place:
        """Where it is among the events of all streams."""
        return self.event.moment, self.stream, self.event.place

    @property
    def event_id(self) -> str:
        """A number of 56 digits that no other event has."""
        return f"{self.event.moment:018}{zlib.crc32(self.stream.encode()):010}{self.event.place:028}"


async def search(
    groups: LogGroups, streams: Sequence[Stream], span: Span, matches: Predicate, most: int, token: str | None
) -> tuple[list[Found], str | None]:
    """Return a page of what matches, and the token of the next one, None when there is none.

    Raises InvalidParameter for a token that is none.
    """
    after: Place | None = None
    if token is not None:
        span, after = _resumed(span, token)
    found: list[Found] = []
    size = 0
    async for each in _merged(groups, streams, span, after):
        if not matches(each.event.message):
            continue
        size += len(each.event.message.encode()) + EVENT_BYTES
        if len(found) == most or (found and size > PAGE_BYTES):
            return found, _token(span, found[-1].place)
        found.append(each)
    return found, None


async def _merged(
    groups: LogGroups, streams: Sequence[Stream], span: Span, after: Place | None
) -> AsyncIterator[Found]:
    """Yield the events of all streams, by their moments; reads each as far as it is needed."""
    sign = 1 if span.forwards else -1
    ordered = sorted(streams, key=lambda stream: stream.name, reverse=not span.forwards)
    readers = {stream.name: _events(groups, stream, _beyond(span, stream, after)) for stream in ordered}
    ranks = {name: rank for rank, name in enumerate(readers)}
    heads: list[tuple[int, int, int, Found]] = []

    async def advance(name: str) -> None:
        event = await anext(readers[name], None)
        if event is not None:
            heapq.heappush(heads, (sign * event.moment, ranks[name], sign * event.place, Found(name, event)))

    for name in readers:
        await advance(name)
    while heads:
        found = heapq.heappop(heads)[3]
        yield found
        await advance(found.stream)


async def _events(groups: LogGroups, stream: Stream, span: Span) -> AsyncIterator[LogEvent]:
    while events := await groups.read(stream, span, AT_ONCE):
        for event in events:
            yield event
        span = replace(span, beyond=events[-1].position)


def _beyond(span: Span, stream: Stream, after: Place | None) -> Span:
    """Return what is left of a span in one stream, after a place among the events of all."""
    if after is None:
        return span
    moment, name, place = after
    if stream.name != name:
        # Of events of the same moment, those of one stream come before those of the next.
        is_done = stream.name < name if span.forwards else stream.name > name
        place = LAST_PLACE if is_done is span.forwards else -1
    return replace(span, beyond=(moment, place))


def _token(span: Span, place: Place) -> str:
    return base64.b64encode(orjson.dumps([span.begin, span.end, span.forwards, *place])).decode()


def _resumed(span: Span, token: str) -> tuple[Span, Place]:
    try:
        begin, end, forwards, moment, name, place = orjson.loads(base64.b64decode(token, validate=True))
        resumed = Span(max(span.begin, int(begin)), int(end), bool(forwards))
        return resumed, (int(moment), str(name), int(place))
    except (binascii.Error, ValueError, TypeError):
        raise InvalidParameter("The specified nextToken is invalid.") from None
