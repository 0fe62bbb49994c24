"""JSON with numbers as event patterns compare them.

Event Ruler, the matcher of EventBridge and of Lambda's filters, compares numbers as doubles: 300, 300.0 and
3e2 are the same. A number that a double cannot hold as it is written (1e400, or more digits than there is
room for) is not comparable: it equals the same spelling only, and lies in no numeric range.
"""

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

SAFE_DIGITS = 15  # a double holds every decimal number of so many digits
LARGEST_SAFE = 10**SAFE_DIGITS


@dataclass(frozen=True, slots=True)
class InexactNumber:
    """A number that a double cannot hold as it is written."""

    text: str


Number = int | float | InexactNumber
Scalar = str | bool | Number | None


def read_number(text: str) -> Number:
    """Return the value of a number in JSON's notation."""
    value = float(text)
    if len(text) <= SAFE_DIGITS and "e" not in text and "E" not in text:
        return value if "." in text else int(text)
    if not math.isfinite(value) or (
        value == 0 and any(digit in text[: _exponent(text)] for digit in "123456789")
    ):
        return InexactNumber(text)
    if value != 0 and Decimal(repr(value)) != Decimal(text):
        return InexactNumber(text)
    return int(value) if text.lstrip("-").isdigit() else value


def comparable(number: float) -> Number:
    """Return a number of Python as it is compared: an integer may be too long for a double."""
    if isinstance(number, int) and not -LARGEST_SAFE <= number <= LARGEST_SAFE:
        return read_number(str(number))
    return number


def read_json(text: str) -> Any:
    """Return a JSON value, integers as Python has them. Raises ValueError for what is not JSON, as NaN."""
    try:
        return _read_json(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=read_number, parse_constant=_refuse)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of thousands of digits is more than Python reads
        return json.loads(text, parse_float=read_number, parse_int=read_number, parse_constant=_refuse)


def _exponent(text: str) -> int:
    return len(text.lower().partition("e")[0])


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
