"""What a shard takes and gives in a second."""

from hypothesis import given
from hypothesis import strategies as st

from triggers.kinesis.throughput import READ_BYTES, WRITTEN_BYTES, WRITTEN_RECORDS, Meter, ShardThroughput


def test_a_shard_takes_a_thousand_records_a_second() -> None:
    shard = ShardThroughput()
    assert sum(shard.takes(1, now) for now in range(999) for _ in range(2)) == WRITTEN_RECORDS
    assert shard.takes(1, 1000)


def test_a_shard_takes_a_megabyte_a_second_or_one_larger_record() -> None:
    shard = ShardThroughput()
    assert shard.takes(10 * WRITTEN_BYTES, 0)
    assert not shard.takes(1, 999)
    assert shard.takes(1, 1000)


def test_a_shard_is_read_five_times_a_second() -> None:
    shard = ShardThroughput()
    assert [now for now in (0, 0, 500, 500, 999, 999, 1000) if shard.may_be_read(now)] == [
        *(0, 0, 500, 500, 999),
        1000,
    ]


def test_a_read_of_ten_megabytes_is_followed_by_a_pause_of_five_seconds() -> None:
    shard = ShardThroughput()
    assert shard.may_be_read(0)
    shard.was_read(5 * READ_BYTES, 0)
    assert not shard.may_be_read(4999)
    assert shard.may_be_read(5000)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 400)), max_size=60))
def test_no_second_holds_more_than_the_limit(steps: list[tuple[int, int]]) -> None:
    meter, now = Meter(100), 0
    added: list[tuple[int, int]] = []
    for amount, pause in steps:
        now += pause
        if meter.has_room(amount, now):
            meter.add(amount, now)
            added.append((now, amount))
    for end, _ in added:
        assert sum(amount for at, amount in added if end - 1000 < at <= end) <= 100
