"""Messages that were received, and the batches that are made of them.

Source: Lambda developer guide, "Batching behavior".
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from engine.mapping.payload import PAYLOAD_BYTES, build_payload, count_that_fit
from engine.mapping.source import QueueMessage
from engine.value import dataclass

CloseReason = Literal["received", "batch_size", "window", "payload"]
AROUND = len(build_payload([]))


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that passed the filter, its record as JSON, and when it shows again unless it is deleted."""

    message: QueueMessage
    record: bytes
    returns_at: datetime


@dataclass(frozen=True, slots=True)
class QueueBatch:
    """Messages for one invocation, at least one. `reason` says what closed the batch."""

    received: Sequence[ReceivedMessage]
    reason: CloseReason

    @property
    def messages(self) -> list[QueueMessage]:
        """The messages, oldest first."""
        return [each.message for each in self.received]

    @property
    def returns_at(self) -> datetime:
        """When the first of the messages shows again."""
        return self.received[0].returns_at


class QueueBuffer:
    """Received messages of which batches are cut, oldest first."""

    def __init__(self, batch_size: int, window: timedelta) -> None:
        self._batch_size = batch_size
        self._window = window
        self._received: deque[ReceivedMessage] = deque()
        self._bytes = AROUND

    def __len__(self) -> int:
        return len(self._received)

    @property
    def free_bytes(self) -> int:
        """How much JSON there is room for beside what waits."""
        return max(0, PAYLOAD_BYTES - self._bytes)

    def extend(self, received: Sequence[ReceivedMessage]) -> None:
        """Add messages at the end."""
        self._received.extend(received)
        self._bytes += sum([len(each.record) for each in received]) + len(received)

    def close(self, opened_at: datetime, now: datetime) -> QueueBatch | None:
        """Take the next batch out; None when it should wait for more, until its window ends."""
        whole = min(len(self._received), self._batch_size)
        count = whole
        if self._bytes > PAYLOAD_BYTES:
            count = count_that_fit(len(each.record) for each in islice(self._received, whole))
        reason: CloseReason
        if count == 0:
            return None
        if count < whole:
            reason = "payload"
        elif count == self._batch_size:
            reason = "batch_size"
        elif not self._window:
            reason = "received"
        elif now >= opened_at + self._window:
            reason = "window"
        else:
            return None
        return QueueBatch(self._take(count), reason)

    def put_back(self, received: Sequence[ReceivedMessage]) -> None:
        """Add messages at the head that a batch was to have."""
        self._received.extendleft(reversed(received))
        self._bytes += sum([len(each.record) for each in received]) + len(received)

    def clear(self) -> list[QueueMessage]:
        """Take everything out."""
        return [each.message for each in self._take(len(self._received))]

    def _take(self, count: int) -> list[ReceivedMessage]:
        if count == len(self._received):
            taken = list(self._received)
            self._received.clear()
        else:
            taken = [self._received.popleft() for _ in range(count)]
        self._bytes -= sum([len(each.record) for each in taken]) + count
        return taken
