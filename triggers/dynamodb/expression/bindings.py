"""Puts what placeholders stand for into expressions, and checks what can be checked without an item.

Source: DynamoDB developer guide, "Expression attribute names", "Expression attribute values" and "Comparison
operator and function reference"; texts of errors as the service has them.
"""

import re
from collections.abc import Mapping
from typing import Any

from engine.errors import ValidationFailed
from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.expression.tree import (
    Among,
    And,
    Arithmetic,
    Between,
    Call,
    Change,
    Comparison,
    Condition,
    Literal,
    Not,
    Operand,
    Or,
    Parts,
    Path,
    Placeholder,
    path_text,
)
from triggers.dynamodb.items.value_check import checked
from triggers.dynamodb.items.value_order import is_before, tag_of

TYPE_NAMES = ("B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M")
ORDERED = ("S", "N", "B")
LONG_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "NULL": "NULL",
    "BOOL": "BOOLEAN",
    "L": "LIST",
    "M": "MAP",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
}
_NAME, _VALUE = re.compile(r"#[A-Za-z0-9_]+"), re.compile(r":[A-Za-z0-9_]+")


class Bindings:
    """The names and values of one request, which all its expressions share."""

    def __init__(self, names: Mapping[str, Any] | None, values: Mapping[str, Any] | None) -> None:
        """Raises ValidationFailed for keys that are no placeholders and values that are none of DynamoDB."""
        self._names = _checked_names(names)
        self._values = _checked_values(values)
        self._has_values = values is not None
        self._has_names = names is not None
        self._used: set[str] = set()

    def finish(self, *, has_expression: bool, without: str) -> None:
        """Raise ValidationFailed for what no expression has used.

        `without` names the parameters whose expressions could have used values, had they been given.
        """
        if self._has_names and not has_expression:
            raise ValidationFailed("ExpressionAttributeNames can only be specified when using expressions")
        if self._has_values and not has_expression:
            raise ValidationFailed(
                f"ExpressionAttributeValues can only be specified when using expressions: {without} is null"
            )
        for what, given in (("Names", self._names), ("Values", self._values)):
            unused = [name for name in given if name not in self._used]
            if unused:
                raise ValidationFailed(
                    f"Value provided in ExpressionAttribute{what} unused in expressions: "
                    f"keys: {{{', '.join(unused)}}}"
                )

    def path(self, path: Path, parameter: str) -> Path:
        """Return a path with the names that its placeholders stand for. Raises ValidationFailed."""
        for part in path.parts:
            if type(part) is str and part[0] == "#":
                break
        else:
            return path
        return Path(tuple(self._part(part, parameter) for part in path.parts))

    def condition(self, node: Condition, parameter: str) -> Condition:
        """Return a condition with all that its placeholders stand for. Raises ValidationFailed."""
        match node:
            case Comparison(operator, left, right):
                return self._comparison(operator, left, right, parameter)
            case And(first, second):
                return And(self.condition(first, parameter), self.condition(second, parameter))
            case Or(first, second):
                return Or(self.condition(first, parameter), self.condition(second, parameter))
            case Not(condition):
                return Not(self.condition(condition, parameter))
            case Call():
                return self._call(node, parameter)
            case Between(operand, low, high):
                found = [self.operand(each, parameter) for each in (operand, low, high)]
                _check_bounds(found[1], found[2], parameter)
                return Between(*found)
            case Among(operand, options):
                left = self.operand(operand, parameter)
                return Among(left, tuple(self.operand(each, parameter) for each in options))

    def operand(self, node: Operand, parameter: str) -> Operand:
        """Return an operand with all that its placeholders stand for. Raises ValidationFailed."""
        match node:
            case Path():
                return self.path(node, parameter)
            case Placeholder(name):
                return Literal(self._value(name, parameter))
            case Call():
                return self._call(node, parameter)
            case Arithmetic(sign, left, right):
                found = [self.operand(each, parameter) for each in (left, right)]
                for each in found:
                    if isinstance(each, Literal) and tag_of(each.value) != "N":
                        raise _wrong_type(parameter, sign, tag_of(each.value))
                return Arithmetic(sign, found[0], found[1])
            case Literal():
                return node

    def changes(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes of an update expression. Raises ValidationFailed, also for overlaps."""
        parameter = "UpdateExpression"
        found = tuple(
            Change(
                change.action,
                self.path(change.path, parameter),
                None if change.operand is None else self.operand(change.operand, parameter),
            )
            for change in changes
        )
        refuse_overlaps([change.path.parts for change in found], parameter)
        for change in found:
            if change.action in ("ADD", "DELETE") and isinstance(change.operand, Literal):
                _check_added(change.action, tag_of(change.operand.value))
        return found

    def projection(self, paths: tuple[Path, ...]) -> tuple[Parts, ...]:
        """Return the paths of a projection expression. Raises ValidationFailed, also for overlaps."""
        found = tuple(self.path(path, "ProjectionExpression").parts for path in paths)
        refuse_overlaps(found, "ProjectionExpression")
        return found

    def _comparison(self, operator: str, left: Operand, right: Operand, parameter: str) -> Comparison:
        left, right = self.operand(left, parameter), self.operand(right, parameter)
        if isinstance(left, Path) and isinstance(right, Path) and left.parts == right.parts:
            raise _not_distinct(parameter, operator, left)
        if operator not in ("=", "<>"):
            for each in (left, right):
                if isinstance(each, Literal) and tag_of(each.value) not in ORDERED:
                    raise _wrong_type(parameter, operator, tag_of(each.value))
        return Comparison(operator, left, right)

    def _call(self, node: Call, parameter: str) -> Call:
        operands = tuple(self.operand(each, parameter) for each in node.operands)
        _check_call(node.function, operands, parameter)
        return Call(node.function, operands)

    def _part(self, part: str | int, parameter: str) -> str | int:
        if isinstance(part, int) or part[0] != "#":
            return part
        name = self._names.get(part)
        if name is None:
            raise ValidationFailed(
                f"Invalid {parameter}: An expression attribute name used in the document path is not "
                f"defined; attribute name: {part}"
            )
        self._used.add(part)
        return name

    def _value(self, name: str, parameter: str) -> AttributeValue:
        value = self._values.get(name)
        if value is None:
            raise ValidationFailed(
                f"Invalid {parameter}: An expression attribute value used in expression is not defined; "
                f"attribute value: {name}"
            )
        self._used.add(name)
        return value


def refuse_overlaps(paths: "tuple[Parts, ...] | list[Parts]", parameter: str) -> None:
    """Raise ValidationFailed when one path is, or leads to, another one, or disagrees with it."""
    if len(paths) < 2:
        return
    for number, one in enumerate(paths):
        for two in paths[number + 1 :]:
            if (problem := _overlap(one, two)) is not None:
                raise ValidationFailed(
                    f"Invalid {parameter}: Two document paths {problem} with each other; must remove or "
                    f"rewrite one of these paths; path one: {path_text(one)}, path two: {path_text(two)}"
                )


def _overlap(one: Parts, two: Parts) -> str | None:
    for left, right in zip(one, two, strict=False):
        if type(left) is not type(right):
            return "conflict"
        if left != right:
            return None
    return "overlap"


def _checked_names(names: Mapping[str, Any] | None) -> Mapping[str, str]:
    if names is None:
        return {}
    if not names:
        raise ValidationFailed("ExpressionAttributeNames must not be empty")
    for name, attribute in names.items():
        if not _NAME.fullmatch(name):
            raise ValidationFailed(
                f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{name}"'
            )
        if not attribute:
            raise ValidationFailed(
                f"ExpressionAttributeNames contains invalid value: Empty attribute name for key {name}"
            )
    return names


def _checked_values(values: Mapping[str, Any] | None) -> Mapping[str, AttributeValue]:
    if values is None:
        return {}
    if not values:
        raise ValidationFailed("ExpressionAttributeValues must not be empty")
    found: dict[str, AttributeValue] = {}
    for name, value in values.items():
        if not _VALUE.fullmatch(name):
            raise ValidationFailed(
                f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{name}"'
            )
        try:
            found[name] = checked(value)
        except ValidationFailed as error:
            raise ValidationFailed(
                f"ExpressionAttributeValues contains invalid value: {error} for key {name}"
            ) from error
    return found


def _check_call(function: str, operands: tuple[Operand, ...], parameter: str) -> None:
    first = operands[0]
    if function in ("attribute_exists", "attribute_not_exists", "if_not_exists"):
        if not isinstance(first, Path):
            raise ValidationFailed(
                f"Invalid {parameter}: Operator or function requires a document path; "
                f"operator or function: {function}"
            )
        return
    tags = [tag_of(each.value) if isinstance(each, Literal) else None for each in operands]
    if function == "begins_with":
        wrong = [tag for tag in tags if tag not in (None, "S", "B")]
    elif function == "size":
        wrong = [tag for tag in tags if tag in ("N", "BOOL", "NULL")]
    elif function == "list_append":
        wrong = [tag for tag in tags if tag not in (None, "L")]
    elif function == "attribute_type":
        wrong = [tag or "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}" for tag in tags[1:] if tag != "S"]
    else:
        wrong = []
    if wrong:
        raise _wrong_type(parameter, function, str(wrong[0]))
    if function in ("begins_with", "contains") and isinstance(first, Path) and first == operands[1]:
        raise _not_distinct(parameter, function, first)
    if function == "attribute_type" and isinstance(operands[1], Literal):
        name = operands[1].value["S"]
        if name not in TYPE_NAMES:
            raise ValidationFailed(
                f"Invalid {parameter}: Invalid attribute type name found; type: {name}, "
                f"valid types: {{{','.join(TYPE_NAMES)}}}"
            )


def _check_bounds(low: Operand, high: Operand, parameter: str) -> None:
    for each in (low, high):
        if isinstance(each, Literal) and tag_of(each.value) not in ORDERED:
            raise _wrong_type(parameter, "BETWEEN", tag_of(each.value))
    if not (isinstance(low, Literal) and isinstance(high, Literal)):
        return
    bounds = (
        f"lower bound operand: AttributeValue: {_shown(low.value)}, "
        f"upper bound operand: AttributeValue: {_shown(high.value)}"
    )
    if tag_of(low.value) != tag_of(high.value):
        raise ValidationFailed(
            f"Invalid {parameter}: The BETWEEN operator requires same data type for lower and upper bounds; "
            + bounds
        )
    if is_before(high.value, low.value):
        raise ValidationFailed(
            f"Invalid {parameter}: The BETWEEN operator requires upper bound to be greater than or equal to "
            f"lower bound; {bounds}"
        )


def _check_added(action: str, tag: str) -> None:
    if tag in ("SS", "NS", "BS") or (action == "ADD" and tag == "N"):
        return
    allowed = "ALLOWED_FOR_ADD_OPERAND" if action == "ADD" else "ALLOWED_FOR_DELETE_OPERAND"
    raise ValidationFailed(
        "Invalid UpdateExpression: Incorrect operand type for operator or function; "
        f"operator: {action}, operand type: {LONG_NAMES[tag]}, typeSet: {allowed}"
    )


def _wrong_type(parameter: str, operator: str, tag: str) -> ValidationFailed:
    return ValidationFailed(
        f"Invalid {parameter}: Incorrect operand type for operator or function; "
        f"operator or function: {operator}, operand type: {tag}"
    )


def _not_distinct(parameter: str, operator: str, path: Path) -> ValidationFailed:
    return ValidationFailed(
        f"Invalid {parameter}: The first operand must be distinct from the remaining operands for this "
        f"operator or function; operator: {operator}, first operand: {path_text(path.parts)}"
    )


def _shown(value: AttributeValue) -> str:
    tag = tag_of(value)
    return f"{{{tag}:{value[tag]}}}"
