"""What splitting a shard and merging two make of the hash keys.

Source: Kinesis API reference, SplitShard and MergeShards.
"""

from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.routing import HashKeyRange


def split(keys: HashKeyRange, new_first: int, place: str) -> tuple[HashKeyRange, HashKeyRange]:
    """Return the ranges of the two children; the second begins with `new_first`.

    `place` names shard, stream and account in the text of InvalidArgument, raised when a child would have
    fewer than two hash keys.
    """
    if not keys.first + 1 < new_first < keys.last:
        raise InvalidArgument(
            f"NewStartingHashKey {new_first} used in SplitShard() on {place} is not both greater than one "
            f"plus the shard's StartingHashKey {keys.first} "
            f"and less than the shard's EndingHashKey {keys.last}."
        )
    return HashKeyRange(keys.first, new_first - 1), HashKeyRange(new_first, keys.last)


def merge(keys: HashKeyRange, adjacent: HashKeyRange) -> HashKeyRange | None:
    """Return the range of the child; None when the two do not lie side by side. Either may come first."""
    lower, upper = (keys, adjacent) if keys.first < adjacent.first else (adjacent, keys)
    return HashKeyRange(lower.first, upper.last) if lower.last + 1 == upper.first else None
