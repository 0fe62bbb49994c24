"""Wildcards match in time, and those that AWS's machine could not bear are refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.wildcard import read_wildcard, too_complex


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), st.text("ab", max_size=12))
def test_a_wildcard_is_like_a_regular_expression(parts: list[str], text: str) -> None:
    inner = [part or "b" for part in parts[1:-1]]  # two stars in a row are refused
    parts = [*parts[:1], *inner, *parts[1:][-1:]]
    expected = re.fullmatch(".*".join(parts), text) is not None
    assert read_wildcard("*".join(parts)).accepts(text) is expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("*a*a*", "a", id="a character counts once"),
        pytest.param("*ab*ba*", "aba", id="parts do not overlap"),
        pytest.param("ab*ba", "aba", id="nor do the ends"),
        pytest.param("*", "", id="nothing is something to a star"),
    ],
)
def test_parts_follow_each_other(pattern: str, text: str) -> None:
    assert read_wildcard(pattern).accepts(text) is (pattern == "*")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("*" + "a" * 20 + "b*", "a" * 500_000, id="a part that nearly fits everywhere"),
        pytest.param("*a*aa*aaa*b", "a" * 500_000, id="many stars that could stand anywhere"),
        pytest.param("ab" * 50 + "*" + "ba" * 50, "ab" * 250_000, id="long ends"),
    ],
)
@pytest.mark.timeout(5)  # without backtracking it takes milliseconds
def test_no_text_takes_long(pattern: str, text: str) -> None:
    assert read_wildcard(pattern).accepts(text) is False


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param([["*:*:*:*:*:event-bus/*"]], True, id="many stars between equal characters"),
        pytest.param([["*:*:*:*:event-bus/*"]], False, id="fewer of them"),
        pytest.param([["/Users/*/dir/dir/dir/dir/dir/doc.txt"]], False, id="some repetition"),
        pytest.param([["*" + "a" * 30]], True, id="one long repetition after a star"),
        pytest.param([["a" * 3000 + "*"]], False, id="repetition before the first star"),
        pytest.param([[f"*.{letter}"] for letter in "abcde"], False, id="several wildcards"),
        pytest.param([[f"*.{letter}"] for letter in "abcdef"], True, id="too many wildcards"),
        pytest.param(
            [[f"*.{letter}" for letter in "abcdefghi"]], False, id="more of them in one anything-but"
        ),
    ],
)
def test_complexity_counts_the_places_in_all_wildcards_of_a_field(
    groups: list[list[str]], expected: bool
) -> None:
    assert too_complex([read_wildcard(text) for text in group] for group in groups) is expected
