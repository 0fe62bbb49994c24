"""Attribute values as clients send them."""

from typing import Any

import pytest

from engine.errors import ApiError
from triggers.dynamodb.items.value_check import INVALID, checked, item_size


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(depth):
        value = {"L": [value]}
    return value


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"N": "007"}, {"N": "7"}),
        ({"N": "1.500"}, {"N": "1.5"}),
        ({"N": "-0"}, {"N": "0"}),
        ({"N": "1e3"}, {"N": "1000"}),
        ({"NS": ["1.0", "2"]}, {"NS": ["1", "2"]}),
        ({"M": {"a": {"N": "+3"}}}, {"M": {"a": {"N": "3"}}}),
        ({"S": ""}, {"S": ""}),
        ({"S": "x", "N": None}, {"S": "x"}),
        (nested(31), nested(31)),
    ],
)
def test_values_are_taken(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert checked(given) == expected


EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
SEVERAL = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
    "datatypes"
)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({}, EMPTY, id="nothing"),
        pytest.param({"X": "x"}, EMPTY, id="no such type"),
        pytest.param({"S": "x", "N": "1"}, SEVERAL, id="two types"),
        pytest.param({"S": 5}, "NUMBER_VALUE cannot be converted to String", id="a number as text"),
        pytest.param("x", "Unexpected value type in payload", id="no object"),
        pytest.param({"N": ""}, "The parameter cannot be converted to a numeric value", id="an empty number"),
        pytest.param(
            {"N": "abc"}, "The parameter cannot be converted to a numeric value: abc", id="no number"
        ),
        pytest.param(
            {"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number", id="39 digits"
        ),
        pytest.param(
            {"N": "1e126"},
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
            id="too large",
        ),
        pytest.param(
            {"N": "1e-131"},
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
            id="too small",
        ),
        pytest.param({"SS": []}, f"{INVALID}An string set  may not be empty", id="an empty set"),
        pytest.param(
            {"SS": ["a", "a"]},
            f"{INVALID}Input collection [a, a] contains duplicates.",
            id="a set with twins",
        ),
        pytest.param(
            {"NS": ["1", "1.0"]}, f"{INVALID}Input collection [1, 1] contains duplicates.", id="numbers twice"
        ),
        pytest.param(
            {"NULL": False},
            f"{INVALID}Null attribute value types must have the value of true",
            id="null false",
        ),
        pytest.param(nested(33), "Nesting Levels have exceeded supported limits", id="too deep"),
        pytest.param({"B": "a"}, "'a' can not be converted to a Blob: it is not base64", id="no base64"),
    ],
)
def test_values_are_refused(given: Any, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        checked(given)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"id": {"S": "é"}}, 4),
        ({"n": {"N": "12345"}}, 5),
        ({"n": {"N": "-0.5E-3"}}, 3),
        ({"b": {"B": "AAECAw=="}}, 5),
        ({"t": {"BOOL": True}, "u": {"NULL": True}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"N": "1"}]}}, 10),
        ({"m": {"M": {"k": {"S": "ab"}}}}, 8),
        ({"s": {"SS": ["a", "bc"]}}, 4),
    ],
)
def test_sizes_are_those_of_the_service(item: dict[str, Any], size: int) -> None:
    assert item_size(item) == size
