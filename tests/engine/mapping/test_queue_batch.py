"""Cutting batches of received messages."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import VIRTUAL_START
from engine.mapping.payload import PAYLOAD_BYTES, build_payload, count_that_fit
from engine.mapping.queue_batch import QueueBuffer, ReceivedMessage
from engine.mapping.source import QueueMessage

LATER = VIRTUAL_START + timedelta(seconds=30)


def received(name: str, size: int = 10, returns_at: datetime = LATER) -> ReceivedMessage:
    return ReceivedMessage(QueueMessage(name, name, None, {}), b"x" * size, returns_at)


@pytest.mark.parametrize(
    ("sizes", "seconds_open", "window", "expected"),
    [
        pytest.param([], 0, 0, None, id="nothing"),
        pytest.param([9], 0, 0, (1, "received"), id="without a window what was received is a batch"),
        pytest.param([9] * 4, 0, 0, (3, "batch_size"), id="up to the batch size"),
        pytest.param([9], 1, 20, None, id="a window is waited for"),
        pytest.param([9], 20, 20, (1, "window"), id="until it ends"),
        pytest.param([9] * 3, 1, 20, (3, "batch_size"), id="or the batch is full"),
        pytest.param([PAYLOAD_BYTES - 50, 50], 1, 20, (1, "payload"), id="or 6 MB are reached"),
        pytest.param([9, PAYLOAD_BYTES], 0, 0, (1, "payload"), id="a window makes no difference to that"),
        pytest.param([PAYLOAD_BYTES], 0, 0, (1, "received"), id="one that is too large goes alone"),
        pytest.param(
            [9, 9, 9, PAYLOAD_BYTES], 0, 0, (3, "batch_size"), id="what is not in the batch does not count"
        ),
    ],
)
def test_a_batch_closes_on_size_payload_or_window(
    sizes: list[int], seconds_open: int, window: int, expected: tuple[int, str] | None
) -> None:
    buffer = QueueBuffer(3, timedelta(seconds=window))
    buffer.extend([received(str(number), size) for number, size in enumerate(sizes)])
    batch = buffer.close(VIRTUAL_START, VIRTUAL_START + timedelta(seconds=seconds_open))
    assert (batch and (len(batch.received), batch.reason)) == expected
    assert len(buffer) == len(sizes) - (expected[0] if expected else 0)


@given(st.lists(st.integers(1, 60), min_size=1), st.integers(20, 200))
def test_as_much_as_fits_and_at_least_one_makes_a_payload(sizes: list[int], limit: int) -> None:
    count = count_that_fit(sizes, limit)
    assert count >= 1
    assert count == 1 or len(build_payload([b"x" * size for size in sizes[:count]])) <= limit
    if count < len(sizes):
        assert len(build_payload([b"x" * size for size in sizes[: count + 1]])) > limit


@given(st.lists(st.integers(1, 3 * 1024 * 1024), min_size=1, max_size=30), st.integers(1, 10))
def test_every_message_comes_in_one_batch_within_the_limits(sizes: list[int], batch_size: int) -> None:
    buffer = QueueBuffer(batch_size, timedelta(0))
    records = {size: b"x" * size for size in set(sizes)}
    buffer.extend(
        [
            ReceivedMessage(QueueMessage(str(n), "", None, {}), records[size], LATER)
            for n, size in enumerate(sizes)
        ]
    )
    seen: list[str] = []
    while (batch := buffer.close(VIRTUAL_START, VIRTUAL_START)) is not None:
        assert 1 <= len(batch.received) <= batch_size
        payload = sum(len(each.record) + 1 for each in batch.received) + 11
        assert payload <= PAYLOAD_BYTES or len(batch.received) == 1
        seen += [message.message_id for message in batch.messages]
    assert seen == [str(n) for n in range(len(sizes))]
