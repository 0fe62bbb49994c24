"""When the records of a stream, or of one lane of a shard, become a batch.

A batch closes when it has `batch_size` records, when its event would exceed 6 MB, at the end of its batching
window, at the end of its tumbling window, or because the shard has no more. Without a batching window it
closes with what was received.
Source: Lambda developer guide, "Batching behavior".
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Literal

from engine.mapping.payload import PAYLOAD_BYTES
from engine.mapping.stream_record import ReadyRecord
from engine.value import dataclass

CloseReason = Literal["received", "batch_size", "window", "payload", "tumbling_window", "shard_end"]

ENVELOPE_BYTES = len('{"Records":[]}')


@dataclass(frozen=True, slots=True)
class StreamBatchLimits:
    """The most records and bytes of JSON in a batch, and how long it may wait for them."""

    batch_size: int
    window: timedelta = timedelta(0)
    payload_bytes: int = PAYLOAD_BYTES


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Keep collecting; look again when there is news, and at `moment` at the latest when there is one."""

    moment: datetime | None


class GrowingBatch:
    """Records that will be delivered together. `more_bytes` is what the event has besides them."""

    def __init__(self, limits: StreamBatchLimits, more_bytes: int = 0) -> None:
        self.records: list[ReadyRecord] = []
        self._limits = limits
        self._size = ENVELOPE_BYTES + more_bytes
        self._full: CloseReason | None = None

    def take_from(self, waiting: deque[ReadyRecord], before: datetime | None = None) -> None:
        """Take what fits from the head of `waiting`, and only what arrived `before` a window's end.

        A first record that alone is too large makes a batch of one; the invocation refuses it.
        """
        records, size, full = self.records, self._size, self._full
        batch_size, payload_bytes = self._limits.batch_size, self._limits.payload_bytes
        while waiting and full is None:
            record = waiting[0]
            larger = size + len(record.json) + 1  # a comma for each but the first, which the envelope lacks
            if records and larger - 1 > payload_bytes:
                full = "payload"
            elif before is not None and record.arrived_at >= before:
                full = "tumbling_window"
            else:
                records.append(waiting.popleft())
                size = larger
                if len(records) == batch_size:
                    full = "batch_size"
        self._size, self._full = size, full

    def next_step(
        self, now: datetime, *, more_at_once: bool, ended: bool, before: datetime | None = None
    ) -> CloseReason | WaitUntil:
        """Say why the batch is to be delivered now, or until when it waits. It holds at least one record.

        `more_at_once`: more records are being read already. `ended`: the shard has no more. `before` is the
        end of its tumbling window.
        """
        if self._full is not None:
            return self._full
        if more_at_once:
            return WaitUntil(None)
        if ended:
            return "shard_end" if self._limits.window else "received"
        closes_at = self.records[0].read_at + self._limits.window
        if now >= closes_at:
            return "window" if self._limits.window else "received"
        if before is not None and now >= before:
            return "tumbling_window"
        return WaitUntil(closes_at if before is None else min(closes_at, before))
