"""Filter patterns for log events of fields between spaces: `[ip, user, ..., status = 4*, bytes > 1000]`.

What is between brackets or quotes is one field. The last field of a pattern takes the rest of the line, and
`...` any number of fields. Source: CloudWatch Logs user guide, "Filter pattern syntax".
"""

import re
from collections.abc import Callable, Iterator, Sequence

from headrace.aws.log_condition import NUMBERS, BadPattern, Condition, Conditions, number_of, text_matcher

WORD = re.compile(r"\S+")
CLOSING = {"[": "]", '"': '"'}
BETWEEN_COMMAS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|%[^%]*%|[^,"%])*')
NAME = re.compile(r"[\w.$-]+")
ANY_NUMBER = "..."


def matching_fields(text: str) -> Callable[[str], bool]:
    """Return what says of an event whether its fields match a pattern, given without its brackets.

    Raises BadPattern.
    """
    parts = list(_parts(text))
    gaps = parts.count(ANY_NUMBER)
    if gaps > 1:
        raise BadPattern("... may stand for fields only once")
    if not gaps:
        conditions = [_condition(part) for part in parts]
        return lambda message: _all_hold(conditions, _fields(message, len(conditions)))
    gap = parts.index(ANY_NUMBER)
    first = [_condition(part) for part in parts[:gap]]
    last = [_condition(part) for part in parts[gap + 1 :]]

    def matches(message: str) -> bool:
        fields = _fields(message)
        if len(fields) < len(first) + len(last):
            return False
        return _all_hold(first, fields[: len(first)]) and _all_hold(last, fields[len(fields) - len(last) :])

    return matches


def _all_hold(conditions: Sequence[Condition], fields: Sequence[str]) -> bool:
    return len(conditions) == len(fields) and all(
        holds(field) for holds, field in zip(conditions, fields, strict=True)
    )


def _fields(message: str, most: int | None = None) -> list[str]:
    """Return the fields of an event; the last of `most` is the rest of the line, if that is more than one."""
    message = message.strip()
    fields: list[str] = []
    ends = {"[": 0, '"': 0}  # where the next bracket or quote closes, so that each is looked for once
    place = 0
    while (found := WORD.search(message, place)) is not None:
        begin, place = found.span()
        field, opening = found[0], message[begin]
        if opening in ends:
            if 0 <= ends[opening] <= begin:
                ends[opening] = message.find(CLOSING[opening], begin + 1)
            end = ends[opening]
            if end > begin and message[end + 1 : end + 2].strip() == "":
                field, place = message[begin + 1 : end], end + 1
        if len(fields) + 1 == most and place < len(message):
            return [*fields, message[begin:]]
        fields.append(field)
    return fields


def _parts(text: str) -> Iterator[str]:
    place = 0
    while True:
        found = BETWEEN_COMMAS.match(text, place)
        assert found is not None  # it matches nothing, too
        part = found[0].strip()
        if not part:
            raise BadPattern("a field has no name")
        yield part
        if found.end() == len(text):
            return
        if text[found.end()] != ",":
            raise BadPattern(f"the pattern cannot be read at {text[found.end() :]!r}")
        place = found.end() + 1


def _condition(part: str) -> Condition:
    if NAME.fullmatch(part):
        return lambda _: True
    names: set[str] = set()

    def comparison(conditions: Conditions) -> Condition:
        kind, name = conditions.take_next()
        if kind not in ("plain", "selector"):
            raise BadPattern(f"a condition begins with the name of its field, not with {name!r}")
        names.add(name)
        sign = conditions.take_next()[1]
        if sign not in NUMBERS:
            raise BadPattern(f"{sign!r} compares nothing")
        return _comparison(sign, *conditions.take_next())

    condition = Conditions(part, comparison).parse()
    if len(names) > 1:
        raise BadPattern(f"the conditions of a field are about others: {part}")
    return condition


def _comparison(sign: str, kind: str, text: str) -> Condition:
    if kind == "operator":
        raise BadPattern(f"{text!r} is nothing to compare with")
    number = number_of(text) if kind == "plain" else None
    if number is not None:
        return lambda field: _compares(field, sign, number, text)
    if sign not in ("=", "!="):
        raise BadPattern(f"{sign} compares numbers, {text!r} is none")
    matches = text_matcher(kind, text)
    wanted = sign == "="
    return lambda field: matches(field) is wanted


def _compares(field: str, sign: str, number: float, text: str) -> bool:
    value = number_of(field)
    if value is None:
        return sign == "!=" and field != text
    return NUMBERS[sign](value, number)
