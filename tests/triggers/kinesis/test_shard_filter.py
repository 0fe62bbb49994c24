"""Which shards ListShards shows."""

from datetime import timedelta

import pytest

from engine.clock import VIRTUAL_START, to_millis
from triggers.kinesis.routing import HashKeyRange
from triggers.kinesis.shard import StreamShard, shard_number
from triggers.kinesis.shard_filter import ShardFilter, matching

HOUR = timedelta(hours=1)


def shard(number: int, created_hour: int, closed_hour: int | None = None) -> StreamShard:
    created = to_millis(VIRTUAL_START + created_hour * HOUR)
    closed = None if closed_hour is None else to_millis(VIRTUAL_START + closed_hour * HOUR)
    return StreamShard(number + 1, number, HashKeyRange(0, 1), created, closed)


SHARDS = [shard(0, 0, 30), shard(1, 0), shard(2, 30, 40), shard(3, 40)]
HORIZON = VIRTUAL_START + 26 * HOUR


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        pytest.param(ShardFilter("FROM_TRIM_HORIZON"), [0, 1, 2, 3], id="from trim horizon: all"),
        pytest.param(ShardFilter("AT_TRIM_HORIZON"), [0, 1], id="at trim horizon: open then"),
        pytest.param(ShardFilter("AT_LATEST"), [1, 3], id="at latest: open now"),
        pytest.param(ShardFilter("AFTER_SHARD_ID", after=1), [2, 3], id="after a shard"),
        pytest.param(ShardFilter("AT_TIMESTAMP", moment=VIRTUAL_START + 35 * HOUR), [1, 2], id="open then"),
        pytest.param(
            ShardFilter("AT_TIMESTAMP", moment=VIRTUAL_START + 30 * HOUR),
            [0, 1, 2],
            id="at the moment of a split: parent and child",
        ),
        pytest.param(
            ShardFilter("FROM_TIMESTAMP", moment=VIRTUAL_START + 35 * HOUR),
            [1, 2, 3],
            id="from a timestamp: closed later, or open",
        ),
        pytest.param(
            ShardFilter("AT_TIMESTAMP", moment=VIRTUAL_START - HOUR),
            [0, 1],
            id="a timestamp before the trim horizon is the trim horizon",
        ),
    ],
)
def test_a_filter_shows(wanted: ShardFilter, numbers: list[int]) -> None:
    assert [each.number for each in matching(SHARDS, wanted, HORIZON)] == numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [("shardId-000000000007", 7), ("7", 7), ("shardId-", None), ("", None), ("shard-7", None), ("٤", None)],
)
def test_a_shard_is_named_by_its_number(text: str, number: int | None) -> None:
    assert shard_number(text) == number
