"""Tumbling windows: fixed, adjoining spans of arrival time through which a function carries a state.

Windows are aligned to 1970, and open with the first record that arrived in them. At their end the function
is invoked once more, with `isFinalInvokeForWindow` and without records, and the state is dropped. A state of
more than 1 MB ends its window early; what still arrives in it begins with an empty state. Without new records
AWS waits up to two minutes for the end; here a window ends when its time is over and the shard was looked at
once more, since nothing can arrive in the past.
Source: Lambda developer guide, "Implementing stateful Kinesis Data Streams processing in Lambda".
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson

from engine.clock import iso_seconds
from engine.value import dataclass

STATE_BYTES = 1024 * 1024
MEMBERS_BYTES = 1024  # of an event, about its window, besides the state
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TumblingWindow:
    """An open window. `state` is the JSON object that the function returned last."""

    start: datetime
    end: datetime
    state: bytes = b"{}"

    @property
    def is_too_large(self) -> bool:
        """Whether the state ends the window early."""
        return len(self.state) > STATE_BYTES

    @property
    def event_bytes(self) -> int:
        """How much of an event is about the window, at most."""
        return len(self.state) + MEMBERS_BYTES

    def with_state(self, state: bytes) -> "TumblingWindow":
        """Return the window after the function returned `state`."""
        return replace(self, state=state)

    def members(self, shard_id: str, source_arn: str, *, final: bool) -> bytes:
        """Return what the event has besides `Records`, as `,"name":value` pairs in AWS's order."""
        members = {
            "window": {"start": iso_seconds(self.start), "end": iso_seconds(self.end)},
            "state": orjson.Fragment(self.state),
            "shardId": shard_id,
            "eventSourceARN": source_arn,
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": final and self.is_too_large,
        }
        return b"," + orjson.dumps(members)[1:-1]


def window_of(arrived_at: datetime, length: timedelta) -> TumblingWindow:
    """Return the window, with an empty state, that a record belongs to."""
    start = arrived_at - (arrived_at - EPOCH) % length
    return TumblingWindow(start, start + length)
