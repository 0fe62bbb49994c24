"""Queries on real tables, against a search through all items."""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.dynamodb import made_table
from triggers.dynamodb.expression.key_condition import KeyRange
from triggers.dynamodb.items.definition import Index, KeyAttribute, KeyType, TableDefinition
from triggers.dynamodb.items.layout import Layout, read_columns
from triggers.dynamodb.items.query import Query, Scan, is_within, query, scan
from triggers.dynamodb.items.value_check import checked_number
from triggers.dynamodb.items.value_order import order

Item = dict[str, Any]


def binary(raw: bytes) -> dict[str, str]:
    return {"B": base64.b64encode(raw).decode()}


VALUES: dict[KeyType, st.SearchStrategy[dict[str, str]]] = {
    "S": st.text(st.sampled_from("abé\U0010ffff\x00"), min_size=1, max_size=3).map(lambda text: {"S": text}),
    "B": st.binary(min_size=1, max_size=2).map(binary),
    "N": st.one_of(
        st.integers(-3, 3).map(str),
        st.sampled_from(["0.5", "9007199254740993", "9007199254740992.5", "1e40", "-1e40", "1e-100", "2.5"]),
        st.sampled_from(["12345678901234567890123456789012345678", "0.12345678901234567890123456789"]),
    ).map(lambda text: {"N": checked_number(text)}),
}


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


@contextmanager
def made(definition: TableDefinition, items: list[Item]) -> Iterator[tuple[sqlite3.Connection, Layout]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        made_table.create(connection, "t", definition)
        layout = Layout("t", read_columns(connection, "t", nulls_count=False), definition, nulls_count=False)
        for item in items:
            layout.put(connection, item)
        yield connection, layout


@st.composite
def tables(draw: st.DrawFn) -> tuple[TableDefinition, list[Item]]:
    types: list[KeyType] = [draw(st.sampled_from(["S", "N", "B"])) for _ in range(2)]
    key = KeyAttribute("p", "S"), KeyAttribute("s", types[0])
    index = Index("by_other", (KeyAttribute("p", "S"), KeyAttribute("o", types[1])), is_global=True)
    items: list[Item] = draw(
        st.lists(
            st.fixed_dictionaries(
                {"p": st.sampled_from([{"S": "a"}, {"S": "b"}]), "s": VALUES[types[0]]},
                optional={"o": VALUES[types[1]], "rest": st.just({"L": [{"NULL": True}]})},
            ),
            max_size=12,
        )
    )
    unique = {(item["p"]["S"], str(item["s"])): item for item in items}
    return TableDefinition(key, (index,)), list(unique.values())


@settings(max_examples=150)
@given(st.data(), tables(), st.booleans(), st.booleans())
def test_a_query_finds_what_a_search_through_all_finds(
    data: st.DataObject, table: tuple[TableDefinition, list[Item]], uses_index: bool, forward: bool
) -> None:
    definition, items = table
    with made(definition, items) as (connection, layout):
        index = definition.indexes[0] if uses_index else None
        sort = (index.key if index is not None else definition.key)[1]
        operators = ["=", "<", "<=", ">", ">=", "BETWEEN"] + ["begins_with"] * (sort.type != "N")
        operator = data.draw(st.sampled_from(operators))
        bounds = sorted((data.draw(VALUES[sort.type]) for _ in range(1 + (operator == "BETWEEN"))), key=order)
        within = data.draw(st.sampled_from([None, KeyRange(operator, tuple(bounds))]))

        expected = [item for item in items if item["p"] == {"S": "a"} and sort.name in item]
        expected = [item for item in expected if within is None or is_within(item[sort.name], within)]
        expected.sort(key=lambda item: (order(item[sort.name]), order(item["s"])), reverse=not forward)
        found: list[Item] = []
        start = None
        while True:
            page = query(connection, layout, Query({"S": "a"}, within, index, forward, limit=2, start=start))
            found += page.items
            if page.last is None:
                break
            start = page.last
    assert found == expected


@settings(max_examples=50)
@given(tables(), st.integers(1, 3))
def test_the_segments_of_a_scan_are_all_items(
    table: tuple[TableDefinition, list[Item]], segments: int
) -> None:
    definition, items = table
    with made(definition, items) as (connection, layout):
        found: list[Item] = []
        for number in range(segments):
            start = None
            while True:
                page = scan(connection, layout, Scan(limit=2, start=start, segment=(number, segments)))
                found += page.items
                start = page.last
                if start is None:
                    break
    assert len(found) == len(items)
    assert all(item in found for item in items)


@pytest.mark.parametrize("index_key", [("o", "t"), ("o",)], ids=["with a sort key", "without"])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_items_of_one_sort_key_are_in_the_order_of_their_own_numbers(
    index_key: tuple[str, ...], forward: bool, limit: int
) -> None:
    index = Index("by_other", tuple(KeyAttribute(name, "S") for name in index_key), is_global=True)
    numbers = ["0.12345678901234567890123456789", "1", "9007199254740992.5", "9007199254740993"]
    items = [{"p": {"S": "a"}, "s": {"N": n}, "o": {"S": "x"}, "t": {"S": "y"}} for n in numbers]
    with made(TableDefinition((KeyAttribute("p", "S"), KeyAttribute("s", "N")), (index,)), items) as (
        connection,
        layout,
    ):
        found: list[Item] = []
        page = query(connection, layout, Query({"S": "x"}, index=index, forward=forward, limit=limit))
        while page.last is not None:
            found += page.items
            following = Query({"S": "x"}, index=index, forward=forward, limit=limit, start=page.last)
            page = query(connection, layout, following)
    assert found + page.items == (items if forward else items[::-1])


def test_an_index_shows_only_what_it_holds() -> None:
    key = (KeyAttribute("p", "S"),)
    index = Index("thin", (KeyAttribute("o", "S"),), True, "INCLUDE", ("x",))
    item = {"p": {"S": "1"}, "o": {"S": "a"}, "x": {"N": "1"}, "y": {"N": "2"}}
    with made(TableDefinition(key, (index,)), [item, {"p": {"S": "2"}}]) as (connection, layout):
        page = query(connection, layout, Query({"S": "a"}, index=index))
        assert page.items == [{"p": {"S": "1"}, "o": {"S": "a"}, "x": {"N": "1"}}]
        assert scan(connection, layout, Scan(index=index)).items == page.items


def test_a_page_ends_at_a_megabyte() -> None:
    definition = TableDefinition((KeyAttribute("p", "S"), KeyAttribute("s", "N")))
    items = [{"p": {"S": "a"}, "s": {"N": str(n)}, "x": {"S": "x" * 300_000}} for n in range(5)]
    with made(definition, items) as (connection, layout):
        page = query(connection, layout, Query({"S": "a"}))
        assert len(page.items) == 4
        assert page.last == {"p": {"S": "a"}, "s": {"N": "3"}}
        assert query(connection, layout, Query({"S": "a"}, start=page.last)).items == items[4:]


def test_an_index_is_used(connection: sqlite3.Connection) -> None:
    key = KeyAttribute("p", "S"), KeyAttribute("s", "N")
    index = Index("by_other", (KeyAttribute("o", "S"), KeyAttribute("s", "N")), is_global=True)
    made_table.create(connection, "t", TableDefinition(key, (index,)))
    plan = connection.execute(
        'EXPLAIN QUERY PLAN SELECT * FROM "t" WHERE "o" = ? AND "s" > ? ORDER BY "s", "p"', ("a", 1)
    ).fetchall()
    assert [step[3] for step in plan] == ["SEARCH t USING INDEX t/by_other (o=? AND s>?)"]
