"""Conditions against items: a table of the rules, and random conditions against two other judges."""

import base64
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.models.dynamo_type import Item as MotoItem

from triggers.dynamodb.expression.bindings import Bindings
from triggers.dynamodb.expression.evaluation import holds
from triggers.dynamodb.expression.parser import parse_condition


def b(raw: bytes) -> dict[str, str]:
    return {"B": base64.b64encode(raw).decode()}


ITEM: dict[str, Any] = {
    "n": {"N": "10"},
    "s": {"S": "hello"},
    "b": b(b"\x01\xff"),
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "l": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"k": {"S": "deep"}}}]},
    "m": {"M": {"k": {"N": "1"}, "dotted.key": {"S": "v"}}},
}
VALUES: dict[str, Any] = {
    ":10": {"N": "1E1"},
    ":9": {"N": "9"},
    ":100": {"N": "100"},
    ":3": {"N": "3"},
    ":hello": {"S": "hello"},
    ":he": {"S": "he"},
    ":a": {"S": "a"},
    ":1": {"N": "1"},
    ":x": {"S": "x"},
    ":deep": {"S": "deep"},
    ":sets": {"SS": ["b", "a"]},
    ":bin": b(b"\xff"),
    ":0f": b(b"\x02"),
    ":true": {"BOOL": True},
    ":null": {"NULL": True},
    ":N": {"S": "N"},
    ":v": {"S": "v"},
    ":map": {"M": {"dotted.key": {"S": "v"}, "k": {"N": "1.0"}}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("n = :10", True, id="numbers are the same however they are written"),
        pytest.param("n > :9", True, id="numbers have the order of numbers"),
        pytest.param("n < :100", True, id="not that of their digits"),
        pytest.param("n = :hello", False, id="another type is not the same"),
        pytest.param("n <> :hello", True, id="another type is different"),
        pytest.param("n > :hello", False, id="types have no order"),
        pytest.param("absent = :10", False, id="what is missing is the same as nothing"),
        pytest.param("absent <> :10", True, id="what is missing differs from everything"),
        pytest.param("absent < :10", False, id="what is missing has no order"),
        pytest.param("NOT absent < :10", True, id="so that NOT of it is true"),
        pytest.param("s > :he", True, id="a longer text comes after"),
        pytest.param("b < :0f", True, id="binary has the order of its bytes"),
        pytest.param("ss = :sets", True, id="sets have no order of elements"),
        pytest.param("m = :map", True, id="maps are the same when their values are"),
        pytest.param("yes = :true AND nothing = :null", True, id="truth and null"),
        pytest.param("l[2].k = :deep", True, id="a path into lists and maps"),
        pytest.param("l[7] = :1", False, id="an index beyond the end"),
        pytest.param("m.#k = :v", True, id="a name with a dot in it"),
        pytest.param("n.k = :1", False, id="a path into what is no map"),
        pytest.param("n BETWEEN :9 AND :100", True, id="between"),
        pytest.param("n BETWEEN :10 AND :10", True, id="bounds belong to it"),
        pytest.param("n IN (:9, :10)", True, id="one of several"),
        pytest.param("n IN (:9, :hello)", False, id="none of several"),
        pytest.param("size(s) = size(s2)", False, id="the size of what is missing"),
        pytest.param("size(s) > :3", True, id="the size of a text"),
        pytest.param("size(l) = :3 AND size(b) < :3", True, id="the sizes of a list and of bytes"),
        pytest.param("size(n) = :1", False, id="a number has no size"),
        pytest.param("attribute_exists(m.k) AND attribute_not_exists(m.z)", True, id="what is there"),
        pytest.param("attribute_type(n, :N) AND NOT attribute_type(s, :N)", True, id="types"),
        pytest.param("begins_with(s, :he)", True, id="a prefix"),
        pytest.param("contains(s, :he) AND contains(b, :bin)", True, id="a part of a text and of bytes"),
        pytest.param("contains(ss, :a) AND contains(ns, :1)", True, id="an element of a set"),
        pytest.param("contains(l, :x) AND NOT contains(l, :a)", True, id="an element of a list"),
        pytest.param("n = :9 AND n = :10 OR s = :hello", True, id="AND binds closer than OR"),
        pytest.param("n = :9 AND (n = :10 OR s = :hello)", False, id="unless there are parentheses"),
        pytest.param("NOT n = :9 AND s = :a", False, id="NOT binds closest"),
    ],
)
def test_a_condition_holds(text: str, expected: bool) -> None:
    assert evaluate(text, ITEM, VALUES) is expected


def evaluate(text: str, item: dict[str, Any], values: dict[str, Any]) -> bool:
    used = {name: value for name, value in values.items() if name in re.findall(r":\w+", text)}
    names = {"#k": "dotted.key"} if "#k" in text else None
    bindings = Bindings(names, used or None)
    bound = bindings.condition(parse_condition(text), "ConditionExpression")
    bindings.finish(has_expression=True, without="ConditionExpression")
    return holds(bound, item)


numbers = st.decimals(-100, 100, allow_nan=False, places=1)
scalars = st.one_of(
    numbers.map(lambda value: {"N": str(value.normalize() + 0)}),
    st.text("ab", max_size=3).map(lambda value: {"S": value}),
)
attributes = st.one_of(
    scalars,
    st.booleans().map(lambda value: {"BOOL": value}),
    st.lists(scalars, max_size=3).map(lambda value: {"L": value}),
    st.lists(st.text("ab", max_size=2), min_size=1, max_size=3, unique=True).map(lambda value: {"SS": value}),
)
items = st.dictionaries(st.sampled_from("pqrs"), attributes, max_size=4)
Judge = Callable[[dict[str, Any]], bool]


def plain(value: dict[str, Any] | None) -> Any:
    """Return a value as Python compares it."""
    if value is None:
        return None
    ((tag, inner),) = value.items()
    if tag == "N":
        return Decimal(inner)
    return [plain(each) for each in inner] if tag == "L" else set(inner) if tag == "SS" else inner


def same_kind(left: Any, right: Any) -> bool:
    return type(left) is type(right) and isinstance(left, Decimal | str)


ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: same_kind(left, right) and left < right,
    "<=": lambda left, right: same_kind(left, right) and left <= right,
    ">": lambda left, right: same_kind(left, right) and left > right,
    ">=": lambda left, right: same_kind(left, right) and left >= right,
    "=": lambda left, right: left is not None and type(left) is type(right) and left == right,
    "<>": lambda left, right: not (left is not None and type(left) is type(right) and left == right),
}


@st.composite
def conditions(draw: st.DrawFn, values: dict[str, Any], depth: int = 3) -> tuple[str, Judge]:
    """Draw a condition, and what says whether it is true; fill `values`."""
    kind = draw(
        st.sampled_from(["compare", "exists", "among", "begins"] + ["not", "and", "or"] * (depth > 0))
    )
    if kind == "not":
        text, judge = draw(conditions(values, depth - 1))
        return f"NOT ({text})", lambda item: not judge(item)
    if kind in ("and", "or"):
        (left, first), (right, second) = (
            draw(conditions(values, depth - 1)),
            draw(conditions(values, depth - 1)),
        )
        if kind == "and":
            return f"({left}) AND ({right})", lambda item: first(item) and second(item)
        return f"({left}) OR ({right})", lambda item: first(item) or second(item)
    name, value = draw(st.sampled_from("pqrs")), draw(scalars)
    mark = f":v{len(values)}"
    if kind == "exists":
        return f"attribute_exists({name})", lambda item: name in item
    values[mark] = value
    if kind == "begins":
        values[mark] = {"S": draw(st.text("ab", max_size=2))}
        prefix = values[mark]["S"]
        return (
            f"begins_with({name}, {mark})",
            lambda item: "S" in item.get(name, {}) and item[name]["S"].startswith(prefix),
        )
    if kind == "among":
        return f"{name} IN ({mark})", lambda item: ORDERS["="](plain(item.get(name)), plain(value))
    operator = draw(st.sampled_from(list(ORDERS)))
    return f"{name} {operator} {mark}", lambda item: ORDERS[operator](plain(item.get(name)), plain(value))


@settings(max_examples=200)
@given(st.data())
def test_random_conditions_agree_with_plain_python(data: st.DataObject) -> None:
    values: dict[str, Any] = {}
    text, judge = data.draw(conditions(values))
    item = data.draw(items)
    bindings = Bindings(None, values or None)
    assert holds(bindings.condition(parse_condition(text), "ConditionExpression"), item) is judge(item)


@settings(max_examples=100)
@given(st.data())
def test_random_conditions_agree_with_moto(data: st.DataObject) -> None:
    values: dict[str, Any] = {}
    text, _ = data.draw(conditions(values, depth=2))
    item = data.draw(st.dictionaries(st.sampled_from("pqrs"), scalars, min_size=4, max_size=4))
    if any(set(value) != set(item[name]) for name in item for value in values.values()):
        return  # moto compares values of two types in ways of its own
    bindings = Bindings(None, values or None)
    mine = holds(bindings.condition(parse_condition(text), "ConditionExpression"), item)
    assert mine is bool(get_filter_expression(text, {}, values).expr(MotoItem(None, None, item)))  # type: ignore[arg-type]
