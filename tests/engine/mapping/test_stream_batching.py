"""When the records of a stream become a batch."""

from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.stream_batching import ENVELOPE_BYTES, GrowingBatch, StreamBatchLimits, WaitUntil
from engine.mapping.stream_record import ReadyRecord, records_event

READ = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = timedelta(seconds=10)
SMALL = StreamBatchLimits(batch_size=3)
PATIENT = StreamBatchLimits(batch_size=3, window=WINDOW)


def record(size: int = 10, arrived: float = 0) -> ReadyRecord:
    return ReadyRecord(1, "1", READ + timedelta(seconds=arrived), READ, b"x" * size)


def at(seconds: float) -> datetime:
    return READ + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("limits", "count", "seconds", "more_at_once", "ended", "expected"),
    [
        pytest.param(SMALL, 2, 0, False, False, "received", id="without a window, what was received"),
        pytest.param(SMALL, 2, 0, True, False, WaitUntil(None), id="but all of what is being read"),
        pytest.param(SMALL, 5, 0, True, False, "batch_size", id="a full batch waits for nothing"),
        pytest.param(PATIENT, 2, 9, False, False, WaitUntil(at(10)), id="a young batch waits"),
        pytest.param(PATIENT, 2, 10, False, False, "window", id="the window closes it"),
        pytest.param(PATIENT, 4, 0, False, False, "batch_size", id="or its size"),
        pytest.param(PATIENT, 2, 0, False, True, "shard_end", id="or the end of the shard"),
        pytest.param(SMALL, 2, 0, False, True, "received", id="which does not matter without a window"),
    ],
)
def test_a_batch_closes_on_size_window_or_shard_end(
    limits: StreamBatchLimits, count: int, seconds: float, more_at_once: bool, ended: bool, expected: object
) -> None:
    batch = GrowingBatch(limits)
    batch.take_from(deque(record() for _ in range(count)))
    assert batch.next_step(at(seconds), more_at_once=more_at_once, ended=ended) == expected


def test_a_batch_closes_before_its_event_is_too_large() -> None:
    event = records_event([record(40), record(40)])
    waiting = deque([record(40), record(40), record(1)])
    batch = GrowingBatch(StreamBatchLimits(10, WINDOW, payload_bytes=len(event)))
    batch.take_from(waiting)
    assert (len(batch.records), len(waiting)) == (2, 1)
    assert batch.next_step(READ, more_at_once=True, ended=False) == "payload"


def test_what_else_the_event_has_counts_too() -> None:
    batch = GrowingBatch(StreamBatchLimits(10, payload_bytes=ENVELOPE_BYTES + 41), more_bytes=2)
    batch.take_from(deque([record(20), record(20)]))
    assert len(batch.records) == 1


def test_a_record_that_alone_is_too_large_makes_a_batch_of_one() -> None:
    batch = GrowingBatch(StreamBatchLimits(10, payload_bytes=50))
    batch.take_from(deque([record(100), record(1)]))
    assert len(batch.records) == 1


def test_a_tumbling_window_ends_a_batch() -> None:
    end = at(5)
    batch = GrowingBatch(PATIENT)
    batch.take_from(deque([record(arrived=4)]), end)
    assert batch.next_step(at(0), more_at_once=False, ended=False, before=end) == WaitUntil(end)
    assert batch.next_step(end, more_at_once=False, ended=False, before=end) == "tumbling_window"
    batch.take_from(deque([record(arrived=5)]), end)
    assert batch.next_step(at(0), more_at_once=False, ended=False, before=end) == "tumbling_window"
    assert len(batch.records) == 1


@given(
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=50),
    batch_size=st.integers(1, 10),
    payload_bytes=st.integers(20, 500),
)
def test_batches_keep_within_their_limits(sizes: list[int], batch_size: int, payload_bytes: int) -> None:
    waiting = deque(record(size) for size in sizes)
    taken: list[ReadyRecord] = []
    expected = list(waiting)
    while waiting:
        batch = GrowingBatch(StreamBatchLimits(batch_size, payload_bytes=payload_bytes))
        batch.take_from(waiting)
        assert 1 <= len(batch.records) <= batch_size
        assert len(batch.records) == 1 or len(records_event(batch.records)) <= payload_bytes
        taken += batch.records
    assert taken == expected
