"""Keys in event records."""

import json
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.s3.key_encoding import encode_key


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        pytest.param("red flower.jpg", "red+flower.jpg", id="a space becomes a plus"),
        pytest.param("a@b", "a%40b", id="an at sign is encoded"),
        pytest.param("a+b", "a%2Bb", id="a plus is encoded"),
        pytest.param("a/b/c.txt", "a/b/c.txt", id="slashes stay"),
        pytest.param("x(1)~.*_-", "x%281%29%7E.*_-", id="form encoding keeps . * _ - and encodes ~"),
        pytest.param("é", "%C3%A9", id="UTF-8"),
    ],
)
def test_keys_are_form_encoded(key: str, encoded: str) -> None:
    assert encode_key(key) == encoded


@given(st.text(st.characters(codec="utf-8")))
def test_unquote_plus_gives_the_key_back(key: str) -> None:
    assert unquote_plus(encode_key(key)) == key


def test_conformance_cases(shared: Path) -> None:
    cases = [json.loads(line) for line in (shared / "cases/s3_keys.jsonl").read_text().splitlines()]
    assert [(case["key"], encode_key(case["key"])) for case in cases] == [
        (case["key"], case["encoded"]) for case in cases
    ]
