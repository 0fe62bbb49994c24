"""The grammar of comparisons in CloudWatch Logs' filter patterns: `x = 1 && (y != "a*" || z > 2)`.

What `x` is, a property of a JSON event or a field between spaces, is for the caller to read. Source:
CloudWatch Logs user guide, "Filter pattern syntax".
"""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

Condition = Callable[[Any], bool]

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


class Conditions:
    """Parses conditions that are joined with `&&`, `||` and parentheses."""

    def __init__(self, text: str, one: "Callable[[Conditions], Condition]") -> None:
        """`one` reads a single comparison by `take_next`. Raises BadPattern."""
        self._tokens = list(_tokens(text))
        self._place = 0
        self._comparison = one

    def parse(self) -> Condition:
        """Return the condition that all the text is. Raises BadPattern."""
        condition = self._any()
        if self._place < len(self._tokens):
            raise BadPattern(f"there is more than a condition: {self._tokens[self._place][1]!r}")
        return condition

    def take_next(self) -> tuple[str, str]:
        """Return the next token: `selector`, `operator`, `quoted`, `pattern` or `plain`, and its text."""
        if self._place == len(self._tokens):
            raise BadPattern("the pattern ends in the middle of a condition")
        self._place += 1
        return self._tokens[self._place - 1]

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._take("operator", "||"):
            conditions.append(self._all())
        return lambda value: any(condition(value) for condition in conditions)

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self._take("operator", "&&"):
            conditions.append(self._one())
        return lambda value: all(condition(value) for condition in conditions)

    def _one(self) -> Condition:
        if self._take("operator", "("):
            condition = self._any()
            if not self._take("operator", ")"):
                raise BadPattern("a parenthesis is not closed")
            return condition
        return self._comparison(self)

    def _take(self, kind: str, text: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] == (kind, text):
            self._place += 1
            return True
        return False


def text_matcher(kind: str, text: str) -> Callable[[str], bool]:
    """Return what says of a text whether it is the one compared with, which may have `*` in it."""
    if kind == "pattern":
        search = regular(text).search
        return lambda value: search(value) is not None
    plain = unescaped(text) if kind == "quoted" else text
    parts = re.compile(".*".join(map(re.escape, plain.split("*"))), re.DOTALL)
    return lambda value: parts.fullmatch(value) is not None


def regular(pattern: str) -> re.Pattern[str]:
    """Return the regular expression between two `%`. Raises BadPattern."""
    if "(" in pattern or ")" in pattern:
        raise BadPattern(f"%{pattern}% has parentheses, which CloudWatch Logs does not allow there")
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise BadPattern(f"%{pattern}% is no regular expression: {error}") from None


def unescaped(text: str) -> str:
    """Return what is between two quotes, without the backslashes."""
    return re.sub(r"\\(.)", r"\1", text)


def number_of(text: str) -> float | None:
    """Return the number that a text is, if it is one."""
    return float(text) if NUMBER.fullmatch(text) else None


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise BadPattern(f"the pattern cannot be read at {text[place:]!r}")
        place = found.end()
        yield found.lastgroup, found[found.lastgroup]
