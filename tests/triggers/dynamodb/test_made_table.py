"""The SQLite tables of made tables, as their indexes come and go."""

import sqlite3
from collections.abc import Iterator

import pytest

from engine.errors import ValidationFailed
from triggers.dynamodb import made_table
from triggers.dynamodb.items.definition import Index, KeyAttribute, TableDefinition
from triggers.dynamodb.items.layout import Item, Layout, read_columns

DEFINITION = TableDefinition((KeyAttribute("id", "S"),))
ITEMS: list[Item] = [
    {"id": {"S": "a"}, "kind": {"S": "x"}, "n": {"N": "1"}},
    {"id": {"S": "b"}, "kind": {"N": "12345678901234567890"}},
    {"id": {"S": "c"}},
]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    made_table.create(connection, "t", DEFINITION)
    for item in ITEMS:
        layout(connection).put(connection, item)
    yield connection
    connection.close()


def layout(connection: sqlite3.Connection) -> Layout:
    return Layout("t", read_columns(connection, "t", nulls_count=False), DEFINITION, nulls_count=False)


def items(connection: sqlite3.Connection) -> list[Item]:
    found = layout(connection)
    return [found.item(row) for row in connection.execute(f"{found.select} ORDER BY id")]


def kinds(connection: sqlite3.Connection) -> list[object]:
    return [row[0] for row in connection.execute("SELECT kind FROM t ORDER BY id")]


def test_an_index_on_another_type_takes_the_column_over(connection: sqlite3.Connection) -> None:
    made_table.add_index(connection, "t", Index("first", (KeyAttribute("kind", "S"),), is_global=True))
    assert kinds(connection) == ["x", None, None]
    assert items(connection) == ITEMS
    made_table.drop_index(connection, "t", "first")
    made_table.add_index(connection, "t", Index("second", (KeyAttribute("kind", "N"),), is_global=True))
    assert kinds(connection) == [None, "12345678901234567890", None]
    assert items(connection) == ITEMS


def test_names_that_differ_in_case_alone_are_one_column_of_sqlite(connection: sqlite3.Connection) -> None:
    with pytest.raises(ValidationFailed, match="choose another name"):
        made_table.add_index(connection, "t", Index("upper", (KeyAttribute("ID", "S"),), is_global=True))
    made_table.add_expiry(connection, "t", "ID")
    assert items(connection) == ITEMS


@pytest.mark.parametrize("value", ["5", "x'00'", "'12'"])
def test_a_shell_cannot_write_a_number_as_what_nobody_finds(value: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    made_table.create(connection, "n", TableDefinition((KeyAttribute("id", "N"),)))
    insert = f"INSERT INTO n (id) VALUES ({value})"
    if value == "5":
        connection.execute(insert)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(insert)
    connection.close()
