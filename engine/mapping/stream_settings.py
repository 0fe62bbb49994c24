"""The parameters of an event source mapping that reads a stream.

Names, units and defaults are those of CreateEventSourceMapping, in snake case; they are checked by now.
"""

from datetime import datetime, timedelta
from typing import Literal

from engine.mapping.source import StartingPosition
from engine.mapping.stream_batching import StreamBatchLimits
from engine.mapping.stream_retry import StreamRetryLimits
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class StreamMappingSettings:
    """-1 as a limit means for ever. With a tumbling window there is one lane, whatever the factor."""

    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
    starting_position_timestamp: datetime | None = None
    batch_size: int = 100
    maximum_batching_window_in_seconds: int = 0
    parallelization_factor: int = 1
    bisect_batch_on_function_error: bool = False
    maximum_retry_attempts: int = -1
    maximum_record_age_in_seconds: int = -1
    tumbling_window_in_seconds: int = 0
    function_response_types: tuple[str, ...] = ()

    @property
    def start(self) -> StartingPosition:
        """Where the mapping begins to read the shards that are there when it is made."""
        return StartingPosition(self.starting_position, self.starting_position_timestamp)

    @property
    def lanes(self) -> int:
        """How many batches of a shard are processed at once."""
        return 1 if self.tumbling_window_in_seconds else self.parallelization_factor

    @property
    def batch_limits(self) -> StreamBatchLimits:
        """How large a batch becomes, and how long it waits."""
        return StreamBatchLimits(self.batch_size, timedelta(seconds=self.maximum_batching_window_in_seconds))

    @property
    def retry_limits(self) -> StreamRetryLimits:
        """How long a batch is tried again."""
        attempts, age = self.maximum_retry_attempts, self.maximum_record_age_in_seconds
        return StreamRetryLimits(
            None if attempts == -1 else attempts,
            None if age == -1 else timedelta(seconds=age),
            self.bisect_batch_on_function_error,
        )

    @property
    def tumbling_window(self) -> timedelta | None:
        """The length of its tumbling windows; None without."""
        seconds = self.tumbling_window_in_seconds
        return timedelta(seconds=seconds) if seconds else None

    @property
    def reports_failures(self) -> bool:
        """Whether the function may answer with a partial batch response."""
        return "ReportBatchItemFailures" in self.function_response_types
