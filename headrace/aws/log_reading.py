"""CloudWatch Logs' operations that read events: GetLogEvents and FilterLogEvents.

Source: the service model logs 2014-03-28; CloudWatch Logs API reference.
"""

import re
from collections.abc import Awaitable, Callable, Mapping

from headrace.aws.log_condition import BadPattern
from headrace.aws.log_errors import InvalidParameter, LogResourceNotFound
from headrace.aws.log_files import Position, Span
from headrace.aws.log_filter import Predicate, compiled
from headrace.aws.log_groups import Group, LogGroups, Stream
from headrace.aws.log_search import search
from headrace.aws.log_shapes import Answer, Given, event_shape, group_name

EVENTS_MOST = 10_000
NO_END = 2**62
TOKEN = re.compile(r"([fb])/(-?\d{1,19})/(-?\d{1,19})")


class ReadingOperations:
    """What reads events."""

    def __init__(self, groups: LogGroups) -> None:
        self._groups = groups

    def all(self) -> Mapping[str, Callable[[Given], Awaitable[Answer]]]:
        """Return the operations by name."""
        return {"GetLogEvents": self._get, "FilterLogEvents": self._filter}

    async def _get(self, given: Given) -> Answer:
        group = await self._groups.named(group_name(given))
        stream = await self._groups.stream(group, given["logStreamName"])
        forwards, beyond = given.get("startFromHead", False), None
        if "nextToken" in given:
            forwards, beyond = _position(given["nextToken"])
        begin, end = self._begin(group, given), _moment(given, "endTime", NO_END)
        span = Span(begin, end, forwards, beyond)
        events = await self._groups.read(stream, span, given.get("limit", EVENTS_MOST))
        if not forwards:
            events.reverse()
        first, last = (events[0].position, events[-1].position) if events else _nowhere(span)
        return {
            "events": [event_shape(event) for event in events],
            "nextForwardToken": f"f/{last[0]}/{last[1]}",
            "nextBackwardToken": f"b/{first[0]}/{first[1]}",
        }

    async def _filter(self, given: Given) -> Answer:
        group = await self._groups.named(group_name(given))
        streams = await self._streams(group, given)
        begin, end = self._begin(group, given), _moment(given, "endTime", NO_END - 1)
        span = Span(begin, end + 1, given.get("startFromHead", True))  # the end is among them here
        found, token = await search(
            self._groups,
            streams,
            span,
            _predicate(given),
            given.get("limit", EVENTS_MOST),
            given.get("nextToken"),
        )
        events = [
            {"logStreamName": each.stream, **event_shape(each.event), "eventId": each.event_id}
            for each in found
        ]
        answer: Answer = {"events": events, "searchedLogStreams": []}
        return answer if token is None else {**answer, "nextToken": token}

    async def _streams(self, group: Group, given: Given) -> list[Stream]:
        names, prefix = given.get("logStreamNames"), given.get("logStreamNamePrefix")
        if names is not None and prefix is not None:
            raise InvalidParameter("logStreamNamePrefix and logStreamNames exclude each other.")
        streams = await self._groups.streams(group)
        if names is not None:
            if not set(names) <= {stream.name for stream in streams}:
                raise LogResourceNotFound("log stream")
            return [stream for stream in streams if stream.name in names]
        return [stream for stream in streams if stream.name.startswith(prefix or "")]

    def _begin(self, group: Group, given: Given) -> int:
        return max(_moment(given, "startTime", 0), self._groups.kept_from(group))


def _moment(given: Given, name: str, default: int) -> int:
    return min(int(given.get(name, default)), default if name == "endTime" else NO_END)


def _predicate(given: Given) -> Predicate:
    try:
        return compiled(given.get("filterPattern", ""))
    except BadPattern as error:
        raise InvalidParameter(f"Invalid filter pattern: {error}") from None


def _position(token: str) -> tuple[bool, Position]:
    found = TOKEN.fullmatch(token)
    if found is None:
        raise InvalidParameter("The specified nextToken is invalid.")
    return found[1] == "f", (int(found[2]), int(found[3]))


def _nowhere(span: Span) -> tuple[Position, Position]:
    """Return where the next events of either direction are to be looked for when none were found.

    Who asks for more is given the token that it came with: that is how it sees that there are no more.
    """
    if span.beyond is not None:
        return span.beyond, span.beyond
    return (span.begin, -1), (span.begin, -1)
