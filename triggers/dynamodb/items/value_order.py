"""How attribute values compare: which are the same, and which comes first.

Numbers are ordered as numbers, strings by their UTF-8 bytes, binary by its bytes; nothing else has an order.
Source: DynamoDB developer guide, "Supported data types" and "Comparison operator and function reference".
"""

import base64
from decimal import Decimal
from typing import Any

from triggers.dynamodb.attribute_value import AttributeValue

ORDERED = ("S", "N", "B")


def tag_of(value: AttributeValue) -> str:
    """Return the name of a value's type: S, N, B, BOOL, NULL, M, L, SS, NS or BS."""
    return next(iter(value))


def is_same(left: AttributeValue, right: AttributeValue) -> bool:
    """Say whether two values are the same; sets are, whatever the order of their elements."""
    tag = tag_of(left)
    if tag != tag_of(right):
        return False
    mine, other = left[tag], right[tag]
    if mine == other:
        return True
    match tag:
        case "SS" | "NS" | "BS":
            return len(mine) == len(other) and set(mine) == set(other)
        case "L":
            return len(mine) == len(other) and all(map(is_same, mine, other))
        case "M":
            return len(mine) == len(other) and all(
                name in other and is_same(each, other[name]) for name, each in mine.items()
            )
        case _:
            return False


def are_ordered(left: AttributeValue, right: AttributeValue) -> bool:
    """Say whether two values have an order: they are of one type that has."""
    tag = tag_of(left)
    return tag in ORDERED and tag in right


def is_before(left: AttributeValue, right: AttributeValue) -> bool:
    """Say whether one value comes before another one of the same type, which has an order."""
    return bool(order(left) < order(right))


def order(value: AttributeValue) -> Any:
    """Return what a value of an ordered type is sorted by, among values of that type."""
    tag = tag_of(value)
    if tag == "N":
        return as_decimal(value["N"])
    # Code points are in the order of their UTF-8 bytes.
    return base64.b64decode(value["B"]) if tag == "B" else value["S"]


def as_decimal(text: str) -> Decimal:
    """Return the number that an N is."""
    return Decimal(text)
