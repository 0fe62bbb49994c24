"""Update expressions and projections against items."""

from typing import Any

import pytest

from engine.errors import ValidationFailed
from triggers.dynamodb.expression.bindings import Bindings
from triggers.dynamodb.expression.parser import parse_projection, parse_update
from triggers.dynamodb.expression.projection import project
from triggers.dynamodb.expression.update import NO_ATTRIBUTE, NO_SUCH_PLACE, WRONG_TYPE, updated


def n(number: object) -> dict[str, str]:
    return {"N": str(number)}


ITEM: dict[str, Any] = {
    "n": n(5),
    "s": {"S": "x"},
    "l": {"L": [n(0), n(1), n(2), n(3)]},
    "m": {"M": {"k": n(1), "deep": {"L": [{"M": {"z": n(9)}}]}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1"]},
}
VALUES: dict[str, Any] = {
    ":1": n(1),
    ":tenth": n("0.1"),
    ":big": n("1" * 38),
    ":s": {"S": "y"},
    ":list": {"L": [n(7)]},
    ":sets": {"SS": ["b", "c"]},
    ":both": {"SS": ["a", "b"]},
    ":numbers": {"NS": ["2"]},
    ":map": {"M": {}},
}


def apply(text: str) -> dict[str, Any]:
    before = repr(ITEM)
    after = updated(ITEM, Bindings(None, VALUES).changes(parse_update(text)))
    assert repr(ITEM) == before, "the item itself is as it was"
    return after


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        pytest.param("SET n = :1, fresh = :s", {"n": n(1), "fresh": {"S": "y"}}, id="values are set"),
        pytest.param("SET n = n + :tenth", {"n": n("5.1")}, id="decimal numbers add up exactly"),
        pytest.param("SET n = :1 - n", {"n": n(-4)}, id="a difference"),
        pytest.param("SET n = :big + :tenth", {"n": n("1" * 38)}, id="38 digits are kept"),
        pytest.param(
            "SET n = s, s = n", {"n": {"S": "x"}, "s": n(5)}, id="operands are worth what they were"
        ),
        pytest.param("SET n = if_not_exists(n, :1)", {}, id="what exists stays"),
        pytest.param("SET q = if_not_exists(q, :1) + :1", {"q": n(2)}, id="a counter begins"),
        pytest.param("SET l = list_append(l, :list)", {"l": {"L": [*map(n, range(4)), n(7)]}}, id="append"),
        pytest.param("SET l = list_append(:list, l)", {"l": {"L": [n(7), *map(n, range(4))]}}, id="prepend"),
        pytest.param(
            "SET l[1] = :s, l[9] = :1, l[8] = :tenth",
            {"l": {"L": [n(0), {"S": "y"}, n(2), n(3), n("0.1"), n(1)]}},
            id="elements beyond the end are appended in their order",
        ),
        pytest.param("REMOVE l[0], l[2]", {"l": {"L": [n(1), n(3)]}}, id="indexes are those of before"),
        pytest.param("REMOVE l[9]", {}, id="nothing at an index"),
        pytest.param("REMOVE s, nothing", {"s": None}, id="attributes are removed"),
        pytest.param(
            "SET m.deep[0].z = :1 REMOVE m.k",
            {"m": {"M": {"deep": {"L": [{"M": {"z": n(1)}}]}}}},
            id="deep inside",
        ),
        pytest.param("ADD n :1, q :1", {"n": n(6), "q": n(1)}, id="ADD counts"),
        pytest.param(
            "ADD ss :sets, t :sets", {"ss": {"SS": ["a", "b", "c"]}, "t": {"SS": ["b", "c"]}}, id="ADD joins"
        ),
        pytest.param("ADD ns :numbers", {"ns": {"NS": ["1", "2"]}}, id="ADD joins numbers"),
        pytest.param("DELETE ss :sets, t :sets", {"ss": {"SS": ["a"]}}, id="DELETE takes elements away"),
        pytest.param("DELETE ss :both", {"ss": None}, id="no set is empty"),
    ],
)
def test_an_update(text: str, changed: dict[str, Any]) -> None:
    expected = {**ITEM, **changed}
    assert apply(text) == {name: value for name, value in expected.items() if value is not None}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("SET q = nothing", NO_ATTRIBUTE, id="an operand that is not there"),
        pytest.param("SET q = nothing + :1", NO_ATTRIBUTE, id="a sum with nothing"),
        pytest.param("SET n = n + s", WRONG_TYPE, id="a sum with a text"),
        pytest.param("SET l = list_append(l, n)", WRONG_TYPE, id="a list of a number"),
        pytest.param("ADD s :1", WRONG_TYPE, id="counting a text"),
        pytest.param("DELETE ns :sets", WRONG_TYPE, id="texts of a set of numbers"),
        pytest.param("SET q.z = :1", NO_SUCH_PLACE, id="a map that is not there"),
        pytest.param("SET n.z = :1", NO_SUCH_PLACE, id="a number as a map"),
        pytest.param("SET m[0] = :1", NO_SUCH_PLACE, id="a map as a list"),
        pytest.param("REMOVE q.z", NO_SUCH_PLACE, id="removing inside of nothing"),
    ],
)
def test_an_update_that_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        apply(text)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("n, q", {"n": n(5)}, id="what is there"),
        pytest.param("m.k", {"m": {"M": {"k": n(1)}}}, id="a part of a map"),
        pytest.param("l[3], l[1]", {"l": {"L": [n(1), n(3)]}}, id="elements close up in their order"),
        pytest.param(
            "m.deep[0].z, m.q", {"m": {"M": {"deep": {"L": [{"M": {"z": n(9)}}]}}}}, id="deep inside"
        ),
        pytest.param("m.q, l[9], n.k", {}, id="nothing of what is not there"),
    ],
)
def test_a_projection(text: str, expected: dict[str, Any]) -> None:
    assert project(ITEM, Bindings(None, None).projection(parse_projection(text))) == expected
