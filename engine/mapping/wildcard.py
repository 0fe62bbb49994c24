"""Wildcard patterns: `*` stands for any characters, `\\*` and `\\\\` for themselves.

Matching takes time in proportion to the text and the pattern, whatever they are. EventBridge refuses
patterns that would keep its state machine in many places at once; `too_complex` counts them as its
evaluator does.
Source: EventBridge user guide, "Wildcard matching"; Event Ruler, MachineComplexityEvaluator.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences "
    "after a wildcard character"
)
COMPLEXITY_LIMIT = 10  # places at once
EXPLORED_LIMIT = 20_000  # sets of places; a pattern with more is too complex as well

STAR = -1  # among the bytes of a pattern
Tokens = tuple[int, ...]
Place = tuple[int, int]  # the number of a wildcard, and how many of its tokens have been passed


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A pattern as the literal texts between its stars."""

    parts: tuple[str, ...]
    tokens: Tokens

    def accepts(self, text: object) -> bool:
        """Tell whether the whole text fits. Anything but text does not."""
        if not isinstance(text, str):
            return False
        first, *rest = self.parts
        if not rest:
            return text == first
        *middle, last = rest
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        position, end = len(first), len(text) - len(last)
        for part in middle:
            found = text.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return True


def read_wildcard(text: str) -> Wildcard:
    """Read a pattern. Raises ValueError with AWS's reason, which counts the bytes of the quoted text."""
    parts, tokens = [""], [ord('"')]
    characters = enumerate(text)
    for index, character in characters:
        if character == "*":
            if text[index + 1 : index + 2] == "*":
                raise ValueError(f"Consecutive wildcard characters at pos {_position(text, index)}")
            parts.append("")
            tokens.append(STAR)
            continue
        if character == "\\":
            _, character = next(characters, (0, ""))
            if character not in ("*", "\\"):
                raise ValueError(f"Invalid escape character at pos {_position(text, index)}")
        parts[-1] += character
        tokens += _bytes(character)
    return Wildcard(tuple(parts), (*tokens, ord('"')))


def too_complex(groups: Iterable[Sequence[Wildcard]]) -> bool:
    """Tell whether EventBridge would refuse these wildcards of one field.

    A group is one match value: one wildcard, or those of one anything-but, which share what they begin with.
    """
    machine = _Machine([(group, wildcard.tokens) for group, many in enumerate(groups) for wildcard in many])
    start = machine.at_the_beginning()
    explored, waiting = {start}, [start]
    while waiting:
        for places in machine.after_any_byte(waiting.pop()):
            if machine.width(places) > COMPLEXITY_LIMIT or len(explored) > EXPLORED_LIMIT:
                return True
            if places not in explored:
                explored.add(places)
                waiting.append(places)
    return False


class _Machine:
    """The places in wildcards where a text may have arrived, byte by byte."""

    def __init__(self, wildcards: Sequence[tuple[int, Tokens]]) -> None:
        self._wildcards = wildcards
        self._first_stars = [tokens.index(STAR) if STAR in tokens else len(tokens) for _, tokens in wildcards]

    def at_the_beginning(self) -> frozenset[Place]:
        return frozenset((number, 0) for number in range(len(self._wildcards)))

    def after_any_byte(self, places: AbstractSet[Place]) -> Iterator[frozenset[Place]]:
        """Yield where one more byte leads: for each byte that a wildcard names here, and for all others."""
        staying: set[Place] = set()
        moving: defaultdict[int, set[Place]] = defaultdict(set)
        for number, passed in places:
            tokens = self._wildcards[number][1]
            if passed and tokens[passed - 1] == STAR:
                staying.add((number, passed))
            if passed < len(tokens) and tokens[passed] != STAR:
                moving[tokens[passed]].add((number, passed + 1))
        if staying:
            yield frozenset(staying)
        for moved in moving.values():
            yield self._with_stars(staying | moved)

    def width(self, places: AbstractSet[Place]) -> int:
        """Count the places; wildcards of one group share those up to their first star."""
        return len({self._identity(number, passed) for number, passed in places})

    def _identity(self, number: int, passed: int) -> tuple[object, ...]:
        group, tokens = self._wildcards[number]
        if passed <= self._first_stars[number] + 1:
            return group, tokens[:passed]
        return group, number, passed

    def _with_stars(self, places: AbstractSet[Place]) -> frozenset[Place]:
        """Add the stars that may stand for nothing here."""
        after_stars = {
            (number, passed + 1)
            for number, passed in places
            if passed < len(tokens := self._wildcards[number][1]) and tokens[passed] == STAR
        }
        return frozenset(places | after_stars)


def _position(text: str, index: int) -> int:
    return 1 + len(_bytes(text[:index]))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
