"""What a Kinesis data stream is made with."""

from datetime import timedelta

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class StreamProperties:
    """The number of shards at first, and what is kept. A record's size is that of data and partition key."""

    shards: int = 1
    retention: timedelta = timedelta(hours=24)
    max_record_bytes: int = 1024 * 1024
