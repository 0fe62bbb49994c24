"""What a request to put records may hold.

Source: service model kinesis 2013-12-02 (PutRecord, PutRecords) and the texts AWS answers with.
"""

import re
from collections.abc import Sequence

from engine.errors import ValidationFailed
from engine.value import dataclass
from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.routing import HASH_KEYS

ENTRIES = 500
REQUEST_MEGABYTES = 10
PARTITION_KEY_LENGTH = 256  # characters
HASH_KEY_PATTERN = r"0|([1-9]\d{0,38})"
HASH_KEY = re.compile(HASH_KEY_PATTERN, re.ASCII)


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A record to be put. `explicit_hash_key`, in decimal, overrides the hash of its partition key."""

    data: bytes
    partition_key: str
    explicit_hash_key: str | None = None


def check_request(entries: Sequence[RecordEntry], max_record_bytes: int) -> None:
    """Raise ValidationFailed or InvalidArgument for the first thing that Kinesis would refuse.

    A record's size is that of its data and its partition key in UTF-8.
    """
    if not entries:
        raise _invalid("records", "have length greater than or equal to 1")
    if len(entries) > ENTRIES:
        raise _invalid("records", f"have length less than or equal to {ENTRIES}")
    total = 0
    for number, entry in enumerate(entries, start=1):
        key = entry.partition_key
        size = len(entry.data) + (len(key) if key.isascii() else _key_bytes(key, f"records.{number}.member."))
        total += size
        if (
            not 0 < len(key) <= PARTITION_KEY_LENGTH
            or size > max_record_bytes
            or entry.explicit_hash_key is not None
        ):
            _check_entry(entry, f"records.{number}.member.", size, max_record_bytes)
    if total > REQUEST_MEGABYTES * 1024 * 1024:
        raise InvalidArgument(f"Records size exceeds {REQUEST_MEGABYTES} MB limit")


def check_record(entry: RecordEntry, max_record_bytes: int) -> None:
    """As `check_request`, for a single record, whose fields stand by themselves."""
    size = len(entry.data) + _key_bytes(entry.partition_key, "")
    _check_entry(entry, "", size, max_record_bytes)


def _key_bytes(key: str, place: str) -> int:
    try:
        return len(key.encode())
    except UnicodeEncodeError:
        raise _invalid(f"{place}partitionKey", "be valid Unicode") from None


def _check_entry(entry: RecordEntry, place: str, size: int, max_record_bytes: int) -> None:
    if not entry.partition_key:
        raise _invalid(f"{place}partitionKey", "have length greater than or equal to 1")
    if len(entry.partition_key) > PARTITION_KEY_LENGTH:
        raise _invalid(f"{place}partitionKey", f"have length less than or equal to {PARTITION_KEY_LENGTH}")
    if size > max_record_bytes:
        raise _invalid(f"{place}data", f"have length less than or equal to {max_record_bytes}")
    key = entry.explicit_hash_key
    if key is None:
        return
    if not HASH_KEY.fullmatch(key):
        raise _invalid(f"{place}explicitHashKey", f"satisfy regular expression pattern: {HASH_KEY_PATTERN}")
    if int(key) >= HASH_KEYS:
        raise InvalidArgument(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {key}"
        )


def _invalid(place: str, rule: str) -> ValidationFailed:
    return ValidationFailed(
        f"1 validation error detected: Value at '{place}' failed to satisfy constraint: Member must {rule}"
    )
