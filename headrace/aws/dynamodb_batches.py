"""BatchGetItem and BatchWriteItem."""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from engine.errors import ValidationFailed
from headrace.aws.dynamodb_members import (
    CAPACITY,
    METRICS,
    Expressions,
    Members,
    capacity,
    known,
    read_units,
    table_named,
    write_units,
)
from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.capture import transaction
from triggers.dynamodb.catalog import Catalog
from triggers.dynamodb.errors import NotSerializable
from triggers.dynamodb.expression.projection import project
from triggers.dynamodb.items import item_table
from triggers.dynamodb.items.definition import TableDefinition
from triggers.dynamodb.items.item_check import check_item, check_key
from triggers.dynamodb.items.item_table import Delete, Put, Written
from triggers.dynamodb.items.layout import Item
from triggers.dynamodb.items.value_check import checked_item, item_size
from triggers.dynamodb.table_access import TableAccess

MOST_KEYS, MOST_WRITES = 100, 25
ANSWER_BYTES = 16 * 1024 * 1024
BATCH_GET = known("RequestItems!map ReturnConsumedCapacity:text", {"ReturnConsumedCapacity": CAPACITY})
BATCH_WRITE = known(
    "RequestItems!map ReturnConsumedCapacity:text ReturnItemCollectionMetrics:text",
    {"ReturnConsumedCapacity": CAPACITY, "ReturnItemCollectionMetrics": METRICS},
)
KEYS = known("Keys!list ConsistentRead:truth ProjectionExpression:text ExpressionAttributeNames:map")
WRITE_REQUEST = known("PutRequest:map DeleteRequest:map")
PUT_REQUEST, DELETE_REQUEST = known("Item!map"), known("Key!map")


class BatchRequests:
    """Answers requests for many items of several tables."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def operations(self) -> dict[str, Callable[[Members], Awaitable[Members]]]:
        """Return the operations by name."""
        return {"BatchGetItem": self._batch_get_item, "BatchWriteItem": self._batch_write_item}

    async def _batch_get_item(self, given: Members) -> Members:
        members = BATCH_GET.read(given)
        wanted = {name: KEYS.read(_object(each)) for name, each in members["RequestItems"].items()}
        counts = [len(each["Keys"]) for each in wanted.values()]
        if not counts or not all(counts):
            raise _wrong_length("BatchGetItem", MOST_KEYS, members["RequestItems"])
        if sum(counts) > MOST_KEYS:
            raise ValidationFailed("Too many items requested for the BatchGetItem call")
        room = ANSWER_BYTES
        responses: dict[str, list[Mapping[str, AttributeValue]]] = {}
        unprocessed: dict[str, Any] = {}
        charged = []
        for name, each in wanted.items():
            access = table_named(self._catalog, name)
            keys = [checked_item(key) for key in each["Keys"]]
            expressions = Expressions(each)
            paths = expressions.projection()
            expressions.finish()
            items = await access.run(partial(_get_all, keys=keys))
            responses[name], units = [], 0.0
            for key, item in zip(keys, items, strict=True):
                room -= item_size(item or {})
                if room < 0:
                    unprocessed.setdefault(name, {**each, "Keys": []})["Keys"].append(key)
                    continue
                units += read_units(item_size(item or {}), consistent=each.get("ConsistentRead", False))
                if item is not None:
                    responses[name].append(item if paths is None else project(item, paths))
            charged.append(capacity(members, access.name, units))
        answer = {"Responses": responses, "UnprocessedKeys": unprocessed}
        return _with_capacity(answer, charged)

    async def _batch_write_item(self, given: Members) -> Members:
        members = BATCH_WRITE.read(given)
        wanted = {name: _writes(each) for name, each in members["RequestItems"].items()}
        if not wanted or any(not 0 < len(each) <= MOST_WRITES for each in wanted.values()):
            raise _wrong_length("BatchWriteItem", MOST_WRITES, members["RequestItems"])
        if sum(map(len, wanted.values())) > MOST_WRITES:
            raise ValidationFailed("Too many items requested for the BatchWriteItem call")
        accesses = {name: table_named(self._catalog, name) for name in wanted}
        for name, actions in wanted.items():
            await accesses[name].run(partial(_check_all, actions=actions))
        charged = []
        for name, actions in wanted.items():
            access = accesses[name]
            done = await access.run(partial(_write_all, actions=actions))
            self._catalog.wrote(access.name)
            units = sum(write_units(written.size) for written in done)
            charged.append(capacity(members, access.name, units))
        return _with_capacity({"UnprocessedItems": {}}, charged)


def _get_all(
    connection: sqlite3.Connection, access: TableAccess, *, keys: Sequence[Item]
) -> list[Item | None]:
    layout = access.layout(connection)
    items = [item_table.get(connection, layout, key) for key in keys]
    _refuse_duplicates(layout.definition, keys)
    return items


def _check_all(
    connection: sqlite3.Connection, access: TableAccess, *, actions: Sequence[Put | Delete]
) -> None:
    definition = access.layout(connection).definition
    for action in actions:
        if isinstance(action, Put):
            check_item(definition, action.item)
        else:
            check_key(definition, action.key)
    items = [action.item if isinstance(action, Put) else action.key for action in actions]
    _refuse_duplicates(definition, items)


def _write_all(
    connection: sqlite3.Connection, access: TableAccess, *, actions: Sequence[Put | Delete]
) -> list[Written]:
    access.layout(connection)
    with transaction(connection):
        layout = access.layout(connection)
        return [item_table.apply(connection, layout, action) for action in actions]


def _refuse_duplicates(definition: TableDefinition, items: Sequence[Item]) -> None:
    names = [attribute.name for attribute in definition.key]
    keys = {tuple(str(item[name]) for name in names) for item in items}
    if len(keys) < len(items):
        raise ValidationFailed("Provided list of item keys contains duplicates")


def _writes(requests: Any) -> list[Put | Delete]:
    if not isinstance(requests, list):
        raise NotSerializable("RequestItems must be an object of lists")
    actions: list[Put | Delete] = []
    for each in requests:
        found = WRITE_REQUEST.read(_object(each))
        if len(found) != 1:
            raise ValidationFailed(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
                "supported datatypes"
                if found
                else "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
            )
        if "PutRequest" in found:
            actions.append(Put(checked_item(PUT_REQUEST.read(found["PutRequest"])["Item"])))
        else:
            actions.append(Delete(checked_item(DELETE_REQUEST.read(found["DeleteRequest"])["Key"])))
    return actions


def _object(value: Any) -> Members:
    if not isinstance(value, dict):
        raise NotSerializable("Unexpected value type in payload")
    return value


def _wrong_length(operation: str, most: int, given: Any) -> ValidationFailed:
    if not given:
        return ValidationFailed(f"The requestItems parameter is required for {operation}")
    return ValidationFailed(
        f"1 validation error detected: Value '{str(given)[:200]}' at 'requestItems' failed to satisfy "
        "constraint: Map value must satisfy constraint: [Member must have length less than or equal to "
        f"{most}, Member must have length greater than or equal to 1]"
    )


def _with_capacity(answer: dict[str, Any], charged: Sequence[dict[str, Any] | None]) -> Members:
    shown = [each for each in charged if each is not None]
    return {**answer, "ConsumedCapacity": shown} if shown else answer
