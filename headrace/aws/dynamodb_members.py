"""Reads the members of requests for items: their types, what must be there, and their expressions.

Requests for items are many, so each operation has a small table of its own instead of the service's model.
"""

from collections.abc import Mapping
from typing import Any

from engine.errors import ValidationFailed
from engine.value import dataclass
from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.catalog import Catalog
from triggers.dynamodb.errors import NotSerializable, TableNotFound
from triggers.dynamodb.expression.bindings import Bindings
from triggers.dynamodb.expression.parser import parse_condition, parse_projection, parse_update
from triggers.dynamodb.expression.tree import Change, Condition, Parts
from triggers.dynamodb.items.item_table import Guard
from triggers.dynamodb.items.value_check import checked_item
from triggers.dynamodb.table_access import TableAccess

Members = Mapping[str, Any]
CAPACITY = ("INDEXES", "TOTAL", "NONE")
METRICS = ("SIZE", "NONE")
ON_FAILURE = ("ALL_OLD", "NONE")
LEGACY = {
    "AttributesToGet": "ProjectionExpression",
    "AttributeUpdates": "UpdateExpression",
    "Expected": "ConditionExpression",
    "ConditionalOperator": "ConditionExpression",
    "KeyConditions": "KeyConditionExpression",
    "QueryFilter": "FilterExpression",
    "ScanFilter": "FilterExpression",
}
_TYPES = {"text": str, "map": dict, "list": list, "truth": bool, "integer": int}
_WORDS = {
    "text": "a string",
    "map": "an object",
    "list": "a list",
    "truth": "true or false",
    "integer": "an integer",
}


@dataclass(frozen=True, slots=True)
class Known:
    """The members of an operation: their types, those that must be there, and allowed values."""

    types: Mapping[str, str]
    required: tuple[str, ...]
    allowed: Mapping[str, tuple[str, ...]]

    def read(self, members: Members, place: str = "") -> Members:
        """Return the members that are not null. `place` stands before names in errors.

        Raises NotSerializable for wrong types, ValidationFailed for what is missing, not allowed or unknown.
        """
        found = {name: value for name, value in members.items() if value is not None}
        for name, value in found.items():
            kind = self.types.get(name)
            if kind is None:
                raise _unknown(name)
            if type(value) is not _TYPES[kind]:
                raise NotSerializable(f"{place}{name} must be {_WORDS[kind]}")
            allowed = self.allowed.get(name)
            if allowed is not None and value not in allowed:
                raise refused(place + lower(name), value, f"satisfy enum value set: [{', '.join(allowed)}]")
        for name in self.required:
            if name not in found:
                raise ValidationFailed(
                    f"1 validation error detected: Value null at '{place}{lower(name)}' failed to satisfy "
                    "constraint: Member must not be null"
                )
        return found


def known(types: str, allowed: Mapping[str, tuple[str, ...]] | None = None) -> Known:
    """Return a table of members, of words such as `TableName!text`: `!` for what is required, else `:`."""
    found: dict[str, str] = {}
    required: list[str] = []
    for word in types.split():
        name, _, kind = word.replace("!", ":").partition(":")
        found[name] = kind
        if "!" in word:
            required.append(name)
    return Known(found, tuple(required), allowed or {})


def refused(place: str, value: object, rule: str) -> ValidationFailed:
    """Return the error for a value that breaks a rule: what the member must."""
    return ValidationFailed(
        f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: Member "
        f"must {rule}"
    )


def _unknown(name: str) -> ValidationFailed:
    instead = f": use {LEGACY[name]}" if name in LEGACY else ""
    return ValidationFailed(f"{name} is not simulated by Headrace{instead}.")


def lower(name: str) -> str:
    """Return a member's name as errors have it."""
    return name[0].lower() + name[1:]


def table_named(catalog: Catalog, name: str) -> TableAccess:
    """Return a table by its name or its ARN. Raises TableNotFound, ValidationFailed for no name at all."""
    try:
        return catalog.access(name)
    except TableNotFound:
        if len(name) < 3:
            raise refused("tableName", name, "have length greater than or equal to 3") from None
        raise


class Expressions:
    """The expressions of one request, which share names and values. `finish` once all are read."""

    def __init__(self, members: Members) -> None:
        """Raises ValidationFailed, as all methods do."""
        self._members = members
        self._has_placeholders = (
            "ExpressionAttributeNames" in members or "ExpressionAttributeValues" in members
        )
        names = members.get("ExpressionAttributeNames")
        if names is not None and not all(isinstance(name, str) for name in names.values()):
            raise NotSerializable("ExpressionAttributeNames must be an object of strings")
        self._bindings = Bindings(names, members.get("ExpressionAttributeValues"))
        self._asked: list[str] = []
        self._has_any = False

    def condition(self, parameter: str = "ConditionExpression") -> Condition | None:
        """Return a condition, None when there is none."""
        text = self._text(parameter)
        if text is None:
            return None
        return self._bindings.condition(parse_condition(text, parameter), parameter)

    def guard(self) -> Guard:
        """Return the condition of a write."""
        shows_item = self._members.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return Guard(self.condition(), shows_item)

    def changes(self) -> tuple[Change, ...]:
        """Return what an update expression does; without one, nothing."""
        text = self._text("UpdateExpression")
        return () if text is None else self._bindings.changes(parse_update(text))

    def projection(self) -> tuple[Parts, ...] | None:
        """Return the paths of a projection expression, None when there is none."""
        text = self._text("ProjectionExpression")
        return None if text is None else self._bindings.projection(parse_projection(text))

    def finish(self) -> None:
        """Refuse placeholders that no expression has used."""
        if self._has_placeholders:
            without = " and ".join(self._asked)
            self._bindings.finish(has_expression=self._has_any, without=without)

    def _text(self, parameter: str) -> str | None:
        text: str | None = self._members.get(parameter)
        self._asked.append(parameter)
        self._has_any = self._has_any or text is not None
        return text


def read_units(size: int, *, consistent: bool) -> float:
    """Return the capacity units of a read."""
    units = -(-max(size, 1) // 4096)
    return float(units) if consistent else units * 0.5


def write_units(size: int) -> float:
    """Return the capacity units of a write."""
    return float(-(-max(size, 1) // 1024))


def consumed(members: Members, table: str, units: float) -> dict[str, Any]:
    """Return ConsumedCapacity, as a request asked for it; nothing when it did not."""
    shape = capacity(members, table, units)
    return {} if shape is None else {"ConsumedCapacity": shape}


def capacity(members: Members, table: str, units: float) -> dict[str, Any] | None:
    """Return the capacity that one table was charged, None when the request did not ask."""
    wanted = members.get("ReturnConsumedCapacity", "NONE")
    if wanted == "NONE":
        return None
    shape: dict[str, Any] = {"TableName": table, "CapacityUnits": units}
    if wanted == "INDEXES":
        shape["Table"] = {"CapacityUnits": units}
    return shape


def key_of(members: Members) -> dict[str, AttributeValue]:
    """Return the Key of a request, whose attributes are checked. Raises ValidationFailed."""
    return checked_item(members["Key"])
