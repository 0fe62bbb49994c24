"""Query and Scan."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from engine.errors import ValidationFailed
from headrace.aws.dynamodb_members import (
    CAPACITY,
    Expressions,
    Members,
    consumed,
    known,
    read_units,
    refused,
    table_named,
)
from triggers.dynamodb.catalog import Catalog
from triggers.dynamodb.expression.key_condition import key_condition
from triggers.dynamodb.expression.projection import project
from triggers.dynamodb.expression.tree import Condition, Parts, heads
from triggers.dynamodb.items import query as queries
from triggers.dynamodb.items.definition import Index, KeyAttribute, TableDefinition
from triggers.dynamodb.items.query import Page, Query, Scan
from triggers.dynamodb.items.value_check import INVALID, checked_item
from triggers.dynamodb.table_access import TableAccess

SELECTS = ("ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT")
_ENUMS = {"ReturnConsumedCapacity": CAPACITY, "Select": SELECTS}
_READ = (
    "TableName!text IndexName:text Select:text Limit:integer ConsistentRead:truth ExclusiveStartKey:map "
    "ReturnConsumedCapacity:text ProjectionExpression:text FilterExpression:text "
    "ExpressionAttributeNames:map ExpressionAttributeValues:map"
)
QUERY = known(f"{_READ} ScanIndexForward:truth KeyConditionExpression:text", _ENUMS)
SCAN = known(f"{_READ} Segment:integer TotalSegments:integer", _ENUMS)
MOST_SEGMENTS = 1_000_000


class ReadRequests:
    """Answers requests for many items of one table or index."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def operations(self) -> dict[str, Callable[[Members], Awaitable[Members]]]:
        """Return the operations by name."""
        return {"Query": self._query, "Scan": self._scan}

    async def _query(self, given: Members) -> Members:
        members = QUERY.read(given)
        access = table_named(self._catalog, members["TableName"])
        _check(members)
        expressions = Expressions(members)
        condition = expressions.condition("KeyConditionExpression")
        if condition is None:
            raise ValidationFailed(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
                "request."
            )
        filtered, paths = expressions.condition("FilterExpression"), expressions.projection()
        expressions.finish()
        start = _start(members)

        def look(connection: sqlite3.Connection, access: TableAccess) -> Page:
            layout = access.layout(connection)
            index = _index(layout.definition, members, paths)
            key = layout.definition.key if index is None else index.key
            partition, within = key_condition(condition, key)
            _refuse_keys(filtered, key)
            wanted = Query(
                partition,
                within,
                index,
                members.get("ScanIndexForward", True),
                members.get("Limit"),
                start,
                filtered,
                _shows_all(index, members, paths),
            )
            return queries.query(connection, layout, wanted)

        return _answer(await access.run(look), members, access.name, paths)

    async def _scan(self, given: Members) -> Members:
        members = SCAN.read(given)
        access = table_named(self._catalog, members["TableName"])
        _check(members)
        expressions = Expressions(members)
        filtered, paths = expressions.condition("FilterExpression"), expressions.projection()
        expressions.finish()
        wanted = Scan(None, members.get("Limit"), _start(members), filtered, _segment(members))
        return _answer(
            await access.run(partial(_look_through, wanted=wanted, members=members, paths=paths)),
            members,
            access.name,
            paths,
        )


def _look_through(
    connection: sqlite3.Connection,
    access: TableAccess,
    *,
    wanted: Scan,
    members: Members,
    paths: tuple[Parts, ...] | None,
) -> Page:
    layout = access.layout(connection)
    index = _index(layout.definition, members, paths)
    shows_all = _shows_all(index, members, paths)
    return queries.scan(connection, layout, replace(wanted, index=index, all_attributes=shows_all))


def _answer(page: Page, members: Members, table: str, paths: tuple[Parts, ...] | None) -> Members:
    answer: dict[str, Any] = {"Count": len(page.items), "ScannedCount": page.scanned}
    if members.get("Select") != "COUNT":
        answer["Items"] = page.items if paths is None else [project(item, paths) for item in page.items]
    if page.last is not None:
        answer["LastEvaluatedKey"] = page.last
    if "ReturnConsumedCapacity" in members:
        units = read_units(page.size, consistent=members.get("ConsistentRead", False))
        answer |= consumed(members, table, units)
    return answer


def _check(members: Members) -> None:
    if members.get("Limit", 1) < 1:
        raise refused("limit", members["Limit"], "have value greater than or equal to 1")
    select, has_paths = members.get("Select"), "ProjectionExpression" in members
    if select == "SPECIFIC_ATTRIBUTES" and not has_paths:
        raise ValidationFailed(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
            "SPECIFIC_ATTRIBUTES"
        )
    if has_paths and select not in (None, "SPECIFIC_ATTRIBUTES"):
        what = "only the Count" if select == "COUNT" else select
        raise ValidationFailed(f"Cannot specify the ProjectionExpression when choosing to get {what}")
    if select == "ALL_PROJECTED_ATTRIBUTES" and "IndexName" not in members:
        raise ValidationFailed("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")


def _start(members: Members) -> dict[str, Any] | None:
    if "ExclusiveStartKey" not in members:
        return None
    try:
        return checked_item(members["ExclusiveStartKey"])
    except ValidationFailed as error:
        raise ValidationFailed(f"The provided starting key is invalid: {error}") from error


def _segment(members: Members) -> tuple[int, int] | None:
    segment, total = members.get("Segment"), members.get("TotalSegments")
    if segment is None and total is None:
        return None
    if segment is None or total is None:
        present, absent = ("Segment", "TotalSegments") if total is None else ("TotalSegments", "Segment")
        raise ValidationFailed(
            f"The {absent} parameter is required but was not present in the request when {present} parameter "
            "is present"
        )
    for name, value, least, most in (
        ("segment", segment, 0, MOST_SEGMENTS - 1),
        ("totalSegments", total, 1, MOST_SEGMENTS),
    ):
        if value < least:
            raise refused(name, value, f"have value greater than or equal to {least}")
        if value > most:
            raise refused(name, value, f"have value less than or equal to {most}")
    if segment >= total:
        raise ValidationFailed(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return segment, total


def _index(definition: TableDefinition, members: Members, paths: tuple[Parts, ...] | None) -> Index | None:
    name = members.get("IndexName")
    if name is None:
        return None
    index = definition.index(name)
    if index is None:
        raise ValidationFailed(f"The table does not have the specified index: {name}")
    if not index.is_global:
        return index
    if members.get("ConsistentRead"):
        raise ValidationFailed("Consistent reads are not supported on global secondary indexes")
    if index.projection == "ALL":
        return index
    if members.get("Select") == "ALL_ATTRIBUTES":
        raise ValidationFailed(
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index {name} because "
            "its projection type is not ALL"
        )
    held = {attribute.name for attribute in (*definition.key, *index.key)} | {*index.included}
    missing = sorted({str(path[0]) for path in paths or ()} - held)
    if missing:
        raise ValidationFailed(
            f"{INVALID}Global secondary index {name} does not project [{', '.join(missing)}]"
        )
    return index


def _shows_all(index: Index | None, members: Members, paths: tuple[Parts, ...] | None) -> bool:
    """Say whether a local index shows also what it does not hold, as it does when asked."""
    if index is None or index.is_global:
        return False
    return paths is not None or members.get("Select") == "ALL_ATTRIBUTES"


def _refuse_keys(filtered: Condition | None, key: Iterable[KeyAttribute]) -> None:
    if filtered is None:
        return
    names = {attribute.name for attribute in key}
    for name in heads(filtered):
        if name in names:
            raise ValidationFailed(
                "Filter Expression can only contain non-primary key attributes: "
                f"Primary key attribute: {name}"
            )
