import dataclasses

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
