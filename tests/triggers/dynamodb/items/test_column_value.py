"""What real columns of SQLite keep of attribute values."""

import base64
import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.dynamodb.attribute_value import NUMBER_TYPE, encoder
from triggers.dynamodb.items.column_value import DoesNotFit, keeper
from triggers.dynamodb.items.value_check import checked, checked_number

DECLARED = [
    "TEXT",
    "VARCHAR(20)",
    "INTEGER",
    "REAL",
    "NUMERIC",
    "DATETIME",
    "BOOLEAN",
    "JSON",
    "BLOB",
    "",
    NUMBER_TYPE,
    "STRING_SET",
    "NUMBER_SET",
    "BINARY_SET",
]
BIG = "12345678901234567890123456789012345678"


def kept(declared: str, attribute: dict[str, Any], *, keeps_null: bool = False) -> dict[str, Any] | None:
    """Put an attribute value into a column and read it back; None for one that does not fit."""
    try:
        value = keeper(declared, keeps_null=keeps_null)(attribute)
    except DoesNotFit:
        return None
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t (c {declared})")
    connection.execute("INSERT INTO t VALUES (?)", (value,))
    (read,) = connection.execute("SELECT c FROM t").fetchone()
    connection.close()
    return encoder(declared)(read)[0]


@pytest.mark.parametrize(
    ("declared", "attribute", "fits"),
    [
        pytest.param("TEXT", {"S": "x\x00y"}, True, id="text in a text column"),
        pytest.param("TEXT", {"N": "5"}, False, id="a number would become text"),
        pytest.param("INTEGER", {"N": "9223372036854775807"}, True, id="the largest integer"),
        pytest.param("INTEGER", {"N": "9223372036854775808"}, False, id="one more"),
        pytest.param("INTEGER", {"N": BIG}, False, id="38 digits in an integer column"),
        pytest.param("INTEGER", {"S": "5"}, False, id="text of digits would become a number"),
        pytest.param("INTEGER", {"S": "five"}, True, id="other text stays text"),
        pytest.param("DATETIME", {"S": "2026-01-01"}, True, id="a date is text"),
        pytest.param("REAL", {"N": "0.1"}, True, id="a decimal number that a float stands for"),
        pytest.param("REAL", {"N": "0.12345678901234567890"}, False, id="one that no float stands for"),
        pytest.param(NUMBER_TYPE, {"N": BIG}, True, id="38 digits in a column for them"),
        pytest.param(NUMBER_TYPE, {"S": "5"}, False, id="text in that column"),
        pytest.param("BOOLEAN", {"BOOL": True}, True, id="a truth"),
        pytest.param("BOOLEAN", {"N": "1"}, False, id="a number that would become a truth"),
        pytest.param("JSON", {"M": {"a": {"L": [{"N": "0.10000000000000000001"}]}}}, True, id="a document"),
        pytest.param("JSON", {"S": "5"}, True, id="a text in JSON"),
        pytest.param("JSON", {"M": {"a": {"SS": ["x"]}}}, False, id="a set within JSON"),
        pytest.param("JSON", {"L": [{"B": "AA=="}]}, False, id="binary within JSON"),
        pytest.param("STRING_SET", {"SS": ["a", "b"]}, True, id="a set of texts"),
        pytest.param("BINARY_SET", {"BS": ["AA=="]}, True, id="a set of binaries"),
        pytest.param("STRING_SET", {"NS": ["1"]}, False, id="a set of numbers among texts"),
        pytest.param("BLOB", {"B": "AAE="}, True, id="binary"),
        pytest.param("TEXT", {"NULL": True}, False, id="null where it means that nothing is there"),
    ],
)
def test_what_a_column_keeps(declared: str, attribute: dict[str, Any], fits: bool) -> None:
    assert kept(declared, attribute) == (attribute if fits else None)


def test_a_null_is_kept_where_null_is_a_value() -> None:
    assert kept("TEXT", {"NULL": True}, keeps_null=True) == {"NULL": True}


digits = st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**17), max_value=10**17)
floats = st.floats(-1e100, 1e100).filter(lambda value: not 0 < abs(value) < 1e-130)
numbers = st.one_of(
    st.integers(-(10**37), 10**37).map(str),
    digits.map(str),
    floats.map(repr),
).map(lambda text: {"N": checked_number(text)})
texts = st.one_of(st.text(max_size=5), st.from_regex(r"[-+ ]?\d{0,3}\.?\d{0,2}e?\d?", fullmatch=True)).map(
    lambda text: {"S": text}
)
scalars = st.one_of(
    numbers,
    texts,
    st.binary(max_size=5).map(lambda raw: {"B": base64.b64encode(raw).decode()}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
)
sets = st.lists(st.text(max_size=3), min_size=1, max_size=3, unique=True).map(lambda value: {"SS": value})
values = st.recursive(
    st.one_of(scalars, sets),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda value: {"L": value}),
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(lambda value: {"M": value}),
    ),
    max_leaves=5,
)


@settings(max_examples=300)
@given(st.sampled_from(DECLARED), values)
def test_what_a_column_takes_it_gives_back(declared: str, attribute: dict[str, Any]) -> None:
    attribute = checked(attribute)
    assert kept(declared, attribute) in (None, attribute)
