"""Whatever is written, the records lead from one state of the table to the next.

The model is naive: it looks at the whole table before and after each statement.
"""

import sqlite3
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.mapping.source import StreamRecord
from triggers.dynamodb import change_log
from triggers.dynamodb.attribute_value import encode
from triggers.dynamodb.capture import Plan, bring_into_line
from triggers.dynamodb.capture_sql import names_for
from triggers.dynamodb.record import RecordBuilder

NAMES = names_for("things")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REPLACES = "ON CONFLICT REPLACE"

SHAPES = {
    "an integer primary key": ("(a INTEGER PRIMARY KEY, b, c)", "a"),
    "a text primary key": ("(a TEXT NOT NULL PRIMARY KEY, b, c)", "a"),
    "a key of any type": ("(a NOT NULL PRIMARY KEY, b, c)", "a"),
    "a key without regard to case": ("(a TEXT COLLATE NOCASE NOT NULL UNIQUE, b, c)", "a"),
    "a composite key": ("(a NOT NULL, b NOT NULL, c, PRIMARY KEY (a, b))", "a, b"),
    "no rowid": ("(a, b, c, PRIMARY KEY (b, a)) WITHOUT ROWID", "a, b"),
    "no primary key": ("(a, b, c)", "rowid"),
    "several unique columns": ("(a INTEGER PRIMARY KEY, b UNIQUE, c UNIQUE)", "a"),
    "a unique pair": ("(a TEXT NOT NULL PRIMARY KEY, b, c, UNIQUE (b, c))", "a"),
    "constraints that replace": (f"(a INTEGER PRIMARY KEY, b UNIQUE {REPLACES}, c NOT NULL {REPLACES})", "a"),
    "a unique default": (f"(a INTEGER PRIMARY KEY, b, c NOT NULL {REPLACES} DEFAULT 1 UNIQUE)", "a"),
    "a partial index": (
        "(a INTEGER PRIMARY KEY, b, c); CREATE UNIQUE INDEX part ON things (b) WHERE c > 0",
        "a",
    ),
    "an index on an expression": (
        "(a INTEGER PRIMARY KEY, b, c); CREATE UNIQUE INDEX expression ON things (lower(b) DESC, c)",
        "a",
    ),
    "an index without regard to case": (
        "(a INTEGER PRIMARY KEY, b TEXT, c); CREATE UNIQUE INDEX nocase ON things (b COLLATE NOCASE)",
        "a",
    ),
    "generated columns": (
        "(a INTEGER PRIMARY KEY, b, c, d AS (b || c) VIRTUAL, e AS (typeof(b)) STORED UNIQUE)",
        "a",
    ),
    "affinities": ("(a REAL NOT NULL PRIMARY KEY, b TEXT, c NUMERIC)", "a"),
}

KEYS = st.sampled_from(["0", "1", "2", "3", "1.0", "1.5", "'1'", "'a'", "'A'", "x'61'", "9007199254740993"])
VALUES = st.one_of(KEYS, st.sampled_from(["NULL", "-1", "9e99", "''", "'ä'", "x''"]))
CONFLICT = st.sampled_from(["", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT", "OR ROLLBACK"])
UPSERTS = st.sampled_from(
    ["ON CONFLICT DO NOTHING", "ON CONFLICT DO UPDATE SET b = excluded.b", "ON CONFLICT DO UPDATE SET a = 3"]
)
COLUMN = st.sampled_from(["a", "b", "c"])
WHERE = st.one_of(
    st.just(""),
    st.builds("WHERE {} = {}".format, COLUMN, KEYS),
    st.builds("WHERE a > {}".format, KEYS),
)
ROW = st.builds("({}, {}, {})".format, st.one_of(KEYS, st.just("NULL")), VALUES, VALUES)
ROWS = st.lists(ROW, min_size=1, max_size=3).map(", ".join)
STATEMENTS = st.one_of(
    st.builds("INSERT {} INTO things (a, b, c) VALUES {}".format, CONFLICT, ROWS),
    st.builds("INSERT {} INTO things (a, b, c) VALUES {}".format, CONFLICT, ROWS),
    st.builds("INSERT INTO things (a, b, c) VALUES {} {}".format, ROWS, UPSERTS),
    st.builds("INSERT {} INTO things (a, b, c) SELECT a, c, b FROM things {}".format, CONFLICT, WHERE),
    st.builds("INSERT OR REPLACE INTO things (b) VALUES ({})".format, VALUES),
    st.builds("UPDATE {} things SET {} = {} {}".format, CONFLICT, COLUMN, VALUES, WHERE),
    st.builds("UPDATE {} things SET a = a + 1, b = {} {}".format, CONFLICT, VALUES, WHERE),
    st.builds("UPDATE things SET b = b {}".format, WHERE),
    st.builds("DELETE FROM things {}".format, WHERE),
    st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"]),
    st.sampled_from(["PRAGMA recursive_triggers = ON", "PRAGMA recursive_triggers = OFF"]),
)


class Captured:
    """A captured table, its items as they were, and what has been read of its log."""

    def __init__(self, definition: str, key: str) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.executescript(f"CREATE TABLE things {definition}")
        self.key = tuple(key.split(", "))
        plan_key = None if key == "rowid" else self.key
        capture = bring_into_line(
            self.connection, Plan("things", "things", plan_key, "2026-01-01T00:00:00.000", 1)
        )
        assert capture is not None
        self.slots = capture.slots
        self.builder = RecordBuilder("arn", "us-east-1", "NEW_AND_OLD_IMAGES", "omit", lambda _: None)
        self.builder.learn(capture.shapes)
        self.position = 0

    def items(self) -> dict[str, Any]:
        extra = "rowid, " if self.key == ("rowid",) else ""
        cursor = self.connection.execute(f"SELECT {extra}* FROM things")
        names = [column[0] for column in cursor.description]
        items = {}
        for row in cursor:
            image = {
                name: encode(value)[0]
                for name, value in zip(names, row, strict=True)
                if value is not None or name in self.key
            }
            items[key_text({name: image[name] for name in self.key})] = image
        return items

    def new_records(self) -> list[StreamRecord]:
        rows = change_log.read_changes(self.connection, NAMES, self.slots, self.position, 10_000)
        return [record for row in rows if (record := self.builder.build(row, NOW)) is not None]

    def execute(self, statement: str) -> None:
        try:
            self.connection.execute(statement)
        except sqlite3.Error as error:
            text = str(error)
            assert "headrace" not in text, text
            assert "no such column" not in text, text


def key_text(keys: dict[str, Any]) -> str:
    return orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()


def replay(records: list[StreamRecord], items: dict[str, Any]) -> dict[str, Any]:
    """Apply records to items, each of which must fit what is there."""
    items = dict(items)
    for record in records:
        change = record.record["dynamodb"]
        key = key_text(change["Keys"])
        match record.record["eventName"]:
            case "INSERT":
                assert key not in items
                assert "OldImage" not in change
                items[key] = change["NewImage"]
            case "MODIFY":
                assert items[key] == change["OldImage"]
                assert change["OldImage"] != change["NewImage"]
                items[key] = change["NewImage"]
            case "REMOVE":
                assert items.pop(key) == change["OldImage"]
                assert "NewImage" not in change
    return items


@pytest.mark.parametrize(("definition", "key"), SHAPES.values(), ids=SHAPES)
@given(statements=st.lists(STATEMENTS, max_size=12))
@settings(max_examples=25, deadline=None)
def test_records_lead_from_one_state_of_the_table_to_the_next(
    definition: str, key: str, statements: list[str]
) -> None:
    table = Captured(definition, key)
    for statement in statements:
        table.execute(statement)
    everything = table.new_records()
    assert replay(everything, {}) == table.items()
    assert [record.position for record in everything] == sorted({record.position for record in everything})
    table.connection.close()


@pytest.mark.parametrize(("definition", "key"), SHAPES.values(), ids=SHAPES)
@given(
    before=st.lists(STATEMENTS, max_size=4),
    statement=STATEMENTS.filter(lambda text: text.startswith(("INSERT", "UPDATE", "DELETE"))),
    recursive=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_one_statement_makes_at_most_one_record_of_an_item_and_row(
    definition: str, key: str, before: list[str], statement: str, recursive: bool
) -> None:
    table = Captured(definition, key)
    for each in before:
        table.execute(each)
    if table.connection.in_transaction:
        table.connection.execute("COMMIT")
    table.connection.execute(f"PRAGMA recursive_triggers = {'ON' if recursive else 'OFF'}")
    items = table.items()
    table.position = change_log.newest_position(table.connection, NAMES)
    table.execute(statement)
    records = table.new_records()
    now = table.items()
    assert replay(records, items) == now
    if statement.count("(") <= 2 and "SELECT" not in statement and statement.startswith("INSERT"):
        # One row: each item is in one record at most, and only if it changed.
        keys = [key_text(record.record["dynamodb"]["Keys"]) for record in records]
        assert sorted(keys) == sorted(
            item for item in items.keys() | now.keys() if items.get(item) != now.get(item)
        )
    table.connection.close()
