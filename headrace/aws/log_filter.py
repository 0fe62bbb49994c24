"""Filter patterns of CloudWatch Logs: terms in a text, and comparisons of the properties of JSON events.

A pattern is compiled once to a predicate of an event's text. Source: CloudWatch Logs user guide, "Filter
pattern syntax". Patterns for space-delimited events (`[ip, user, ...]`) are refused.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

Predicate = Callable[[str], bool]
OfJson = Callable[[Any], bool]
ABSENT = object()

TERM = re.compile(
    r'\s*(?P<sign>[-?]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<pattern>[^%]*)%|(?P<plain>[^\s"]+))'
)
TOKEN = re.compile(
    r"""\s*(?:
        (?P<selector>\$(?:\.[\w@#/-]+|\.?\[(?:\d+|\*|'[^']*'|"[^"]*")\])*)
      | (?P<operator>&&|\|\||!=|<=|>=|=|<|>|\(|\))
      | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | %(?P<pattern>[^%]*)%
      | (?P<plain>[^\s()&|=<>!"]+)
    )""",
    re.VERBOSE,
)
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
STEP = re.compile(r"""\.([\w@#/-]+)|\[(\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]""")
NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class BadPattern(ValueError):
    """The pattern is not one that CloudWatch Logs understands, or one that Headrace does not know."""


def compiled(pattern: str) -> Predicate:
    """Return what says of an event's text whether it matches. Raises BadPattern."""
    text = pattern.strip()
    if text.startswith("{") and text.endswith("}"):
        return _matching_json(_JsonPattern(text[1:-1]).parse())
    if text.startswith("["):
        raise BadPattern("patterns for space-delimited events are not simulated by Headrace")
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
        search = _regular(found["pattern"]).search
        return lambda message: search(message) is not None
    term = found["plain"] if found["quoted"] is None else _unescaped(found["quoted"])
    return lambda message: term in message


def _matching_json(condition: OfJson) -> Predicate:
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


class _JsonPattern:
    """Parses `$.a.b = "x" && ($.c > 1 || $.d IS NULL)`."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0

    def parse(self) -> OfJson:
        condition = self._any()
        if self._place < len(self._tokens):
            raise BadPattern(f"there is more than a condition: {self._tokens[self._place][1]!r}")
        return condition

    def _any(self) -> OfJson:
        conditions = [self._all()]
        while self._take("operator", "||"):
            conditions.append(self._all())
        return lambda value: any(condition(value) for condition in conditions)

    def _all(self) -> OfJson:
        conditions = [self._one()]
        while self._take("operator", "&&"):
            conditions.append(self._one())
        return lambda value: all(condition(value) for condition in conditions)

    def _one(self) -> OfJson:
        if self._take("operator", "("):
            condition = self._any()
            if not self._take("operator", ")"):
                raise BadPattern("a parenthesis is not closed")
            return condition
        kind, text = self._next()
        if kind != "selector":
            raise BadPattern(f"a condition begins with a selector such as $.level, not with {text!r}")
        steps = _steps(text)
        kind, word = self._next()
        if kind == "plain":
            return self._of_words(steps, word)
        if word not in NUMBERS:
            raise BadPattern(f"{word!r} compares nothing")
        return _comparison(steps, word, *self._next())

    def _of_words(self, steps: "Sequence[str | int]", word: str) -> OfJson:
        words = f"{word} {self._next()[1]}".upper()
        expected = {"IS TRUE": True, "IS FALSE": False, "IS NULL": None, "NOT EXISTS": ABSENT}
        if words not in expected:
            raise BadPattern(f"{words} is no condition")
        wanted = expected[words]
        return lambda value: any(each is wanted for each in _selected(value, steps))

    def _next(self) -> tuple[str, str]:
        if self._place == len(self._tokens):
            raise BadPattern("the pattern ends in the middle of a condition")
        self._place += 1
        return self._tokens[self._place - 1]

    def _take(self, kind: str, text: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] == (kind, text):
            self._place += 1
            return True
        return False


def _comparison(steps: "Sequence[str | int]", sign: str, kind: str, text: str) -> OfJson:
    if kind in ("selector", "operator"):
        raise BadPattern(f"{text!r} is nothing to compare with")
    number = _number(text) if kind == "plain" else None
    if number is not None:
        compare = NUMBERS[sign]
        return lambda value: any(
            compare(each, number) for each in _selected(value, steps) if _is_number(each)
        )
    if sign not in ("=", "!="):
        raise BadPattern(f"{sign} compares numbers, {text!r} is none")
    matches = _text_matcher(kind, text)
    wanted = sign == "="
    return lambda value: any(
        matches(each) is wanted for each in _selected(value, steps) if isinstance(each, str)
    )


def _text_matcher(kind: str, text: str) -> Predicate:
    if kind == "pattern":
        search = _regular(text).search
        return lambda value: search(value) is not None
    plain = _unescaped(text) if kind == "quoted" else text
    parts = re.compile(".*".join(map(re.escape, plain.split("*"))), re.DOTALL)
    return lambda value: parts.fullmatch(value) is not None


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


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise BadPattern(f"the pattern cannot be read at {text[place:]!r}")
        place = found.end()
        yield found.lastgroup, found[found.lastgroup]


def _regular(pattern: str) -> re.Pattern[str]:
    if "(" in pattern or ")" in pattern:
        raise BadPattern(f"%{pattern}% has parentheses, which CloudWatch Logs does not allow there")
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise BadPattern(f"%{pattern}% is no regular expression: {error}") from None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _number(text: str) -> float | None:
    return float(text) if NUMBER.fullmatch(text) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
