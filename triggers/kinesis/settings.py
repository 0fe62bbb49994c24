"""The `[streams.NAME]` tables of the configuration.

Source: Amazon Kinesis Data Streams API reference, CreateStream, IncreaseStreamRetentionPeriod and
UpdateMaxRecordSize.
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from engine.settings import Settings
from triggers.kinesis.properties import StreamProperties

NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")


def checked_name(name: str) -> str:
    """Return a stream's name. Raises ValueError for one that Kinesis would refuse."""
    if not NAME.fullmatch(name):
        raise ValueError("a stream's name has 1 to 128 letters, digits, underscores, dots and hyphens")
    return name


StreamName = Annotated[str, AfterValidator(checked_name)]


class StreamSettings(Settings):
    """A stream. `shards` is how many it is made with; later they are split and merged.

    With `throughput_limits`, clients get no more through a shard in a second than on AWS.
    """

    shards: Annotated[int, Field(ge=1, le=10_000)] = 1
    retention_period_hours: Annotated[int, Field(ge=24, le=8760)] = 24
    max_record_size_in_kib: Annotated[int, Field(ge=1024, le=10_240)] = 1024
    throughput_limits: bool = False

    def properties(self) -> StreamProperties:
        """Return what the stream is made with."""
        return StreamProperties(
            shards=self.shards,
            retention=timedelta(hours=self.retention_period_hours),
            max_record_bytes=self.max_record_size_in_kib * 1024,
        )
