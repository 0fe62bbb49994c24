"""What event patterns match, and what they say about it."""

import json
from typing import Any

import pytest

from engine.mapping.event_pattern import Finding, compile_pattern
from engine.mapping.json_number import read_json


def matches(pattern: str, event: str) -> bool:
    return compile_pattern(pattern).matches(read_json(event))


@pytest.mark.parametrize(
    ("allowed", "value", "expected"),
    [
        pytest.param('["a", "b"]', '"b"', True, id="one of several is enough"),
        pytest.param('["a"]', '"A"', False, id="text has its case"),
        pytest.param("[null]", "null", True, id="null is null"),
        pytest.param("[null]", '"null"', False, id="and no text"),
        pytest.param("[1]", "true", False, id="true is not 1"),
        pytest.param("[true]", "1", False, id="and 1 is not true"),
        pytest.param("[300]", "3.0e2", True, id="numbers are equal by value"),
        pytest.param('["300"]', "300", False, id="text is no number"),
        pytest.param("[9007199254740993]", "9007199254740993", True, id="a long number equals its spelling"),
        pytest.param("[9007199254740993]", "9007199254740992", False, id="and not the double nearest to it"),
        pytest.param("[1e400]", "1e400", True, id="a huge number equals its spelling"),
        pytest.param('["2001:db8::1"]', '"2001:0DB8:0::0001"', True, id="addresses are equal by value"),
        pytest.param('[{"prefix": ""}]', '""', True, id="every text begins with nothing"),
        pytest.param('[{"prefix": "1"}]', "12", False, id="a number has no prefix"),
        pytest.param('[{"prefix": {"equals-ignore-case": "ÀB"}}]', '"àbc"', True, id="a prefix in any case"),
        pytest.param(
            '[{"suffix": {"equals-ignore-case": ".PNG"}}]', '"a.png"', True, id="a suffix in any case"
        ),
        pytest.param(
            '[{"suffix": {"equals-ignore-case": "straße"}}]', '"HAUPTSTRASSE"', True, id="ß is SS in capitals"
        ),
        pytest.param('[{"equals-ignore-case": "a.c"}]', '"ABC"', False, id="a dot is a dot in any case"),
        pytest.param('[{"wildcard": "a*b*c"}]', '"aXbYc"', True, id="stars stand for anything"),
        pytest.param('[{"wildcard": "aa*aa"}]', '"aaa"', False, id="the ends of a wildcard do not overlap"),
        pytest.param(r'[{"wildcard": "a\\*"}]', '"a*"', True, id="an escaped star is a star"),
        pytest.param('[{"wildcard": ""}]', '"x"', False, id="an empty wildcard is the empty text"),
        pytest.param('[{"anything-but": "a"}]', "null", True, id="null is anything but a text"),
        pytest.param('[{"anything-but": [1, 2]}]', '"1"', True, id="text is anything but a number"),
        pytest.param('[{"anything-but": 5}]', "5.0", False, id="anything-but compares numbers by value"),
        pytest.param('[{"anything-but": {"prefix": ["x", "y"]}}]', '"ya"', False, id="a refused prefix"),
        pytest.param(
            '[{"anything-but": {"suffix": ".txt"}}]', "7", True, id="a number has no refused suffix"
        ),
        pytest.param(
            '[{"anything-but": {"equals-ignore-case": "No"}}]', '"NO"', False, id="refused in any case"
        ),
        pytest.param('[{"anything-but": {"wildcard": "*x*"}}]', '"axb"', False, id="a refused wildcard"),
        pytest.param('[{"numeric": [">", 0, "<=", 5]}]', "5", True, id="a closed bound belongs to the range"),
        pytest.param('[{"numeric": [">", 0, "<=", 5]}]', "0.0", False, id="an open bound does not"),
        pytest.param('[{"numeric": [">=", 0, "<", 5]}]', "0", True, id="the lower bound may be closed"),
        pytest.param('[{"numeric": [">=", 0, "<", 5]}]', "5.0", False, id="and the upper one open"),
        pytest.param('[{"numeric": ["=", 301.8]}]', "3.018e2", True, id="a numeric equality"),
        pytest.param('[{"numeric": [">", 0]}]', '"300"', False, id="a range has no text"),
        pytest.param('[{"numeric": [">", 0]}]', "true", False, id="and no true"),
        pytest.param('[{"numeric": [">", 0]}]', "1e400", False, id="a number beyond doubles is in no range"),
        pytest.param('[{"cidr": "10.0.0.7/24"}]', '"10.0.0.0"', True, id="a block begins at its mask"),
        pytest.param('[{"cidr": "10.0.0.0/24"}]', '"10.0.1.0"', False, id="a block ends"),
        pytest.param('[{"cidr": "2001:db8::/32"}]', '"2001:db8:ffff::"', True, id="an IPv6 block"),
        pytest.param('[{"cidr": "::/0"}]', '"10.0.0.1"', False, id="an IPv4 address is in no IPv6 block"),
        pytest.param(
            '[{"cidr": "10.0.0.0/8"}]', '"10.0.0.256"', False, id="what is no address is in no block"
        ),
        pytest.param('[{"exists": true}]', "null", True, id="null exists"),
        pytest.param('[{"exists": true}]', "[]", False, id="an empty array does not"),
        pytest.param('[{"exists": true}]', '{"b": 1}', False, id="nor does an object"),
        pytest.param('[{"exists": false}]', '{"b": 1}', True, id="an object is not a field"),
        pytest.param('["x", {"exists": false}]', '"y"', False, id="absent or one value"),
        pytest.param('[{"exactly": "x"}]', '"x"', True, id="exactly is an equality"),
        pytest.param('["b"]', '["a", ["b"]]', True, id="an element of an array, however deep"),
        pytest.param('[{"anything-but": "a"}]', '["a", "b"]', True, id="one element that differs is enough"),
    ],
)
def test_a_field_is_compared_with_what_the_pattern_allows(allowed: str, value: str, expected: bool) -> None:
    assert matches(f'{{"a": {allowed}}}', f'{{"a": {value}}}') is expected


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        pytest.param('{"a": ["x"], "b": ["y"]}', '{"a": "x"}', False, id="all fields have to match"),
        pytest.param(
            '{"a": {"b": ["x"]}}', '{"a": {"b": "x", "c": 1}, "d": 2}', True, id="others do not matter"
        ),
        pytest.param('{"a.b": ["x"]}', '{"a": {"b": "x"}}', True, id="a dotted key goes into objects"),
        pytest.param('{"a": {"b": ["x"]}}', '{"a.b": "x"}', True, id="and the event may have it"),
        pytest.param('{"a": {"b.c": ["x"]}}', '{"a.b": {"c": "x"}}', True, id="wherever its dots are"),
        pytest.param('{"a": ["y"], "a": ["z"]}', '{"a": "z"}', True, id="the last of two equal keys counts"),
        pytest.param('{"a": ["y"], "a": ["z"]}', '{"a": "y"}', False, id="and the first does not"),
        pytest.param(
            '{"a": {"x": [1]}, "a": {"y": [2]}}', '{"a": {"y": 2}}', False, id="paths are keys as a whole"
        ),
        pytest.param(
            '{"a": {"b": [{"exists": false}]}}', "{}", True, id="without a parent a field is absent"
        ),
        pytest.param('{"$or": [{"a": [1]}, {"b": [2]}]}', '{"b": 2}', True, id="either alternative"),
        pytest.param('{"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}', '{"b": 2}', False, id="and its siblings"),
        pytest.param(
            '{"d": {"$or": [{"a": [1], "$or": [{"b": [2]}, {"c": [3]}]}, {"e": [4]}]}}',
            '{"d": {"a": 1, "c": 3}}',
            True,
            id="alternatives within an alternative",
        ),
        pytest.param('{"$or": ["x"]}', '{"$or": "x"}', True, id="$or of no objects is a field"),
        pytest.param('{"$or": {"a": ["x"]}}', '{"$or": {"a": "x"}}', True, id="and so is an object"),
        pytest.param(
            '{"$or": [{"prefix": "a"}, {"suffix": "b"}]}',
            '{"$or": "ab"}',
            True,
            id="$or of operators is a field",
        ),
        pytest.param('{"a": [{"exists": false}]}', "[]", False, id="an event is an object"),
    ],
)
def test_fields_combine(pattern: str, event: str, expected: bool) -> None:
    assert matches(pattern, event) is expected


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        pytest.param(
            '{"a": {"b": ["x"], "c": ["y"]}}',
            '{"a": [{"b": "x", "c": "n"}, {"b": "n", "c": "y"}]}',
            False,
            id="fields of two elements do not match together",
        ),
        pytest.param(
            '{"a": {"b": ["x"], "c": ["y"]}}',
            '{"a": [{"b": "n", "c": "y"}, {"b": "x", "c": "y"}]}',
            True,
            id="those of one element do",
        ),
        pytest.param(
            '{"a": {"b": ["x"], "c": ["y"]}}',
            '{"a": [{"b": "x"}, {"b": "x", "c": "y"}, {"b": "x"}]}',
            True,
            id="whichever element it is",
        ),
        pytest.param(
            '{"a": {"b": ["x"]}, "d": {"b": ["x"]}}',
            '{"a": [{}, {"b": "x"}], "d": [{"b": "x"}]}',
            True,
            id="arrays side by side do not bind each other",
        ),
        pytest.param(
            '{"a": {"b": ["x"], "c": ["y"]}}',
            '{"a": [[{"b": "x"}, {"c": "y"}], [{"b": "x"}]]}',
            False,
            id="an element of an array in an array binds too",
        ),
        pytest.param(
            '{"a": {"b": ["x"], "c": {"d": ["y"], "e": ["z"]}}}',
            '{"a": [{"b": "x", "c": [{"d": "y"}, {"d": "y", "e": "z"}]}]}',
            True,
            id="an inner array is chosen for itself",
        ),
        pytest.param(
            '{"a": {"b": ["x"], "c": [{"exists": false}]}}',
            '{"a": [{"b": "x"}, {"c": 1}]}',
            True,
            id="a field is absent when the chosen element has none",
        ),
        pytest.param(
            '{"a": {"b": [{"exists": false}], "c": ["x"]}}',
            '{"a": [{"c": "x"}, {"b": 1}]}',
            False,
            id="an absent field whose name comes first is looked for in all elements",
        ),
    ],
)
def test_fields_below_an_array_match_in_one_element(pattern: str, event: str, expected: bool) -> None:
    assert matches(pattern, event) is expected


def test_matching_takes_values_of_any_json_parser() -> None:
    pattern = compile_pattern('{"n": [9007199254740993], "m": [{"numeric": [">", 1]}]}')
    assert pattern.matches(json.loads('{"n": 9007199254740993, "m": 1.5}'))


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        pytest.param(
            '{"a": ["x",\n  "y"], "b": [{"prefix": "p"}]}',
            {"a": "z", "b": "pq"},
            [Finding("a", '["x", "y"]', ("z",), False)],
            id="the leaf that does not match",
        ),
        pytest.param(
            '{"a": ["x"], "b": [{"prefix": "p"}]}',
            {"a": ["w", "x"], "b": "pq"},
            [Finding("a", '["x"]', ("w", "x"), True), Finding("b", '[{"prefix": "p"}]', ("pq",), True)],
            id="all leaves when they match",
        ),
        pytest.param(
            '{"$or": [{"a": ["x"]}, {"b": ["y"]}]}',
            {},
            [Finding("a", '["x"]', (), False), Finding("b", '["y"]', (), False)],
            id="a leaf of each alternative",
        ),
        pytest.param(
            '{"$or": [{"a": ["x"]}, {"b": ["y"]}]}',
            {"b": "y"},
            [Finding("b", '["y"]', ("y",), True)],
            id="the alternative that matches",
        ),
        pytest.param(
            '{"a": {"b": ["x"], "c": ["y"]}}',
            {"a": [{"b": "x"}, {"c": "y"}]},
            [Finding("a.c", '["y"]', ("y",), False, elsewhere=True)],
            id="a value in another element",
        ),
    ],
)
def test_an_explanation_names_what_decided(pattern: str, event: Any, expected: list[Finding]) -> None:
    explanation = compile_pattern(pattern).explain(event)
    assert list(explanation.findings) == expected
    assert explanation.matches is expected[0].matches
