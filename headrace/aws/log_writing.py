"""CloudWatch Logs' PutLogEvents, into streams that programs have made.

Source: the service model logs 2014-03-28; CloudWatch Logs API reference, "PutLogEvents".
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from itertools import pairwise

from engine.clock import Clock, to_millis
from headrace.aws.log_errors import InvalidParameter
from headrace.aws.log_files import EVENT_BYTES
from headrace.aws.log_groups import LogGroups
from headrace.aws.log_shapes import Answer, Given

BATCH_BYTES = 1_048_576
OLDEST, NEWEST = timedelta(days=14), timedelta(hours=2)
LONGEST = timedelta(hours=24)  # from the first to the last event of a batch


class WritingOperations:
    """What writes events."""

    def __init__(self, groups: LogGroups, clock: Clock) -> None:
        self._groups = groups
        self._clock = clock

    def all(self) -> Mapping[str, Callable[[Given], Awaitable[Answer]]]:
        """Return the operations by name."""
        return {"PutLogEvents": self._put}

    async def _put(self, given: Given) -> Answer:
        group = await self._groups.named(given["logGroupName"])
        stream = await self._groups.stream(group, given["logStreamName"])
        events = [(event["timestamp"], event["message"]) for event in given["logEvents"]]
        _check(events)
        now = self._clock.now()
        oldest, newest = to_millis(now - OLDEST), to_millis(now + NEWEST)
        kept_from = self._groups.kept_from(group)
        rejected: dict[str, int] = {}
        if old := sum(moment < oldest for moment, _ in events):
            rejected["tooOldLogEventEndIndex"] = old
        if expired := sum(oldest <= moment < kept_from for moment, _ in events):
            rejected["expiredLogEventEndIndex"] = old + expired
        if new := sum(moment > newest for moment, _ in events):
            rejected["tooNewLogEventStartIndex"] = len(events) - new
        accepted = [event for event in events if max(oldest, kept_from) <= event[0] <= newest]
        _check_span(accepted)
        await self._groups.put(stream, accepted)
        answer: Answer = {"nextSequenceToken": f"{to_millis(now):056}"}
        return {**answer, "rejectedLogEventsInfo": rejected} if rejected else answer


def _check(events: list[tuple[int, str]]) -> None:
    size = sum(len(message.encode()) + EVENT_BYTES for _, message in events)
    if size > BATCH_BYTES:
        raise InvalidParameter(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES}")
    if any(later[0] < earlier[0] for earlier, later in pairwise(events)):
        raise InvalidParameter("Log events in a single PutLogEvents request must be in chronological order.")


def _check_span(events: list[tuple[int, str]]) -> None:
    if events and timedelta(milliseconds=events[-1][0] - events[0][0]) > LONGEST:
        raise InvalidParameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
