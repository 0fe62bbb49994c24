"""A record of a stream that was read and kept, in the form in which it is delivered."""

from collections.abc import Sequence
from datetime import datetime

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class ReadyRecord:
    """`json` is the element of `Records[]`; `read_at`, when the mapping got it, opens a batching window."""

    position: int
    sequence_number: str
    arrived_at: datetime
    read_at: datetime
    json: bytes


def records_event(records: Sequence[ReadyRecord], more: bytes = b"") -> bytes:
    """Return the event of some records; `more` are further members, `,"name":value`."""
    return b'{"Records":[%b]%b}' % (b",".join([record.json for record in records]), more)
