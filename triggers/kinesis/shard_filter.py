"""Which shards ListShards shows.

Source: Kinesis API reference, ShardFilter.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from engine.clock import to_millis
from engine.value import dataclass
from triggers.kinesis.shard import StreamShard

FilterType = Literal[
    "AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"
]


@dataclass(frozen=True, slots=True)
class ShardFilter:
    """The shards asked for. `after` is a shard's number, for AFTER_SHARD_ID; `moment` is for timestamps."""

    kind: FilterType
    after: int | None = None
    moment: datetime | None = None


def matching(
    shards: Sequence[StreamShard], wanted: ShardFilter, trim_horizon: datetime
) -> Sequence[StreamShard]:
    """Return those of a stream's shards that are asked for, in their order.

    A shard was open at a moment when it existed then and was not closed before it.
    """
    horizon = to_millis(trim_horizon)
    moment = horizon if wanted.moment is None else max(to_millis(wanted.moment), horizon)
    after = -1 if wanted.after is None else wanted.after

    def is_open_from(shard: StreamShard) -> bool:
        return shard.closed_at is None or shard.closed_at >= moment

    tests: dict[FilterType, Callable[[StreamShard], bool]] = {
        "AFTER_SHARD_ID": lambda shard: shard.number > after,
        "AT_TRIM_HORIZON": lambda shard: shard.created_at <= horizon and is_open_from(shard),
        "FROM_TRIM_HORIZON": lambda _: True,
        "AT_LATEST": lambda shard: shard.is_open,
        "AT_TIMESTAMP": lambda shard: shard.created_at <= moment and is_open_from(shard),
        "FROM_TIMESTAMP": is_open_from,
    }
    return [shard for shard in shards if tests[wanted.kind](shard)]
