"""How much a shard takes and gives in a second.

Source: Kinesis Data Streams developer guide, "Quotas and limits"; API reference, GetRecords.
"""

from collections import defaultdict, deque
from collections.abc import Sequence

from triggers.kinesis.errors import ThroughputExceeded
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.shard import StreamShard
from triggers.kinesis.stream import Stream

SECOND = 1000  # milliseconds, as all moments here
WRITTEN_RECORDS, WRITTEN_BYTES = 1000, 1024 * 1024  # a second
READS, READ_BYTES = 5, 2 * 1024 * 1024  # a second


class Meter:
    """Adds up amounts over the last second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: deque[tuple[int, int]] = deque()
        self._total = 0

    def has_room(self, amount: int, now: int) -> bool:
        """Say whether so much more is within the limit. What is over it alone passes after a quiet second."""
        while self._taken and self._taken[0][0] <= now - SECOND:
            self._total -= self._taken.popleft()[1]
        return not self._taken or self._total + amount <= self._most

    def add(self, amount: int, now: int) -> None:
        """Take note of an amount."""
        self._taken.append((now, amount))
        self._total += amount


class ShardThroughput:
    """What one shard has taken and given lately."""

    def __init__(self) -> None:
        self._records, self._bytes = Meter(WRITTEN_RECORDS), Meter(WRITTEN_BYTES)
        self._reads = Meter(READS)
        self._reads_again_at = 0

    def takes(self, size: int, now: int) -> bool:
        """Say whether a record of `size` bytes may be put, and count it then."""
        if not (self._records.has_room(1, now) and self._bytes.has_room(size, now)):
            return False
        self._records.add(1, now)
        self._bytes.add(size, now)
        return True

    def may_be_read(self, now: int) -> bool:
        """Say whether it may be read, and count that then."""
        if now < self._reads_again_at or not self._reads.has_room(1, now):
            return False
        self._reads.add(1, now)
        return True

    def was_read(self, size: int, now: int) -> None:
        """Note what a read gave: after ten megabytes there are none for five seconds."""
        self._reads_again_at = max(now, self._reads_again_at) + size * SECOND // READ_BYTES


class StreamThroughput:
    """Holds a stream to the limits of its shards."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._shards: defaultdict[int, ShardThroughput] = defaultdict(ShardThroughput)

    def refused(self, entries: Sequence[RecordEntry], now: int) -> dict[int, ThroughputExceeded]:
        """Return the errors of the records that are one too many, by their indexes; count the others."""
        found = {}
        for index, entry in enumerate(entries):
            shard = self._stream.route(entry)
            size = len(entry.data) + len(entry.partition_key.encode("utf-8", "surrogatepass"))
            if not self._shards[shard.number].takes(size, now):
                found[index] = self._exceeded(shard)
        return found

    def check_read(self, shard: StreamShard, now: int) -> None:
        """Raise ThroughputExceeded when a shard is read too often or has given too much; count the read."""
        if not self._shards[shard.number].may_be_read(now):
            raise self._exceeded(shard)

    def was_read(self, shard: StreamShard, size: int, now: int) -> None:
        """Note how many bytes a read of a shard gave."""
        self._shards[shard.number].was_read(size, now)

    def _exceeded(self, shard: StreamShard) -> ThroughputExceeded:
        return ThroughputExceeded(shard.shard_id, self._stream.stream_name, self._stream.account_id)
