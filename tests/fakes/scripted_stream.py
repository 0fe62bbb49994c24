"""A stream in memory: a stand-in for Kinesis streams and table streams."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from engine.clock import Clock
from engine.mapping.source import Shard, ShardPage, StartingPosition, StreamRecord

ONLY_SHARD = "shardId-000000000000"


class ScriptedStream:
    """Positions count over the whole stream, from 1; a record's label is its sequence number.

    While `trouble` is an error, nothing can be read.
    """

    name = "streams.clicks"
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"

    def __init__(self, clock: Clock, *shards: str, kind: Literal["kinesis", "dynamodb"] = "kinesis") -> None:
        self.kind: Literal["kinesis", "dynamodb"] = kind
        self.trouble: Exception | None = None
        self.reads = 0
        self._clock = clock
        self._shards = {name: Shard(name) for name in shards or (ONLY_SHARD,)}
        self._records: dict[str, list[StreamRecord]] = {name: [] for name in self._shards}
        self._closed: set[str] = set()
        self._last = 0
        self._listeners: list[Callable[[], None]] = []

    def put(
        self,
        label: str,
        *,
        shard: str = ONLY_SHARD,
        key: str = "k",
        arrived_at: datetime | None = None,
        size: int = 0,
    ) -> None:
        """Add a record to an open shard; `size` characters of padding."""
        assert shard not in self._closed
        self._last += 1
        record = {"label": label, "key": key} | ({"padding": "x" * size} if size else {})
        arrived_at = self._clock.now() if arrived_at is None else arrived_at
        self._records[shard].append(StreamRecord(self._last, label, key, arrived_at, record))
        self.tell()

    def close(self, shard: str, *children: str) -> None:
        """Close a shard; its children are there at once."""
        self._closed.add(shard)
        for child in children:
            former = self._shards.get(child, Shard(child))
            self._shards[child] = Shard(child, (*former.parents, shard))
            self._records.setdefault(child, [])
        self.tell()

    def drop(self, shard: str) -> None:
        """Forget a shard, as when all of its records have expired."""
        del self._shards[shard], self._records[shard]

    def trim(self, shard: str, label: str) -> None:
        """Let the records before that one expire."""
        records = self._records[shard]
        while records[0].sequence_number != label:
            del records[0]

    def tell(self) -> None:
        """Wake those who listen."""
        for listener in tuple(self._listeners):
            listener()

    async def shards(self) -> Sequence[Shard]:
        """Return all shards."""
        self._fail()
        return list(self._shards.values())

    async def start(self, shard_id: str, at: StartingPosition) -> int:
        """Return where a reader begins."""
        self._fail()
        if at.kind == "LATEST":
            return self._last
        if at.kind == "TRIM_HORIZON" or at.timestamp is None:
            return 0
        earlier = [record.position for record in self._records[shard_id] if record.arrived_at < at.timestamp]
        return max(earlier, default=0)

    async def read(self, shard_id: str, after: int, limit: int) -> ShardPage:
        """Return records after a position."""
        self.reads += 1
        self._fail()
        if shard_id not in self._shards:
            return ShardPage((), ended=True)
        rest = [record for record in self._records[shard_id] if record.position > after]
        return ShardPage(rest[:limit], ended=shard_id in self._closed and len(rest) <= limit)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble
