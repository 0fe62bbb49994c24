"""Applies an update expression to an item.

Every operand is worth what it is in the item as it was before. Indexes of lists are those of the lists as
they were: elements set beyond the end are appended, elements removed leave no gap.
Source: DynamoDB developer guide, "Update expressions".
"""

from decimal import ROUND_HALF_EVEN, Context
from typing import Any

from engine.errors import ValidationFailed
from triggers.dynamodb.attribute_value import MOST_DIGITS, AttributeValue
from triggers.dynamodb.expression.evaluation import Item, find
from triggers.dynamodb.expression.tree import (
    Arithmetic,
    Call,
    Change,
    Literal,
    Operand,
    Parts,
    Path,
    Placeholder,
)
from triggers.dynamodb.items.value_check import checked_number
from triggers.dynamodb.items.value_order import as_decimal, tag_of

_ARITHMETIC = Context(prec=MOST_DIGITS, rounding=ROUND_HALF_EVEN)
NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_SUCH_PLACE = "The document path provided in the update expression is invalid for update"


def updated(item: Item, changes: tuple[Change, ...]) -> dict[str, AttributeValue]:
    """Return the item as it is after the changes; the one given stays as it is. Raises ValidationFailed."""
    values = [None if change.operand is None else worth(change.operand, item) for change in changes]
    result: dict[str, AttributeValue] = dict(item)
    for name in {change.path.parts[0] for change in changes if len(change.path.parts) > 1}:
        if name in result:
            result[str(name)] = _copied(result[str(name)])
    removals: list[Parts] = []
    # Appending in the order of the indexes, and removing the innermost and the last first, keeps every
    # other index right.
    for change, value in sorted(zip(changes, values, strict=True), key=lambda each: _last_index(each[0])):
        parts = change.path.parts
        match change.action:
            case "SET":
                assert value is not None
                _put(result, parts, value)
            case "REMOVE":
                removals.append(parts)
            case _:
                assert value is not None
                combined = _combined(change.action, find(parts, item), value)
                if combined is not None:
                    _put(result, parts, combined)
                elif find(parts, item) is not None:
                    removals.append(parts)
    for parts in sorted(removals, key=_depth_and_index, reverse=True):
        _remove(result, parts)
    return result


def worth(operand: Operand, item: Item) -> AttributeValue:
    """Return the value of an operand. Raises ValidationFailed when it has none, or one of a wrong type."""
    match operand:
        case Literal(value):
            return value
        case Path(parts):
            found = find(parts, item)
            if found is None:
                raise ValidationFailed(NO_ATTRIBUTE)
            return found
        case Arithmetic(sign, left, right):
            return _sum(sign, worth(left, item), worth(right, item))
        case Call("if_not_exists", (Path(parts), default)):
            found = find(parts, item)
            return worth(default, item) if found is None else found
        case Call("list_append", (first, second)):
            lists = [worth(each, item).get("L") for each in (first, second)]
            if lists[0] is None or lists[1] is None:
                raise ValidationFailed(WRONG_TYPE)
            return {"L": [*lists[0], *lists[1]]}
        case Call() | Placeholder():
            raise AssertionError(f"{operand} is no operand of an update")


def _sum(sign: str, left: AttributeValue, right: AttributeValue) -> AttributeValue:
    if "N" not in left or "N" not in right:
        raise ValidationFailed(WRONG_TYPE)
    combine = _ARITHMETIC.add if sign == "+" else _ARITHMETIC.subtract
    return {"N": checked_number(str(combine(as_decimal(left["N"]), as_decimal(right["N"]))))}


def _combined(action: str, present: AttributeValue | None, value: AttributeValue) -> AttributeValue | None:
    """Return what ADD or DELETE makes of a value; None when nothing is left."""
    tag = tag_of(value)
    if present is None:
        return value if action == "ADD" else None
    if tag_of(present) != tag:
        raise ValidationFailed(WRONG_TYPE)
    if tag == "N":
        return _sum("+", present, value)
    if action == "ADD":
        return {tag: list(dict.fromkeys([*present[tag], *value[tag]]))}
    left = [each for each in present[tag] if each not in value[tag]]
    return {tag: left} if left else None


def _put(item: dict[str, AttributeValue], parts: Parts, value: AttributeValue) -> None:
    parent, last = _parent(item, parts), parts[-1]
    if isinstance(last, int):
        if last < len(parent):
            parent[last] = value
        else:
            parent.append(value)
    else:
        parent[last] = value


def _remove(item: dict[str, AttributeValue], parts: Parts) -> None:
    parent, last = _parent(item, parts), parts[-1]
    if isinstance(last, int):
        del parent[last : last + 1]
    else:
        parent.pop(last, None)


def _parent(item: dict[str, AttributeValue], parts: Parts) -> Any:
    """Return the dict or list that the last part of a path is in. Raises ValidationFailed without one."""
    if len(parts) == 1:
        return item
    value = find(parts[:-1], item)
    parent = None if value is None else value.get("L" if isinstance(parts[-1], int) else "M")
    if parent is None:
        raise ValidationFailed(NO_SUCH_PLACE)
    return parent


def _copied(value: AttributeValue) -> AttributeValue:
    if "M" in value:
        return {"M": {name: _copied(each) for name, each in value["M"].items()}}
    if "L" in value:
        return {"L": [_copied(each) for each in value["L"]]}
    return value


def _depth_and_index(parts: Parts) -> tuple[int, int]:
    last = parts[-1]
    return len(parts), last if isinstance(last, int) else -1


def _last_index(change: Change) -> int:
    last = change.path.parts[-1]
    return last if isinstance(last, int) else -1
