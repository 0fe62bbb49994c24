"""Says whether a condition holds for an item, and what its operands are worth.

An item is a dict of attribute values by name; one that is not there is an empty one. Expressions have no
placeholders any more. Source: DynamoDB developer guide, "Comparison operator and function reference".
"""

import base64
from collections.abc import Mapping

from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.expression.tree import (
    Among,
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Condition,
    Literal,
    Not,
    Operand,
    Or,
    Parts,
    Path,
    Placeholder,
)
from triggers.dynamodb.items.value_order import are_ordered, is_before, is_same, tag_of

Item = Mapping[str, AttributeValue]


def holds(condition: Condition, item: Item) -> bool:
    """Say whether a condition is true of an item."""
    match condition:
        case Comparison(operator, left, right):
            return _compare(operator, worth(left, item), worth(right, item))
        case And(first, second):
            return holds(first, item) and holds(second, item)
        case Or(first, second):
            return holds(first, item) or holds(second, item)
        case Not(negated):
            return not holds(negated, item)
        case Between(operand, low, high):
            value = worth(operand, item)
            return _compare("<=", worth(low, item), value) and _compare("<=", value, worth(high, item))
        case Among(operand, options):
            value = worth(operand, item)
            return any(_compare("=", value, worth(option, item)) for option in options)
        case Call(function, operands):
            return _call(function, operands, item)


def worth(operand: Operand, item: Item) -> AttributeValue | None:
    """Return the value of an operand of a condition, None when it has none."""
    match operand:
        case Literal(value):
            return value
        case Path(parts):
            return find(parts, item)
        case Call("size", (measured,)):
            size = _size(worth(measured, item))
            return None if size is None else {"N": str(size)}
        case Call() | Arithmetic() | Placeholder():
            raise AssertionError(f"{operand} is no operand of a condition")


def find(parts: Parts, item: Item) -> AttributeValue | None:
    """Return what is at a document path, None when there is nothing."""
    value = item.get(str(parts[0]))
    for part in parts[1:]:
        if value is None:
            return None
        if isinstance(part, int):
            elements = value.get("L")
            value = elements[part] if elements is not None and part < len(elements) else None
        else:
            value = value["M"].get(part) if "M" in value else None
    return value


def _compare(operator: str, left: AttributeValue | None, right: AttributeValue | None) -> bool:
    if operator == "<>":
        return left is None or right is None or not is_same(left, right)
    if left is None or right is None:
        return False
    if operator == "=":
        return is_same(left, right)
    if not are_ordered(left, right):
        return False
    match operator:
        case "<":
            return is_before(left, right)
        case ">":
            return is_before(right, left)
        case "<=":
            return not is_before(right, left)
        case _:
            return not is_before(left, right)


def _call(function: str, operands: tuple[Operand, ...], item: Item) -> bool:
    value = worth(operands[0], item)
    if function == "attribute_exists":
        return value is not None
    if function == "attribute_not_exists":
        return value is None
    other = worth(operands[1], item)
    if value is None or other is None:
        return False
    if function == "attribute_type":
        return tag_of(value) == other.get("S")
    if function == "begins_with":
        return _begins_with(value, other)
    return _contains(value, other)


def _begins_with(value: AttributeValue, prefix: AttributeValue) -> bool:
    if "S" in value and "S" in prefix:
        return bool(value["S"].startswith(prefix["S"]))
    if "B" in value and "B" in prefix:
        return _bytes(value).startswith(_bytes(prefix))
    return False


def _contains(value: AttributeValue, sought: AttributeValue) -> bool:
    tag, sought_tag = tag_of(value), tag_of(sought)
    match tag:
        case "S":
            return sought_tag == "S" and sought["S"] in value["S"]
        case "B":
            return sought_tag == "B" and _bytes(sought) in _bytes(value)
        case "SS" | "NS" | "BS":
            return sought_tag == tag[0] and sought[sought_tag] in value[tag]
        case "L":
            return any(is_same(each, sought) for each in value["L"])
        case _:
            return False


def _size(value: AttributeValue | None) -> int | None:
    if value is None:
        return None
    tag = tag_of(value)
    if tag == "B":
        return len(_bytes(value))
    return None if tag in ("N", "BOOL", "NULL") else len(value[tag])


def _bytes(value: AttributeValue) -> bytes:
    return base64.b64decode(value["B"])
