"""GetItem, PutItem, UpdateItem and DeleteItem."""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from engine.errors import ValidationFailed
from headrace.aws.dynamodb_members import (
    CAPACITY,
    METRICS,
    ON_FAILURE,
    Expressions,
    Members,
    consumed,
    key_of,
    known,
    read_units,
    table_named,
    write_units,
)
from triggers.dynamodb.catalog import Catalog
from triggers.dynamodb.expression.projection import project
from triggers.dynamodb.items import item_table
from triggers.dynamodb.items.item_table import Delete, Put, Update, Write, Written
from triggers.dynamodb.items.value_check import checked_item, item_size
from triggers.dynamodb.table_access import TableAccess

_WRITE_ENUMS = {
    "ReturnConsumedCapacity": CAPACITY,
    "ReturnItemCollectionMetrics": METRICS,
    "ReturnValues": ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"),
    "ReturnValuesOnConditionCheckFailure": ON_FAILURE,
}
_EXPRESSIONS = "ExpressionAttributeNames:map ExpressionAttributeValues:map"
_WRITE = (
    "TableName!text ReturnValues:text ReturnConsumedCapacity:text ReturnItemCollectionMetrics:text "
    f"ConditionExpression:text ReturnValuesOnConditionCheckFailure:text {_EXPRESSIONS}"
)
GET = known(
    "TableName!text Key!map ConsistentRead:truth ReturnConsumedCapacity:text ProjectionExpression:text "
    "ExpressionAttributeNames:map",
    {"ReturnConsumedCapacity": CAPACITY},
)
PUT = known(f"{_WRITE} Item!map", _WRITE_ENUMS)
UPDATE = known(f"{_WRITE} Key!map UpdateExpression:text", _WRITE_ENUMS)
DELETE = known(f"{_WRITE} Key!map", _WRITE_ENUMS)


class ItemRequests:
    """Answers requests for one item."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def operations(self) -> dict[str, Callable[[Members], Awaitable[Members]]]:
        """Return the operations by name."""
        return {
            "GetItem": self._get_item,
            "PutItem": self._put_item,
            "UpdateItem": self._update_item,
            "DeleteItem": self._delete_item,
        }

    async def _get_item(self, given: Members) -> Members:
        members = GET.read(given)
        access = table_named(self._catalog, members["TableName"])
        key = key_of(members)
        expressions = Expressions(members)
        paths = expressions.projection()
        expressions.finish()

        def look(connection: sqlite3.Connection, access: TableAccess) -> dict[str, Any] | None:
            return item_table.get(connection, access.layout(connection), key)

        item = await access.run(look)
        answer: dict[str, Any] = {}
        if item is not None:
            answer["Item"] = item if paths is None else project(item, paths)
        if "ReturnConsumedCapacity" in members:
            units = read_units(item_size(item or {}), consistent=members.get("ConsistentRead", False))
            answer |= consumed(members, access.name, units)
        return answer

    async def _put_item(self, given: Members) -> Members:
        members = PUT.read(given)
        access = table_named(self._catalog, members["TableName"])
        _only_old(members)
        item = checked_item(members["Item"])
        expressions = Expressions(members)
        action = Put(item, expressions.guard())
        expressions.finish()
        return await self._write(access, action, members)

    async def _delete_item(self, given: Members) -> Members:
        members = DELETE.read(given)
        access = table_named(self._catalog, members["TableName"])
        _only_old(members)
        key = key_of(members)
        expressions = Expressions(members)
        action = Delete(key, expressions.guard())
        expressions.finish()
        return await self._write(access, action, members)

    async def _update_item(self, given: Members) -> Members:
        members = UPDATE.read(given)
        access = table_named(self._catalog, members["TableName"])
        key = key_of(members)
        expressions = Expressions(members)
        action = Update(key, expressions.changes(), expressions.guard())
        expressions.finish()
        return await self._write(access, action, members)

    async def _write(self, access: TableAccess, action: Write, members: Members) -> Members:
        wanted = members.get("ReturnValues", "NONE")
        written = await access.run(partial(_do, action=action, shows_old=wanted != "NONE"))
        self._catalog.wrote(access.name)
        answer: dict[str, Any] = {}
        if wanted != "NONE" and (attributes := _returned(wanted, action, written)):
            answer["Attributes"] = attributes
        if "ReturnConsumedCapacity" in members:
            answer |= consumed(members, access.name, write_units(written.size))
        if members.get("ReturnItemCollectionMetrics") == "SIZE":
            answer |= await access.run(partial(_metrics, written=written))
        return answer


def _do(connection: sqlite3.Connection, access: TableAccess, *, action: Write, shows_old: bool) -> Written:
    return item_table.write(connection, access.layout, action, shows_old=shows_old)


def _metrics(connection: sqlite3.Connection, access: TableAccess, *, written: Written) -> Members:
    """Return the item collection that was written to, which only tables with a local index have."""
    definition = access.layout(connection).definition
    item = written.new or written.old
    if item is None or all(index.is_global for index in definition.indexes):
        return {}
    name = definition.key[0].name
    return {
        "ItemCollectionMetrics": {
            "ItemCollectionKey": {name: item[name]},
            "SizeEstimateRangeGB": [0.0, 1.0],
        }
    }


def _returned(wanted: str, action: Write, written: Written) -> Mapping[str, Any] | None:
    item = written.old if wanted.endswith("OLD") else written.new
    if item is None or wanted.startswith("ALL") or not isinstance(action, Update):
        return item
    return project(item, [change.path.parts for change in action.changes])


def _only_old(members: Members) -> None:
    if members.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise ValidationFailed("ReturnValues can only be ALL_OLD or NONE")
