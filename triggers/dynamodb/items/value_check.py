"""Checks attribute values as they come from clients, and writes their numbers as DynamoDB does.

Source: DynamoDB API reference, AttributeValue; developer guide, "Supported data types"; texts of errors as
the service has them.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.errors import ValidationFailed
from triggers.dynamodb.attribute_value import (
    DEEPEST,
    LARGEST,
    MOST_DIGITS,
    SMALLEST,
    AttributeValue,
    NotRepresentable,
    number,
)
from triggers.dynamodb.errors import NotSerializable

_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,37}")
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?\s*", re.ASCII)
INVALID = "One or more parameter values were invalid: "


def checked(value: Any, depth: int = 1) -> AttributeValue:
    """Return an attribute value with its numbers as DynamoDB writes them.

    `depth` is the level of lists and maps that it is on. Raises ValidationFailed for what is no attribute
    value, NotSerializable for JSON of the wrong type.
    """
    if type(value) is not dict:
        raise NotSerializable("Unexpected value type in payload")
    if len(value) != 1:
        value = {tag: each for tag, each in value.items() if each is not None and tag in _CHECKS}
        if len(value) > 1:
            raise ValidationFailed(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
                "supported datatypes"
            )
    for tag, given in value.items():
        if tag == "S" and type(given) is str:
            return {"S": given}
        check = _CHECKS.get(tag)
        if check is not None and given is not None:
            return {tag: check(given, depth)}
    raise ValidationFailed(
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
    )


def checked_item(item: Any) -> dict[str, AttributeValue]:
    """Return an item's attributes. Raises as `checked` does, and ValidationFailed for an empty name."""
    if type(item) is not dict:
        raise NotSerializable("Unexpected value type in payload")
    if "" in item:
        raise ValidationFailed(f"{INVALID}Attribute name must not be empty")
    return {name: checked(value) for name, value in item.items()}


def checked_number(text: Any) -> str:
    """Return a number as DynamoDB writes it. Raises ValidationFailed for what is none, or out of range."""
    if type(text) is not str:
        raise NotSerializable("NUMBER_VALUE cannot be converted to String")
    if _PLAIN_INTEGER.fullmatch(text):
        return text
    if not text:
        raise ValidationFailed("The parameter cannot be converted to a numeric value")
    if not _NUMBER.fullmatch(text):
        raise ValidationFailed(f"The parameter cannot be converted to a numeric value: {text}")
    try:
        parsed = Decimal(text.strip())
        encoded: str = number(parsed)[0]["N"]
    except InvalidOperation:
        raise ValidationFailed(f"The parameter cannot be converted to a numeric value: {text}") from None
    except NotRepresentable:
        raise ValidationFailed(_out_of_range(parsed)) from None
    return encoded


def _out_of_range(value: Decimal) -> str:
    if abs(value) > LARGEST and value.adjusted() > LARGEST.adjusted():
        return "Number overflow. Attempting to store a number with magnitude larger than supported range"
    if abs(value) < SMALLEST:
        return "Number underflow. Attempting to store a number with magnitude smaller than supported range"
    return f"Attempting to store more than {MOST_DIGITS} significant digits in a Number"


def _string(value: Any, _: int) -> str:
    if not isinstance(value, str):
        raise NotSerializable(f"{_kind(value)} cannot be converted to String")
    return value


def _number(value: Any, _: int) -> str:
    return checked_number(value)


def _binary(value: Any, _: int) -> str:
    text = _string(value, 0)
    try:
        binascii.a2b_base64(text, strict_mode=bool(text))
    except ValueError:
        raise NotSerializable(f"'{text[:100]}' can not be converted to a Blob: it is not base64") from None
    return text


def _boolean(value: Any, _: int) -> bool:
    if type(value) is not bool:
        raise NotSerializable(f"{_kind(value)} cannot be converted to Boolean")
    return value


def _null(value: Any, _: int) -> bool:
    if not _boolean(value, 0):
        raise ValidationFailed(f"{INVALID}Null attribute value types must have the value of true")
    return True


def _map(value: Any, depth: int) -> dict[str, AttributeValue]:
    if type(value) is not dict:
        raise NotSerializable("Unexpected value type in payload")
    _check_depth(depth)
    return {name: checked(each, depth + 1) for name, each in value.items()}


def _list(value: Any, depth: int) -> list[AttributeValue]:
    if type(value) is not list:
        raise NotSerializable("Unexpected value type in payload")
    _check_depth(depth)
    return [checked(each, depth + 1) for each in value]


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        raise ValidationFailed("Nesting Levels have exceeded supported limits")


def _string_set(value: Any, _: int) -> list[str]:
    return _set(value, _string, "An string set  may not be empty", "")


def _number_set(value: Any, _: int) -> list[str]:
    return _set(value, _number, "An number set  may not be empty", "")


def _binary_set(value: Any, _: int) -> list[str]:
    return _set(value, _binary, "Binary sets should not be empty", "of type BS ")


def _set(value: Any, check: Callable[[Any, int], str], empty: str, what: str) -> list[str]:
    if type(value) is not list:
        raise NotSerializable("Unexpected value type in payload")
    if not value:
        raise ValidationFailed(INVALID + empty)
    elements = [check(each, 0) for each in value]
    if len(set(elements)) != len(elements):
        shown = ", ".join(elements)
        raise ValidationFailed(f"{INVALID}Input collection [{shown}] {what}contains duplicates.")
    return elements


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int | float):
        return "NUMBER_VALUE" if isinstance(value, int) else "DECIMAL_VALUE"
    if isinstance(value, dict | list):
        return "Start of structure or map" if isinstance(value, dict) else "Start of list"
    return "STRING_VALUE" if isinstance(value, str) else "NULL_VALUE"


_CHECKS: Mapping[str, Callable[[Any, int], Any]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "M": _map,
    "L": _list,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
}


def value_size(value: AttributeValue) -> int:
    """Return the size of an attribute's value, in bytes as DynamoDB counts them.

    Source: DynamoDB developer guide, "DynamoDB item sizes and formats".
    """
    ((tag, given),) = value.items()
    match tag:
        case "S":
            return _text_size(given)
        case "N":
            return _number_size(given)
        case "B":
            return len(b64decode(given))
        case "M":
            return 3 + sum(_text_size(name) + value_size(each) + 1 for name, each in given.items())
        case "L":
            return 3 + sum(value_size(each) + 1 for each in given)
        case "SS":
            return sum(map(_text_size, given))
        case "NS":
            return sum(map(_number_size, given))
        case "BS":
            return sum(len(b64decode(each)) for each in given)
        case _:
            return 1


def item_size(item: Mapping[str, AttributeValue]) -> int:
    """Return the size of an item, in bytes as DynamoDB counts them."""
    return sum(_text_size(name) + value_size(value) for name, value in item.items())


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _number_size(text: str) -> int:
    digits = text.partition("E")[0].replace(".", "").strip("-").strip("0")
    return (len(digits) + 1) // 2 + 1
