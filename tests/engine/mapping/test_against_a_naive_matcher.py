"""The matcher against one that tries everything, and against values that make no sense."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.mapping.event_pattern import InvalidPattern, compile_pattern
from engine.mapping.filter_criteria import Source, compile_criteria

KEYS = st.sampled_from(["a", "b", "a.b", "c"])
SCALARS = st.sampled_from(["", "x", "xy", "y", 0, 1, 1.0, 2.5, True, False, None])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
EVENTS = st.dictionaries(KEYS, VALUES, max_size=3)
TEXTS = st.sampled_from(["", "x", "xy", "y"])
EXPRESSIONS = st.one_of(
    SCALARS,
    TEXTS.map(lambda text: {"prefix": text}),
    TEXTS.map(lambda text: {"suffix": text}),
    TEXTS.map(lambda text: {"anything-but": text}),
    st.just({"anything-but": [1, 2]}),
    st.sampled_from([0, 1, 2]).map(lambda number: {"numeric": [">", number, "<=", 3]}),
    st.just({"exists": True}),
)
LEAVES = st.lists(EXPRESSIONS, min_size=1, max_size=2)
PATTERNS = st.dictionaries(
    KEYS, LEAVES | st.dictionaries(KEYS, LEAVES, min_size=1, max_size=2), min_size=1, max_size=3
)

BITS = st.integers(0, 1)
ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        BITS | st.lists(BITS | st.dictionaries(st.just("d"), BITS)),
        max_size=3,
    )
    | st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), BITS), max_size=3),
    max_size=4,
)
COLUMNS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a.d", "b.d"]), BITS.map(lambda bit: [bit]), min_size=2, max_size=4
)

World = dict[str, list[Any]]  # what can be seen of an event when one element is chosen of every array


def worlds(value: Any, path: str = "") -> Iterator[World]:
    if isinstance(value, dict):
        parts = [list(worlds(inner, f"{path}.{key}" if path else key)) for key, inner in value.items()]
        for choice in itertools.product(*parts):
            yield merged(choice)
    elif isinstance(value, list):
        plain = {path: [inner for inner in value if not isinstance(inner, dict | list)]}
        elements = [inner for inner in value if isinstance(inner, dict | list)]
        chosen = [world for element in elements for world in worlds(element, path)] or [{}]
        yield from (merged((plain, world)) for world in chosen)
    else:
        yield {path: [value]}


def merged(parts: tuple[World, ...]) -> World:
    whole: World = {}
    for part in parts:
        for path, values in part.items():
            whole[path] = whole.get(path, []) + values
    return whole


def leaves(pattern: dict[str, Any], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    for key, value in pattern.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from leaves(value, name)
        else:
            yield name, value


def accepts(expression: Any, value: Any) -> bool:
    match expression:
        case {"prefix": text}:
            return isinstance(value, str) and value[: len(text)] == text
        case {"suffix": text}:
            return isinstance(value, str) and (not text or value[-len(text) :] == text)
        case {"anything-but": refused}:
            return not any(
                same(other, value) for other in (refused if isinstance(refused, list) else [refused])
            )
        case {"numeric": [_, bottom, _, top]}:
            return type(value) in (int, float) and bottom < value <= top
        case {"exists": True}:
            return True
    return same(expression, value)


def same(one: Any, other: Any) -> bool:
    numbers = (int, float)
    return bool(one == other) and (
        type(one) is type(other) or (type(one) in numbers and type(other) in numbers)
    )


def naive(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    wanted = dict(leaves(pattern))  # a path that comes twice keeps its last value
    return any(
        all(
            any(accepts(expression, value) for expression in allowed for value in world.get(path, []))
            for path, allowed in wanted.items()
        )
        for world in worlds(event)
    )


@settings(deadline=None)  # trying everything may take a while
@given(PATTERNS, EVENTS)
def test_it_agrees_with_a_matcher_that_tries_every_choice(
    pattern: dict[str, Any], event: dict[str, Any]
) -> None:
    compiled = compile_pattern(json.dumps(pattern))
    assert compiled.matches(event) is naive(pattern, event)
    assert compiled.explain(event).matches is naive(pattern, event)


@settings(deadline=None)
@given(COLUMNS, COLUMNS, ROWS, ROWS)
def test_it_agrees_about_fields_below_arrays(
    columns: dict[str, Any], others: dict[str, Any], rows: list[Any], other_rows: list[Any]
) -> None:
    pattern, event = {"rows": columns, "other": others}, {"rows": rows, "other": other_rows}
    for wanted in (pattern, {"rows": columns}):
        assert compile_pattern(json.dumps(wanted)).matches(event) is naive(wanted, event)


OPERATORS = st.sampled_from(
    [
        "exactly",
        "prefix",
        "suffix",
        "equals-ignore-case",
        "wildcard",
        "anything-but",
        "numeric",
        "exists",
        "cidr",
    ]
)
ODD_TEXTS = st.text(max_size=4) | st.sampled_from(
    ["*a*", "10.0.0.0/8", "::/1", "=", "<", ">", "\\", "\ud800"]
)
ODD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ODD_TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | OPERATORS | st.just("$or"), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(ODD_VALUES.map(json.dumps) | st.text(), ODD_VALUES)
def test_any_pattern_is_compiled_or_refused_and_any_event_is_judged(text: str, event: Any) -> None:
    try:
        pattern = compile_pattern(text)
    except InvalidPattern as problem:
        line, column = problem.line, problem.column
    else:
        line = column = 1
        assert pattern.matches(event) is pattern.explain(event).matches
    assert min(line, column) >= 1


@pytest.mark.parametrize("source", ["sqs", "kinesis", "dynamodb"])
@given(record=st.dictionaries(st.sampled_from(["body", "data", "kinesis", "dynamodb"]), ODD_VALUES))
def test_any_record_is_kept_or_dropped(source: Source, record: dict[str, Any]) -> None:
    criteria = compile_criteria(
        source, ['{"body": {"a": [1]}}', '{"data": ["x"]}', '{"a": [{"exists": false}]}']
    )
    assert criteria.keeps(record) is criteria.verdict(record).kept
