"""Random input for an operation: shaped as its model says, with hostile values here and there."""

from collections.abc import Callable, Sequence
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape
from hypothesis import strategies as st

from tests.fuzz.names import MAP_KEYS, MAP_VALUES, PLAUSIBLE, Names, listed

DEEPEST = 6
DICE = st.integers(0, 99)
WAITING = frozenset(
    {"WaitTimeSeconds", "ReceiveMessageWaitTimeSeconds"}
)  # a waiting request holds up the rest

TEXTS = ["a", "made", "other", "x1", "A-b_c", "1", "true"]
HOSTILE_TEXTS = [
    "",
    " ",
    "a/b",
    "../../../etc/passwd",
    "a\x00b",
    "\r\nX-Injected: 1\r\n",
    "\x1b[31m",
    "\ufffe\uffff",
    "漢字🦉",
    "\ud800",
    "e\u0301",
    "';--",
    "%s%n{0}${x}",
    "<a>&amp;]]>",
    "*",
    "$LATEST",
    "arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST:1",
    "arn:aws:sqs:us-east-1::",
    "https://example.com/",
    "-1",
    "1e999",
    "null",
    "x" * 65,
    "x" * 257,
    "x" * 1025,
    "é" * 2049,
    "x" * 70_000,
    "x" * 300_000,
]
HOSTILE_NUMBERS = [
    0,
    -1,
    1,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**30,
    0.5,
    float("nan"),
    float("inf"),
    1e308,
]
MOMENTS = [0, 1, 1_767_225_600, 1_900_000_000.123, -1, 253_402_300_800, 1e300, 2**63]


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    """Return a value within so many others."""
    value: Any = None
    for _ in range(depth):
        value = wrap(value)
    return value


HOSTILE_VALUES: Sequence[Any] = [
    None,
    True,
    False,
    [],
    {},
    [None],
    [[]],
    {"": ""},
    {"S": 1},
    {"a": None},
    [{}, "a", 1],
    nested(100, lambda value: [value]),
    nested(100, lambda value: {"M": {"a": value}}),
    nested(600, lambda value: {"L": [value]}),  # more than is taken; json of Python 3.12 writes up to 748
    [1] * 10_000,
    *HOSTILE_NUMBERS,
    *HOSTILE_TEXTS,
]


class Values:
    """Draws the input of one request.

    Of a hundred values, `hostile` are not what the model says, or at its limits.
    """

    def __init__(self, draw: Callable[..., Any], service: str, names: Names, hostile: int) -> None:
        self._draw = draw
        self._service = service
        self._names = names
        self._hostile = hostile

    def input(self, operation: OperationModel) -> dict[str, Any]:
        """Return the members of an operation's input, some of them missing."""
        if operation.input_shape is None:
            return {}
        return self._structure(operation.input_shape, 0)

    def _chance(self, percent: int) -> bool:
        return bool(self._draw(DICE) < percent)

    def _one_of(self, values: Sequence[Any]) -> Any:
        # The range is fixed, so that the same draws are made whatever has been answered so far.
        return values[self._draw(DICE) % len(values)]

    def _value(self, shape: Shape, member: str, depth: int) -> Any:
        if self._chance(self._hostile):
            return self._hostile_value(shape)
        match shape:
            case StructureShape():
                return self._structure(shape, depth)
            case ListShape():
                return self._list(shape, member, depth)
            case MapShape():
                return self._map(shape, member, depth)
            case StringShape():
                return self._text(shape, member)
        match shape.type_name:
            case "boolean":
                return self._chance(50)
            case "timestamp":
                return self._one_of(MOMENTS)
            case "blob":
                return self._blob(member)
            case _:
                return self._number(shape, member)

    def _structure(self, shape: StructureShape, depth: int) -> dict[str, Any]:
        members = list(shape.members.items())
        if _is_union(shape):
            name, inner = self._one_of(members)
            return {name: self._value(inner, name, depth + 1)}
        share = 40 if depth == 0 else 25 if depth < DEEPEST else 0
        found = {}
        for name, inner in members:
            likely = 100 - self._hostile // 4 if name in shape.required_members else share
            if self._chance(likely) and (
                depth < DEEPEST or inner.type_name not in ("structure", "list", "map")
            ):
                found[name] = self._value(inner, name, depth + 1)
        return found

    def _list(self, shape: ListShape, member: str, depth: int) -> list[Any]:
        least = shape.metadata.get("min", 0)
        count = min(least + self._draw(DICE) % 3, 10) if depth < DEEPEST else 0
        return [self._value(shape.member, member, depth + 1) for _ in range(count)]

    def _map(self, shape: MapShape, member: str, depth: int) -> dict[str, Any]:
        keys = listed(MAP_KEYS, self._service, member) or TEXTS
        texts = listed(MAP_VALUES, self._service, member)
        if depth >= DEEPEST:
            return {}
        found = {}
        for _ in range(self._draw(DICE) % 4):
            key = self._one_of(HOSTILE_TEXTS) if self._chance(self._hostile) else self._one_of(keys)
            found[key] = self._one_of(texts) if texts else self._value(shape.value, str(key), depth + 1)
        return found

    def _number(self, shape: Shape, member: str) -> Any:
        if member in WAITING:
            return 0
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 1_000)
        return self._one_of([least, most, min(least + 1, most), max(most - 1, least), min(10, most)])

    def _blob(self, member: str) -> bytes:
        value = self._one_of(
            listed(PLAUSIBLE, self._service, member) or [b"", b"a", b"\x00\xff", b"x" * 1_000]
        )
        return value if isinstance(value, bytes) else str(value).encode()

    def _text(self, shape: StringShape, member: str) -> Any:
        if shape.enum:
            return self._one_of(shape.enum)
        plausible = listed(PLAUSIBLE, self._service, member)
        answered = self._names.answered(member)
        # Drawn in any case: what was answered must not change what is drawn after.
        number, wants_answered = self._draw(DICE), self._chance(50 if plausible else 80)
        if answered and wants_answered:
            return answered[number % len(answered)]
        if plausible:
            return plausible[number % len(plausible)]
        text = TEXTS[number % len(TEXTS)]
        return text.ljust(min(shape.metadata.get("min", 0), 2_000), "x")

    def _hostile_value(self, shape: Shape) -> Any:
        limits = [shape.metadata[name] for name in ("min", "max") if name in shape.metadata]
        near = [each + step for each in limits for step in (-1, 0, 1) if 0 <= each + step <= 300_000]
        if near and self._chance(40):
            number = self._one_of(near)
            match shape.type_name:
                case "string":
                    return "x" * number
                case "list":
                    return ["x"] * min(number, 10_000)
                case "blob":
                    return b"x" * number
                case _:
                    return number
        return self._one_of(HOSTILE_VALUES)


def _is_union(shape: StructureShape) -> bool:
    return shape.is_tagged_union or shape.name == "AttributeValue"
