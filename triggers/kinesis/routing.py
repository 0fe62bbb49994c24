"""The space of hash keys, and where in it a record belongs.

Source: Kinesis Data Streams developer guide, "Terminology and concepts" (partition key); ranges as
CreateStream deals them out.
"""

import hashlib

from engine.value import dataclass

HASH_KEYS = 2**128  # the keys are 0 to one less than this


@dataclass(frozen=True, slots=True)
class HashKeyRange:
    """The hash keys from `first` to `last`, both included."""

    first: int
    last: int


def even_ranges(count: int) -> list[HashKeyRange]:
    """Divide all hash keys among `count` shards; the last takes what is left over."""
    width = HASH_KEYS // count
    firsts = [width * number for number in range(count)]
    ends = [*firsts[1:], HASH_KEYS]
    return [HashKeyRange(first, end - 1) for first, end in zip(firsts, ends, strict=True)]


def hash_key(partition_key: str) -> int:
    """Return the MD5 of a partition key's UTF-8 bytes as an unsigned integer."""
    digest = hashlib.md5(partition_key.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return int.from_bytes(digest.digest(), "big")
