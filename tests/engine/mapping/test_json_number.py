"""Which numbers can be compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.json_number import InexactNumber, comparable, read_json, read_number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("300", 300, id="an integer"),
        pytest.param("3.0e2", 300, id="with an exponent"),
        pytest.param("-0.0", 0, id="zero has no sign"),
        pytest.param("9007199254740992", 2**53, id="a long integer that a double holds"),
        pytest.param("9007199254740993", InexactNumber("9007199254740993"), id="one that it does not hold"),
        pytest.param("27.807807921694092", 27.807807921694092, id="as many digits as a double has"),
        pytest.param("27.8078079216940921", InexactNumber("27.8078079216940921"), id="one digit more"),
        pytest.param("1E-320", 1e-320, id="a tiny number"),
        pytest.param("1E-325", InexactNumber("1E-325"), id="one that would become zero"),
        pytest.param("0E-999", 0, id="zero however it is written"),
        pytest.param("1E309", InexactNumber("1E309"), id="a huge number"),
        pytest.param("1E99999999999999999999", InexactNumber("1E99999999999999999999"), id="a senseless one"),
        pytest.param("9" * 5000, InexactNumber("9" * 5000), id="thousands of digits"),
    ],
)
def test_numbers_are_read_as_doubles_or_as_they_are_spelled(text: str, expected: object) -> None:
    assert read_number(text) == expected
    value = read_json(text)
    assert (comparable(value) if isinstance(value, int | float) else value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_comparable(number: float) -> None:
    assert read_number(repr(number)) == number


@pytest.mark.parametrize(
    "text",
    ["NaN", "-Infinity", "{", "", "[" * 100_000, f"[{'9' * 5000}, NaN]", f"[{'9' * 5000}, " + "[" * 100_000],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_json(text)
