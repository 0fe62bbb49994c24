"""Sequence numbers, as AWS shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.kinesis.sequence_number import END, SequenceNumber, parse

RECORDED = "49590338271490256608559692538361571095921575989136588898"

seconds = st.integers(min_value=0, max_value=2**36 - 1)


def test_the_layout_is_that_of_a_number_recorded_on_aws() -> None:
    assert parse(RECORDED) == SequenceNumber(
        shard_created=1542776258, shard=6, position=0x67648A17, arrived=1545084650
    )


@given(
    seconds, st.integers(min_value=0, max_value=2**32 - 1), st.integers(min_value=0, max_value=END), seconds
)
def test_a_number_gives_its_parts_back(created: int, shard: int, position: int, arrived: int) -> None:
    number = SequenceNumber(created, shard, position, arrived)
    text = str(number)
    assert len(text) == 56
    assert parse(text) == number


@given(seconds, seconds, st.integers(min_value=0, max_value=END - 1))
def test_numbers_grow_along_a_shard_whatever_the_clock_says(one: int, other: int, position: int) -> None:
    earlier = SequenceNumber(1767225600, 3, position, one)
    later = SequenceNumber(1767225600, 3, position + 1, other)
    assert int(str(earlier)) < int(str(later))


def test_numbers_of_a_child_are_greater_than_those_of_its_parent() -> None:
    parent = SequenceNumber(1767225600, 15, END, 1767225600)
    child = SequenceNumber(1767225601, 16, 0, 1767225601)
    assert int(str(parent)) < int(str(child))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("0", id="a short number"),
        pytest.param("x" * 56, id="not a number"),
        pytest.param("٤" * 56, id="digits of another script"),
        pytest.param("9" * 56, id="a number of another layout"),
    ],
)
def test_what_no_stream_has_given_out_has_no_parts(text: str) -> None:
    assert parse(text) is None
