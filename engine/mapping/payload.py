"""The event of a batch, and how much fits into one.

A synchronous invocation takes 6 MB, and a mapping counts whole records, their metadata included.
Source: Lambda developer guide, "Batching behavior" and "Lambda quotas".
"""

from collections.abc import Iterable, Sequence

PAYLOAD_BYTES = 6 * 1024 * 1024
_START, _END = b'{"Records":[', b"]}"


def build_payload(records: Sequence[bytes]) -> bytes:
    """Return the event with these records, each of them JSON."""
    return _START + b",".join(records) + _END


def count_that_fit(sizes: Iterable[int], limit: int = PAYLOAD_BYTES) -> int:
    """Return how many of the first records make an event of at most `limit` bytes.

    `sizes` are the bytes of each record as JSON. A first record that is too large by itself counts as
    fitting: the function refuses it, not the batch. The result is 0 only when there are no records.
    """
    total = len(_START) + len(_END) - 1  # the first record has no comma
    count = 0
    for size in sizes:
        total += size + 1
        if total > limit and count > 0:
            break
        count += 1
    return count
