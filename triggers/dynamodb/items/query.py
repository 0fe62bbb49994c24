"""Finds the items of a query or a scan, a page at a time.

SQLite keeps the order: numbers numerically, text and blobs by their bytes. Numbers that SQLite cannot hold
exactly are text in their column, which it would sort behind all others; a partition in which there is such a
number, or that is asked for one, is sorted here instead.
Source: DynamoDB developer guide, "Querying tables in DynamoDB" and "Scanning tables in DynamoDB".
"""

# ruff: noqa: S608 - names are quoted here

import sqlite3
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.errors import ValidationFailed
from engine.value import dataclass
from triggers.dynamodb.attribute_value import NUMBER_TYPE, AttributeValue
from triggers.dynamodb.expression.evaluation import holds
from triggers.dynamodb.expression.key_condition import KeyRange
from triggers.dynamodb.expression.tree import Condition
from triggers.dynamodb.items.column_value import Stored, native_number
from triggers.dynamodb.items.definition import Index, KeyAttribute
from triggers.dynamodb.items.layout import Item, Layout
from triggers.dynamodb.items.value_check import item_size
from triggers.dynamodb.items.value_order import is_same, order
from triggers.dynamodb.table_schema import quoted

PAGE_BYTES = 1024 * 1024
Key = Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Query:
    """What to find: items of a table or an index with one partition key, within a range of the sort key.

    `start` is the key after which to go on. `all_attributes`: an index shows also what it does not hold.
    """

    partition: AttributeValue
    range: KeyRange | None = None
    index: Index | None = None
    forward: bool = True
    limit: int | None = None
    start: Key | None = None
    filter: Condition | None = None
    all_attributes: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """What to look through: a table or an index, or one of several segments of it."""

    index: Index | None = None
    limit: int | None = None
    start: Key | None = None
    filter: Condition | None = None
    segment: tuple[int, int] | None = None
    all_attributes: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What was found. `scanned` items were looked at, `size` bytes; `last` is the key to go on after."""

    items: list[Item]
    scanned: int
    size: int
    last: dict[str, AttributeValue] | None


def query(connection: sqlite3.Connection, layout: Layout, wanted: Query) -> Page:
    """Return a page of a query. Raises ValidationFailed for a starting key that it cannot start from."""
    key = layout.definition.key if wanted.index is None else wanted.index.key
    if wanted.start is not None:
        _check_start(layout, wanted.start, wanted.index)
        if not is_same(wanted.start[key[0].name], wanted.partition):
            raise ValidationFailed(
                "The provided starting key is outside query boundaries based on provided conditions"
            )
    if _needs_sorting(connection, layout, key, wanted):
        items: Iterable[Item] = _sorted_items(connection, layout, key, wanted)
    else:
        statement, values = _query_statement(layout, key, wanted)
        items = map(layout.item, connection.execute(statement, values))
    return _page(layout, items, wanted)


def scan(connection: sqlite3.Connection, layout: Layout, wanted: Scan) -> Page:
    """Return a page of a scan. Raises ValidationFailed for a starting key that it cannot start from."""
    order_by = _order_by(layout, wanted.index, 0)
    conditions, values = [], []
    if wanted.index is not None:
        conditions += [f"{quoted(attribute.name)} IS NOT NULL" for attribute in wanted.index.key]
    if wanted.start is not None:
        _check_start(layout, wanted.start, wanted.index)
        clause, more = _after(layout, order_by, wanted.start, ">")
        conditions.append(clause)
        values += more
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    ordered = ", ".join(quoted(attribute.name) for attribute in order_by)
    rows = connection.execute(f"{layout.select}{where} ORDER BY {ordered}", values)
    items: Iterator[Item] = map(layout.item, rows)
    if wanted.segment is not None:
        number, total = wanted.segment
        partition = layout.definition.key[0]
        items = (item for item in items if _segment(item[partition.name], total) == number)
    return _page(layout, items, wanted)


def _page(layout: Layout, items: Iterable[Item], wanted: Query | Scan) -> Page:
    shown: list[Item] = []
    scanned = size = 0
    shows = _shown_names(layout, wanted.index) if not wanted.all_attributes else None
    key = {attribute.name for attribute in layout.definition.key}
    for item in items:
        if not key <= item.keys():
            continue  # a row of the user's own whose key is NULL is no item
        seen = item if shows is None else {name: value for name, value in item.items() if name in shows}
        scanned += 1
        size += item_size(seen)
        if wanted.filter is None or holds(wanted.filter, seen):
            shown.append(seen)
        if scanned == wanted.limit or size > PAGE_BYTES:
            return Page(shown, scanned, size, _position(layout, wanted.index, item))
    return Page(shown, scanned, size, None)


def _shown_names(layout: Layout, index: Index | None) -> frozenset[str] | None:
    """Return the attributes that an index shows, None for all."""
    if index is None or index.projection == "ALL":
        return None
    names = [attribute.name for attribute in (*layout.definition.key, *index.key)]
    return frozenset((*names, *index.included))


def _position(layout: Layout, index: Index | None, item: Item) -> dict[str, AttributeValue]:
    key = (*layout.definition.key, *(() if index is None else index.key))
    return {attribute.name: item[attribute.name] for attribute in key}


def _check_start(layout: Layout, start: Key, index: Index | None) -> None:
    key = {
        attribute.name: attribute.type
        for attribute in (*layout.definition.key, *(() if index is None else index.key))
    }
    if set(start) != set(key) or any(key[name] not in value for name, value in start.items()):
        raise ValidationFailed("The provided starting key is invalid")


def _query_statement(
    layout: Layout, key: tuple[KeyAttribute, ...], wanted: Query
) -> tuple[str, list[Stored]]:
    conditions = [f"{quoted(key[0].name)} = ?"]
    values = [layout.kept(key[0], wanted.partition)]
    if len(key) > 1:
        if wanted.range is not None:
            clause, more = _range_clause(layout, key[1], wanted.range)
            conditions.append(clause)
            values += more
        elif wanted.index is not None:
            conditions.append(f"{quoted(key[1].name)} IS NOT NULL")
    order_by = _order_by(layout, wanted.index, 1)
    if wanted.start is not None and order_by:
        clause, more = _after(layout, order_by, wanted.start, ">" if wanted.forward else "<")
        conditions.append(clause)
        values += more
    elif wanted.start is not None:
        conditions.append("0")  # the one item of this partition was the last
    direction = "" if wanted.forward else " DESC"
    ordered = ", ".join(f"{quoted(attribute.name)}{direction}" for attribute in order_by)
    sql = f"{layout.select} WHERE {' AND '.join(conditions)}"
    return (f"{sql} ORDER BY {ordered}" if ordered else sql), values


def _order_by(layout: Layout, index: Index | None, beginning: int) -> list[KeyAttribute]:
    """Return the attributes that items are ordered by, leaving out the first ones of the key."""
    key = layout.definition.key
    if index is None:
        return list(key[beginning:])
    attributes = {attribute.name: attribute for attribute in (*index.key, *key)}
    for attribute in index.key[:beginning]:
        del attributes[attribute.name]
    return list(attributes.values())


def _after(
    layout: Layout, order_by: list[KeyAttribute], start: Key, operator: str
) -> tuple[str, list[Stored]]:
    names = ", ".join(quoted(attribute.name) for attribute in order_by)
    marks = ", ".join("?" * len(order_by))
    values = [layout.kept(attribute, start[attribute.name]) for attribute in order_by]
    return f"({names}) {operator} ({marks})", values


def _range_clause(layout: Layout, attribute: KeyAttribute, wanted: KeyRange) -> tuple[str, list[Stored]]:
    name = quoted(attribute.name)
    if wanted.operator == "begins_with":
        return _prefix_clause(name, wanted.values[0])
    values = [layout.kept(attribute, value) for value in wanted.values]
    if wanted.operator == "BETWEEN":
        return f"{name} BETWEEN ? AND ?", values
    return f"{name} {wanted.operator} ?", values


def _prefix_clause(name: str, prefix: AttributeValue) -> tuple[str, list[Stored]]:
    is_text = "S" in prefix
    raw = prefix["S"].encode("utf-8", "replace") if is_text else b64decode(prefix["B"])
    begin: Stored = prefix["S"] if is_text else raw
    kept = raw.rstrip(b"\xff")
    if not kept:
        return f"{name} >= ?", [begin]
    end = kept[:-1] + bytes([kept[-1] + 1])
    return f"{name} >= ? AND {name} < {'CAST(? AS TEXT)' if is_text else '?'}", [begin, end]


def _needs_sorting(
    connection: sqlite3.Connection, layout: Layout, key: tuple[KeyAttribute, ...], wanted: Query
) -> bool:
    """Say whether items are ordered by an attribute that SQLite may hold as text but is a number."""
    bounds = [] if wanted.range is None else list(wanted.range.values)
    ordered = [
        attribute
        for attribute in _order_by(layout, wanted.index, 1)
        if attribute.type == "N" and layout.column(attribute.name).declared == NUMBER_TYPE
    ]
    for attribute in ordered:
        asked = [wanted.start[attribute.name]] if wanted.start is not None else []
        if attribute in key:
            asked += bounds
        if any(native_number(value["N"]) is None for value in asked):
            return True
    return any(_has_text(connection, layout, key[0], wanted.partition, each.name) for each in ordered)


def _has_text(
    connection: sqlite3.Connection, layout: Layout, key: KeyAttribute, partition: AttributeValue, name: str
) -> bool:
    """Say whether a column of numbers has text within a partition."""
    found = connection.execute(
        f"SELECT 1 FROM {quoted(layout.table)} WHERE {quoted(key.name)} = ? AND {quoted(name)} >= '' LIMIT 1",
        (layout.kept(key, partition),),
    )
    return found.fetchone() is not None


def _sorted_items(
    connection: sqlite3.Connection, layout: Layout, key: tuple[KeyAttribute, ...], wanted: Query
) -> list[Item]:
    """Return what a query finds, read whole and sorted here."""
    order_by = _order_by(layout, wanted.index, 1)
    present = "".join(f" AND {quoted(attribute.name)} IS NOT NULL" for attribute in order_by)
    rows = connection.execute(
        f"{layout.select} WHERE {quoted(key[0].name)} = ?{present}",
        (layout.kept(key[0], wanted.partition),),
    )

    def place(item: Key) -> tuple[Any, ...]:
        return tuple(order(item[attribute.name]) for attribute in order_by)

    items = sorted(map(layout.item, rows), key=place, reverse=not wanted.forward)
    if wanted.range is not None:
        items = [item for item in items if is_within(item[key[1].name], wanted.range)]
    if wanted.start is not None:
        start = place(wanted.start)
        items = [item for item in items if (place(item) > start if wanted.forward else place(item) < start)]
    return items


def is_within(value: AttributeValue, wanted: KeyRange) -> bool:
    """Say whether the value of a sort key is in a range."""
    mine, bounds = order(value), [order(bound) for bound in wanted.values]
    match wanted.operator:
        case "=":
            return bool(mine == bounds[0])
        case "<":
            return bool(mine < bounds[0])
        case "<=":
            return bool(mine <= bounds[0])
        case ">":
            return bool(mine > bounds[0])
        case ">=":
            return bool(mine >= bounds[0])
        case "BETWEEN":
            return bool(bounds[0] <= mine <= bounds[1])
        case _:
            return bool(mine.startswith(bounds[0]))


def _segment(value: AttributeValue, total: int) -> int:
    """Return the segment of a scan that a partition key is in."""
    ((_, text),) = value.items()
    return zlib.crc32(text.encode("utf-8", "replace")) * total >> 32
