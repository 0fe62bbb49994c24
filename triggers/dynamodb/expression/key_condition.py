"""What a key condition asks for: one value of the partition key, and a range of the sort key.

Source: DynamoDB developer guide, "Key condition expressions for the Query operation"; texts of errors as the
service has them.
"""

from collections.abc import Iterator

from engine.errors import ValidationFailed
from engine.value import dataclass
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
    Path,
)
from triggers.dynamodb.items.definition import KeyAttribute
from triggers.dynamodb.items.item_check import check_key_value
from triggers.dynamodb.items.value_check import INVALID

PARAMETER = "KeyConditionExpression"
_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class KeyRange:
    """What the sort key must be: `=`, `<`, `<=`, `>` or `>=` a value, begins_with it, or BETWEEN two."""

    operator: str
    values: tuple[AttributeValue, ...]


def key_condition(
    condition: Condition, key: tuple[KeyAttribute, ...]
) -> tuple[AttributeValue, KeyRange | None]:
    """Return the value of the partition key, and the range of the sort key where one is given.

    Raises ValidationFailed for a condition that a query cannot follow.
    """
    found: dict[str, KeyRange] = {}
    for each in _conjuncts(condition):
        name, wanted = _wanted(each)
        if name in found:
            raise ValidationFailed(
                f"Invalid {PARAMETER}: KeyConditionExpressions must only contain one condition per key"
            )
        found[name] = wanted
    if len(found) > 2:
        raise ValidationFailed(f"Invalid {PARAMETER}: Conditions can be of length 1 or 2 only")
    partition, sort = key[0], key[1] if len(key) > 1 else None
    if partition.name not in found:
        raise ValidationFailed(f"Query condition missed key schema element: {partition.name}")
    hashed = found.pop(partition.name)
    if hashed.operator != "=":
        raise ValidationFailed("Query key condition not supported")
    if found and (sort is None or sort.name not in found):
        if sort is None:
            raise ValidationFailed("Query key condition not supported")
        raise ValidationFailed(f"Query condition missed key schema element: {sort.name}")
    _check_values(partition, hashed, 0)
    if sort is None or sort.name not in found:
        return hashed.values[0], None
    _check_values(sort, found[sort.name], 1)
    return hashed.values[0], found[sort.name]


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, And):
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    else:
        yield condition


def _wanted(condition: Condition) -> tuple[str, KeyRange]:
    match condition:
        case Comparison("<>", _, _):
            raise _not_an_operator("<>")
        case Comparison(operator, Path(), right):
            return _name(condition.left), KeyRange(operator, (_value(right),))
        case Comparison(operator, left, right):
            return _name(right), KeyRange(_FLIPPED[operator], (_value(left),))
        case Between(operand, low, high):
            return _name(operand), KeyRange("BETWEEN", (_value(low), _value(high)))
        case Call("begins_with", (operand, prefix)):
            return _name(operand), KeyRange("begins_with", (_value(prefix),))
        case Call(function, _):
            raise _not_an_operator(function)
        case Or():
            raise _not_an_operator("OR")
        case Not():
            raise _not_an_operator("NOT")
        case Among():
            raise _not_an_operator("IN")
        case And():
            raise AssertionError("conjuncts have no AND")


def _name(operand: Operand) -> str:
    if not isinstance(operand, Path):
        raise ValidationFailed(
            f"Invalid {PARAMETER}: KeyConditionExpressions cannot contain nested operations"
            if isinstance(operand, Call | Arithmetic)
            else f"Invalid condition in {PARAMETER}: No key attribute specified"
        )
    if len(operand.parts) > 1:
        raise ValidationFailed(
            f"Invalid {PARAMETER}: KeyConditionExpressions cannot have conditions on nested attributes"
        )
    return str(operand.parts[0])


def _value(operand: Operand) -> AttributeValue:
    if not isinstance(operand, Literal):
        raise ValidationFailed(
            f"Invalid condition in {PARAMETER}: Multiple attribute names used in one condition"
            if isinstance(operand, Path)
            else f"Invalid {PARAMETER}: KeyConditionExpressions cannot contain nested operations"
        )
    return operand.value


def _check_values(attribute: KeyAttribute, wanted: KeyRange, place: int) -> None:
    for value in wanted.values:
        if attribute.type not in value:
            raise ValidationFailed(f"{INVALID}Condition parameter type does not match schema type")
        if wanted.operator != "begins_with":
            check_key_value(attribute, value, place)


def _not_an_operator(operator: str) -> ValidationFailed:
    return ValidationFailed(f"Invalid operator used in {PARAMETER}: {operator}")
