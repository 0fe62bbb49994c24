"""A shard of a Kinesis data stream."""

from engine.value import dataclass
from triggers.kinesis.routing import HashKeyRange
from triggers.kinesis.sequence_number import END, record_part, shard_part

PREFIX = "shardId-"


@dataclass(frozen=True, slots=True)
class StreamShard:
    """A shard as the store keeps it. `row_id` is the store's name for it, `number` the stream's.

    `created_at` and `closed_at` are milliseconds from 1970; parents are numbers of shards.
    """

    row_id: int
    number: int
    hash_keys: HashKeyRange
    created_at: int
    closed_at: int | None = None
    parent: int | None = None
    adjacent_parent: int | None = None

    @property
    def shard_id(self) -> str:
        """AWS's name for it: `shardId-000000000007`."""
        return shard_id(self.number)

    @property
    def is_open(self) -> bool:
        """Whether records are put into it."""
        return self.closed_at is None

    @property
    def parents(self) -> tuple[int, ...]:
        """The numbers of the shards whose hash keys it took over."""
        return tuple(number for number in (self.parent, self.adjacent_parent) if number is not None)

    @property
    def sequence_numbers(self) -> int:
        """What its sequence numbers have in common."""
        return shard_part(self.created_at // 1000, self.number)

    @property
    def starting_sequence_number(self) -> str:
        """A sequence number before those of all its records."""
        return str(self.sequence_numbers | record_part(0, self.created_at // 1000))

    @property
    def ending_sequence_number(self) -> str | None:
        """A sequence number after those of all its records; None while it is open."""
        if self.closed_at is None:
            return None
        return str(self.sequence_numbers | record_part(END, self.closed_at // 1000))


def shard_id(number: int) -> str:
    """Return the id of a stream's shard."""
    return f"{PREFIX}{number:012d}"


def shard_number(text: str) -> int | None:
    """Return the number in a shard's id, which may be given without its prefix; None when there is none."""
    digits = text.removeprefix(PREFIX)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None
