"""The match values of an event pattern: each tells whether it accepts one value of an event.

Values are those of `json_number.read_json`. `exists` is no match value: it asks for a field, see
`branch.Leaf`.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from engine.mapping.ip_address import Address, read_address
from engine.mapping.json_number import InexactNumber, Number, Scalar


class MatchValue(Protocol):
    """One element of the array that a pattern has for a field."""

    def accepts(self, value: Scalar) -> bool:
        """Tell whether a field with this value matches."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Equal to one of several values; numbers by value."""

    strings: frozenset[str] = frozenset()
    numbers: frozenset[Number] = frozenset()
    constants: frozenset[bool | None] = frozenset()

    def accepts(self, value: Scalar) -> bool:
        """Compare with the values of the same type."""
        if isinstance(value, str):
            return value in self.strings
        if value is None or isinstance(value, bool):
            return value in self.constants
        return value in self.numbers


@dataclass(frozen=True, slots=True)
class Anything:
    """`{"exists": true}`: any value, null included."""

    def accepts(self, value: Scalar) -> bool:  # noqa: ARG002 - every value is accepted
        """Accept it."""
        return True


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """None of several match values; so a value of another type is accepted."""

    refused: tuple[MatchValue, ...]

    def accepts(self, value: Scalar) -> bool:
        """Accept what none of them accepts."""
        return not any(match_value.accepts(value) for match_value in self.refused)


@dataclass(frozen=True, slots=True)
class Prefix:
    """Text that begins so."""

    start: str

    def accepts(self, value: Scalar) -> bool:
        """Compare the beginning of a text."""
        return isinstance(value, str) and value.startswith(self.start)


@dataclass(frozen=True, slots=True)
class Suffix:
    """Text that ends so."""

    end: str

    def accepts(self, value: Scalar) -> bool:
        """Compare the end of a text."""
        return isinstance(value, str) and value.endswith(self.end)


@dataclass(frozen=True, slots=True)
class AnyCase:
    """Text that is the same in any case."""

    expression: re.Pattern[str]

    def accepts(self, value: Scalar) -> bool:
        """Compare the whole text."""
        return isinstance(value, str) and self.expression.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class AnyCasePrefix:
    """Text that begins so in any case."""

    expression: re.Pattern[str]

    def accepts(self, value: Scalar) -> bool:
        """Compare the beginning of a text."""
        return isinstance(value, str) and self.expression.match(value) is not None


@dataclass(frozen=True, slots=True)
class AnyCaseSuffix:
    """Text that ends so in any case; the expression reads backwards."""

    expression: re.Pattern[str]

    def accepts(self, value: Scalar) -> bool:
        """Compare the end of a text."""
        return isinstance(value, str) and self.expression.match(value[::-1]) is not None


@dataclass(frozen=True, slots=True)
class NumericRange:
    """A number between two bounds; a bound that is None is open to all sides."""

    bottom: float | None = None
    bottom_included: bool = False
    top: float | None = None
    top_included: bool = False

    def accepts(self, value: Scalar) -> bool:
        """Compare a number; text is none, whatever it spells."""
        if isinstance(value, str | bool | InexactNumber) or value is None:
            return False
        if self.bottom is not None and not (
            value > self.bottom or (self.bottom_included and value == self.bottom)
        ):
            return False
        return self.top is None or value < self.top or (self.top_included and value == self.top)


@dataclass(frozen=True, slots=True)
class AddressBlock:
    """Text that is an IP address of a block: the same but for its last `varying` bits."""

    first: Address
    varying: int = 0

    def accepts(self, value: Scalar) -> bool:
        """Compare an address, however it is spelled; other text is not accepted."""
        address = read_address(value) if isinstance(value, str) else None
        if address is None or address[0] != self.first[0]:
            return False
        return address[1] >> self.varying == self.first[1] >> self.varying
