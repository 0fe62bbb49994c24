"""Attribute values of SQLite values, their sizes, and the way back."""

import base64
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.dynamodb.attribute_value import NotRepresentable, decode, encode, encoder, number


@pytest.mark.parametrize(
    ("value", "attribute", "size"),
    [
        pytest.param("hello world", {"S": "hello world"}, 11, id="text"),
        pytest.param("äß", {"S": "äß"}, 4, id="the size of text is that of its UTF-8"),
        pytest.param("", {"S": ""}, 0, id="empty text"),
        pytest.param(42, {"N": "42"}, 2, id="two digits are a byte, and one more"),
        pytest.param(-42, {"N": "-42"}, 2, id="negative"),
        pytest.param(100, {"N": "100"}, 2, id="zeros at the end do not count"),
        pytest.param(0, {"N": "0"}, 1, id="zero"),
        pytest.param(2**63 - 1, {"N": "9223372036854775807"}, 11, id="the largest integer"),
        pytest.param(-(2**63), {"N": "-9223372036854775808"}, 11, id="the smallest integer"),
        pytest.param(1.5, {"N": "1.5"}, 2, id="a real number"),
        pytest.param(0.1, {"N": "0.1"}, 2, id="the shortest text of a real number"),
        pytest.param(3.0, {"N": "3"}, 2, id="a whole real number"),
        pytest.param(-0.0, {"N": "0"}, 1, id="minus zero"),
        pytest.param(1e22, {"N": "10000000000000000000000"}, 2, id="digits while they are few"),
        pytest.param(1e100, {"N": "1E+100"}, 2, id="an exponent for many"),
        pytest.param(1.25e-7, {"N": "0.000000125"}, 3, id="a small number"),
        pytest.param(1.5e-100, {"N": "1.5E-100"}, 2, id="a very small number"),
        pytest.param(b"\x00\xff", {"B": "AP8="}, 2, id="a blob"),
        pytest.param(None, {"NULL": True}, 1, id="NULL"),
    ],
)
def test_storage_classes_become_attribute_values(value: Any, attribute: dict[str, Any], size: int) -> None:
    assert encode(value) == (attribute, size)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e126, 1e-131, 5e-324])
def test_numbers_that_dynamodb_does_not_have_are_refused(value: float) -> None:
    with pytest.raises(NotRepresentable):
        encode(value)


@pytest.mark.parametrize(
    ("declared", "value", "attribute"),
    [
        pytest.param("BOOLEAN", 1, {"BOOL": True}, id="a boolean"),
        pytest.param("bool", 0, {"BOOL": False}, id="in small letters"),
        pytest.param("BOOLEAN", 2, {"N": "2"}, id="a boolean that is none"),
        pytest.param("BOOLEAN", 1.0, {"N": "1"}, id="a boolean that is a real number"),
        pytest.param("DECIMAL(10,2)", "1.50", {"N": "1.5"}, id="decimal text"),
        pytest.param("numeric", " -007 ", {"N": "-7"}, id="numeric text"),
        pytest.param("DECIMAL", "1e3", {"N": "1000"}, id="decimal text with an exponent"),
        pytest.param("DECIMAL", "abc", {"S": "abc"}, id="decimal text that is no number"),
        pytest.param("DECIMAL", "1" * 39, {"S": "1" * 39}, id="more digits than DynamoDB has"),
        pytest.param("DECIMAL", "NaN", {"S": "NaN"}, id="not a number"),
        pytest.param("TEXT", "1", {"S": "1"}, id="text stays text"),
        pytest.param("STRING SET", '["a", "b", "a"]', {"SS": ["a", "b"]}, id="a string set"),
        pytest.param("STRING SET", "[]", {"S": "[]"}, id="there is no empty set"),
        pytest.param("STRING SET", '["a", 1]', {"S": '["a", 1]'}, id="a set of one kind only"),
        pytest.param("number_set", "[1, 2.50, 1.0]", {"NS": ["1", "2.5"]}, id="a number set"),
        pytest.param("NUMBER SET", "[true]", {"S": "[true]"}, id="true is no number"),
        pytest.param("JSON", "null", {"NULL": True}, id="JSON null"),
        pytest.param("JSON", '"x"', {"S": "x"}, id="a JSON string"),
        pytest.param(
            "JSON", "12345678901234567890.5", {"N": "12345678901234567890.5"}, id="every digit counts"
        ),
        pytest.param("JSON", "{not json", {"S": "{not json"}, id="what is no JSON is text"),
        pytest.param("JSON", "[NaN]", {"S": "[NaN]"}, id="NaN is no JSON"),
        pytest.param(
            "JSON", "[1e999]", {"S": "[1e999]"}, id="JSON with a number that DynamoDB does not have"
        ),
        pytest.param("JSON", "[" * 33 + "]" * 33, {"S": "[" * 33 + "]" * 33}, id="too deep for DynamoDB"),
        pytest.param(
            "JSON", "[" * 5000 + "]" * 5000, {"S": "[" * 5000 + "]" * 5000}, id="too deep for anybody"
        ),
        pytest.param("JSON", 5, {"N": "5"}, id="a number in a JSON column"),
        pytest.param("JSON", b"x", {"B": "eA=="}, id="a blob in a JSON column"),
        pytest.param(
            "JSON",
            '{"a": [1, true, null, "s"], "b": {}}',
            {"M": {"a": {"L": [{"N": "1"}, {"BOOL": True}, {"NULL": True}, {"S": "s"}]}, "b": {"M": {}}}},
            id="maps and lists",
        ),
    ],
)
def test_the_declared_type_decides_what_else_a_value_may_be(
    declared: str, value: Any, attribute: dict[str, Any]
) -> None:
    assert encoder(declared)(value)[0] == attribute


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("[]", 3, id="an empty list"),
        pytest.param("{}", 3, id="an empty map"),
        pytest.param('["ab", 1]', 3 + 2 + 1 + 2 + 1, id="elements, and one byte for each"),
        pytest.param('{"ab": "c"}', 3 + 2 + 1 + 1, id="names count in maps"),
    ],
)
def test_documents_have_the_sizes_that_dynamodb_counts(text: str, size: int) -> None:
    assert encoder("JSON")(text)[1] == size


@given(st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1), st.binary(), st.none()))
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert decode(encode(value)[0]) == value


@given(
    st.floats(allow_nan=False, allow_infinity=False).filter(
        lambda value: value == 0 or 1e-130 <= abs(value) < 1e125
    )
)
def test_a_real_number_comes_back_as_it_was(value: float) -> None:
    attribute, size = encode(value)
    assert float(attribute["N"]) == value
    assert (attribute, size) == number(Decimal(repr(value)))


def test_documents_and_sets_come_back_as_json() -> None:
    assert decode({"M": {"a": {"L": [{"N": "1"}, {"N": "1.5"}, {"BOOL": True}, {"NULL": True}]}}}) == (
        '{"a": [1, 1.5, true, null]}'
    )
    assert decode({"SS": ["a", "b"]}) == '["a", "b"]'
    assert decode({"NS": ["1", "2.5"]}) == "[1, 2.5]"
    assert decode({"B": base64.b64encode(b"x").decode()}) == b"x"
