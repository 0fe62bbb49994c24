import dataclasses
from typing import Any

import pytest

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A value."""

    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Other:
    """Another with the same fields."""

    x: int
    y: int = 0


def test_values_are_equal_by_kind_and_fields() -> None:
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point(2)
    other: object = Other(1)
    assert Point(1) != other
    assert len({Point(1), Point(1, 0), Other(1)}) == 2


def test_values_print_as_they_are_written() -> None:
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"


def test_values_are_slotted_and_known_to_the_standard_library() -> None:
    assert not hasattr(Point(1), "__dict__")
    assert dataclasses.replace(Point(1), y=5) == Point(1, 5)
    assert dataclasses.asdict(Point(1)) == {"x": 1, "y": 0}


def test_values_match_by_position() -> None:
    match Point(3, 4):
        case Point(x, y):
            assert (x, y) == (3, 4)


@dataclass(frozen=True, slots=True)
class Base:
    """What both have."""

    name: str


@dataclass(frozen=True, slots=True)
class Derived(Base):
    """A value with every kind of field."""

    parts: list[int] = dataclasses.field(default_factory=list)
    size: int = 3


def test_values_take_their_fields_by_position_and_by_name_with_defaults() -> None:
    first, second = Derived("a"), Derived(name="b", size=4)
    assert (first.name, first.parts, first.size) == ("a", [], 3)
    assert (second.name, second.parts, second.size) == ("b", [], 4)
    assert first.parts is not second.parts
    assert Base("a") != first


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        pytest.param((), {}, "missing 1 required positional argument: 'name'", id="too few"),
        pytest.param(("a",), {"other": 1}, "unexpected keyword argument 'other'", id="a wrong name"),
    ],
)
def test_the_first_value_of_a_kind_is_refused_as_any_other(
    arguments: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    @dataclass(frozen=True, slots=True)
    class Late:
        """A kind of which no value has been made."""

        name: str

    with pytest.raises(TypeError, match=message):
        Late(*arguments, **named)
    assert Late("a").name == "a"
