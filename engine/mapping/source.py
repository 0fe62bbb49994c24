"""What an event source mapping asks of the queue or the stream that it reads.

Sources know Lambda by these small contracts alone; mappings know sources by them alone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from engine.value import dataclass

SourceKind = Literal["sqs", "kinesis", "dynamodb"]


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message that was received. `record` is what the function gets of it, in AWS's key order.

    `receipt_handle` names this receipt of it; `group` is the FIFO message group, None in a standard queue.
    """

    message_id: str
    receipt_handle: str
    group: str | None
    record: dict[str, Any]


class QueueSource(Protocol):
    """A queue as a mapping sees it."""

    @property
    def name(self) -> str:
        """The resource, as facts name it: `queues.jobs`."""

    @property
    def arn(self) -> str:
        """The ARN that records carry."""

    @property
    def is_fifo(self) -> bool:
        """Whether order is kept in each message group."""

    @property
    def visibility_timeout(self) -> timedelta:
        """How long a received message is hidden when the receiver does not say."""

    async def receive(
        self,
        limit: int,
        *,
        most_bytes: int | None = None,
        visibility_timeout: timedelta | None = None,
        wait: timedelta | None = None,
    ) -> list[QueueMessage]:
        """Hide and return up to `limit` messages, as soon as there is one.

        With `most_bytes`, no more than make about so many bytes of JSON, but one. Returns none when there
        was none within `wait`; without `wait` it waits for ever. Cancelling it loses nothing: what was
        hidden already is visible again.
        """

    async def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete messages for good. Handles that mean nothing any more are passed over."""

    async def hide_longer(self, receipt_handles: Sequence[str], timeout: timedelta) -> None:
        """Hide messages for `timeout` from now that are hidden by these receipts still."""

    async def leave_hidden(self, receipt_handles: Sequence[str]) -> None:
        """Let messages go that were not processed: they show again when their timeouts end, not before.

        What a mapping has neither deleted, given back nor left hidden can be received again at the next
        start: the simulator must have been killed.
        """

    async def give_back(self, receipt_handles: Sequence[str]) -> None:
        """Undo receipts that nobody has seen: the messages are visible again and were not received."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard of a stream. Its `parents` are to be read to their ends before it."""

    shard_id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record of a shard. `record` is what the function gets, in AWS's key order.

    `position` grows along the shard and is what a reader goes on from; `sequence_number` is the decimal text
    that AWS shows. Order is kept among records of one `key`.
    """

    position: int
    sequence_number: str
    key: str
    arrived_at: datetime
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShardPage:
    """What a read of a shard found. `ended`: the shard is closed and holds nothing after this page."""

    records: Sequence[StreamRecord]
    ended: bool


@dataclass(frozen=True, slots=True)
class StartingPosition:
    """Where a new mapping begins to read. `timestamp` is set for AT_TIMESTAMP alone."""

    kind: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
    timestamp: datetime | None = None


class StreamSource(Protocol):
    """A stream as a mapping sees it."""

    @property
    def name(self) -> str:
        """The resource, as facts name it: `streams.clicks`, `tables.orders`."""

    @property
    def arn(self) -> str:
        """The ARN that records carry."""

    @property
    def kind(self) -> Literal["kinesis", "dynamodb"]:
        """Whose events its records are."""

    async def shards(self) -> Sequence[Shard]:
        """Return every shard that still holds records or can still get some, parents first."""

    async def start(self, shard_id: str, at: StartingPosition) -> int:
        """Return the position after which a reader that starts there goes on: `read(shard_id, after=...)`."""

    async def read(self, shard_id: str, after: int, limit: int) -> ShardPage:
        """Return up to `limit` records of a shard after a position, at most about 10 MB, without waiting."""

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback`, on the loop, whenever there are new records or shards; return what ends that."""
