"""Filter patterns of CloudWatch Logs: terms in a text, and comparisons of the properties of JSON events.

A pattern is compiled once to a predicate of an event's text. Source: CloudWatch Logs user guide, "Filter
pattern syntax".
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from headrace.aws.log_condition import (
    NUMBERS,
    BadPattern,
    Condition,
    Conditions,
    number_of,
    regular,
    text_matcher,
    unescaped,
)
from headrace.aws.log_fields import matching_fields

Predicate = Callable[[str], bool]
ABSENT = object()

TERM = re.compile(
    r'\s*(?P<sign>[-?]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<pattern>[^%]*)%|(?P<plain>[^\s"]+))'
)
STEP = re.compile(r"""\.([\w@#/-]+)|\[(\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]""")


def compiled(pattern: str) -> Predicate:
    """Return what says of an event's text whether it matches. Raises BadPattern."""
    text = pattern.strip()
    if text.startswith("{") and text.endswith("}"):
        return _matching_json(Conditions(text[1:-1], _of_json).parse())
    if text.startswith("[") and text.endswith("]"):
        return matching_fields(text[1:-1])
    if text.startswith(("{", "[")):
        raise BadPattern(f"{text[0]} is not closed")
    return _matching_terms(text)


def _matching_terms(text: str) -> Predicate:
    wanted: dict[str, list[Predicate]] = {"": [], "?": [], "-": []}
    place = 0
    while place < len(text):
        found = TERM.match(text, place)
        if found is None:
            raise BadPattern(f"there is no term at {text[place:]!r}")
        place = found.end()
        wanted[found["sign"]].append(_holding(found))
    every, some, none = wanted[""], wanted["?"], wanted["-"]
    if every or none:
        some = []  # as CloudWatch does: beside other terms, those that are optional are ignored

    def matches(message: str) -> bool:
        return (
            all(holds(message) for holds in every)
            and not any(holds(message) for holds in none)
            and (not some or any(holds(message) for holds in some))
        )

    return matches


def _holding(found: re.Match[str]) -> Predicate:
    if found["pattern"] is not None:
        search = regular(found["pattern"]).search
        return lambda message: search(message) is not None
    term = found["plain"] if found["quoted"] is None else unescaped(found["quoted"])
    return lambda message: term in message


def _matching_json(condition: Condition) -> Predicate:
    def matches(message: str) -> bool:
        begin = message.find("{")
        if begin < 0:
            return False
        try:
            value = orjson.loads(message[begin:])
        except orjson.JSONDecodeError:
            return False
        return condition(value)

    return matches


def _of_json(conditions: Conditions) -> Condition:
    kind, text = conditions.take_next()
    if kind != "selector":
        raise BadPattern(f"a condition begins with a selector such as $.level, not with {text!r}")
    steps = _steps(text)
    kind, word = conditions.take_next()
    if kind == "plain":
        return _of_words(steps, f"{word} {conditions.take_next()[1]}".upper())
    if word not in NUMBERS:
        raise BadPattern(f"{word!r} compares nothing")
    return _comparison(steps, word, *conditions.take_next())


def _of_words(steps: "Sequence[str | int]", words: str) -> Condition:
    expected = {"IS TRUE": True, "IS FALSE": False, "IS NULL": None, "NOT EXISTS": ABSENT}
    if words not in expected:
        raise BadPattern(f"{words} is no condition")
    wanted = expected[words]
    return lambda value: any(each is wanted for each in _selected(value, steps))


def _comparison(steps: "Sequence[str | int]", sign: str, kind: str, text: str) -> Condition:
    if kind in ("selector", "operator"):
        raise BadPattern(f"{text!r} is nothing to compare with")
    number = number_of(text) if kind == "plain" else None
    if number is not None:
        compare = NUMBERS[sign]
        return lambda value: any(
            compare(each, number) for each in _selected(value, steps) if _is_number(each)
        )
    if sign not in ("=", "!="):
        raise BadPattern(f"{sign} compares numbers, {text!r} is none")
    matches = text_matcher(kind, text)
    wanted = sign == "="
    return lambda value: any(
        matches(each) is wanted for each in _selected(value, steps) if isinstance(each, str)
    )


def _selected(value: Any, steps: "Sequence[str | int]") -> Iterator[Any]:
    """Yield what a selector means; ABSENT for what is not there."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(value, list):
        for each in value:
            yield from _selected(each, rest)
        return
    inner: Any = ABSENT
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        inner = value[step]
    elif isinstance(value, dict):
        inner = value.get(step, ABSENT)
    yield from _selected(inner, rest) if inner is not ABSENT else (ABSENT,)


def _steps(selector: str) -> "list[str | int]":
    steps: list[str | int] = []
    for name, index, *quoted in STEP.findall(selector.removeprefix("$").replace(".[", "[")):
        steps.append(int(index) if index.isdigit() else index or name or "".join(quoted))
    return steps


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
