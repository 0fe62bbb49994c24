"""What the triggers write to the change log, and how the capture follows the table."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from triggers.dynamodb import change_log
from triggers.dynamodb.capture import Capture, Plan, bring_into_line, detach
from triggers.dynamodb.capture_sql import names_for
from triggers.dynamodb.table_schema import CaptureImpossible

Row = dict[str, Any]
Change = tuple[str, Row | None, Row | None]
KINDS = {1: "INSERT", 2: "MODIFY", 3: "REMOVE"}
NAMES = names_for("things")
ORDERS = "CREATE TABLE things (id INTEGER PRIMARY KEY, item TEXT, code UNIQUE)"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def line_up(connection: sqlite3.Connection, *, key: Any = None, was_missing: bool = False) -> Capture:
    capture = bring_into_line(connection, Plan("things", "things", key, "label", 1, was_missing))
    assert capture is not None
    return capture


def changes(connection: sqlite3.Connection) -> list[Change]:
    """Return what is logged as (event, old row, new row), without columns that are NULL, and forget it."""
    capture = line_up(connection)
    found = []
    for row in change_log.read_changes(connection, NAMES, capture.slots, 0, 1000):
        _, kind, _, shape, *values = row
        columns = capture.shapes[shape].columns
        old, new = (
            {
                column.name: values[2 * column.slot + side]
                for column in columns
                if values[2 * column.slot + side] is not None
            }
            for side in (0, 1)
        )
        found.append((KINDS[kind], old or None, new or None))
    connection.execute(f"DELETE FROM {NAMES.log} WHERE kind > 0")
    return found


def row(number: int, item: str | None = None, code: Any = None) -> Row:
    return {
        name: value for name, value in (("id", number), ("item", item), ("code", code)) if value is not None
    }


LAMP, DESK = row(1, "lamp", "l"), row(2, "desk", "d")


@pytest.mark.parametrize("recursive_triggers", ["OFF", "ON"])
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(
            "INSERT INTO things VALUES (3, 'bed', 'b'), (4, 'rug', NULL)",
            [("INSERT", None, row(3, "bed", "b")), ("INSERT", None, row(4, "rug"))],
            id="rows of one statement are in order",
        ),
        pytest.param("INSERT INTO things DEFAULT VALUES", [("INSERT", None, row(3))], id="a key is given"),
        pytest.param(
            "UPDATE things SET item = 'sofa' WHERE id = 1",
            [("MODIFY", LAMP, row(1, "sofa", "l"))],
            id="an update is a change",
        ),
        pytest.param(
            "UPDATE things SET item = item, code = code", [], id="an update that changes nothing is none"
        ),
        pytest.param("UPDATE things SET item = 'x' WHERE id = 9", [], id="an update of no row is none"),
        pytest.param(
            "UPDATE things SET code = 1 WHERE id = 1",
            [("MODIFY", LAMP, row(1, "lamp", 1))],
            id="text becomes a number",
        ),
        pytest.param(
            "UPDATE things SET item = NULL WHERE id = 1",
            [("MODIFY", LAMP, row(1, None, "l"))],
            id="NULL differs",
        ),
        pytest.param(
            "UPDATE things SET id = id + 10",
            [
                ("REMOVE", LAMP, None),
                ("INSERT", None, row(11, "lamp", "l")),
                ("REMOVE", DESK, None),
                ("INSERT", None, row(12, "desk", "d")),
            ],
            id="an update of the key removes one item and inserts another",
        ),
        pytest.param("DELETE FROM things WHERE id = 2", [("REMOVE", DESK, None)], id="a deletion"),
        pytest.param(
            "DELETE FROM things", [("REMOVE", LAMP, None), ("REMOVE", DESK, None)], id="all are deleted"
        ),
        pytest.param("DELETE FROM things WHERE id = 9", [], id="nothing is deleted"),
        pytest.param(
            "REPLACE INTO things VALUES (1, 'sofa', 'l')",
            [("MODIFY", LAMP, row(1, "sofa", "l"))],
            id="a replaced row is a change",
        ),
        pytest.param(
            "REPLACE INTO things VALUES (1, 'lamp', 'l')", [], id="a row replaced by the same is none"
        ),
        pytest.param(
            "REPLACE INTO things VALUES (3, 'bed', 'b')",
            [("INSERT", None, row(3, "bed", "b"))],
            id="a replacement without a row to replace is an insertion",
        ),
        pytest.param(
            "REPLACE INTO things VALUES (3, 'bed', 'd')",
            [("REMOVE", DESK, None), ("INSERT", None, row(3, "bed", "d"))],
            id="a row replaced for another unique column is removed",
        ),
        pytest.param(
            "REPLACE INTO things VALUES (1, 'both', 'd')",
            [("REMOVE", DESK, None), ("MODIFY", LAMP, row(1, "both", "d"))],
            id="a row replaces two",
        ),
        pytest.param(
            "UPDATE OR REPLACE things SET id = 2 WHERE id = 1",
            [("REMOVE", LAMP, None), ("MODIFY", DESK, row(2, "lamp", "l"))],
            id="an update replaces the row that has the key",
        ),
        pytest.param(
            "UPDATE OR REPLACE things SET code = 'd' WHERE id = 1",
            [("REMOVE", DESK, None), ("MODIFY", LAMP, row(1, "lamp", "d"))],
            id="an update replaces the row that has the value",
        ),
        pytest.param("INSERT OR IGNORE INTO things VALUES (1, 'x', 'x')", [], id="an ignored row"),
        pytest.param(
            "INSERT INTO things VALUES (1, 'x', 'y') ON CONFLICT DO UPDATE SET item = excluded.item",
            [("MODIFY", LAMP, row(1, "x", "l"))],
            id="an upsert is a change",
        ),
        pytest.param(
            "INSERT INTO things VALUES (1, 'x', 'y') ON CONFLICT DO NOTHING",
            [],
            id="an upsert that does nothing",
        ),
        pytest.param(
            "BEGIN; DELETE FROM things; INSERT INTO things VALUES (5, 'x', 'y'); ROLLBACK",
            [],
            id="a rollback",
        ),
        pytest.param(
            "BEGIN; DELETE FROM things WHERE id = 1; SAVEPOINT s; DELETE FROM things; ROLLBACK TO s; COMMIT",
            [("REMOVE", LAMP, None)],
            id="a rollback to a savepoint",
        ),
        pytest.param(
            "INSERT OR IGNORE INTO things VALUES (1, 'x', 'x'); DELETE FROM things WHERE id = 1;"
            "INSERT INTO things VALUES (1, 'lamp', 'l')",
            [("REMOVE", LAMP, None), ("INSERT", None, LAMP)],
            id="what an ignored row would have replaced is not remembered",
        ),
    ],
)
def test_statements_are_logged_as_changes_of_items(
    connection: sqlite3.Connection, statement: str, expected: list[Change], recursive_triggers: str
) -> None:
    connection.execute(ORDERS)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l'), (2, 'desk', 'd')")
    line_up(connection)
    connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
    connection.executescript(statement)
    assert changes(connection) == expected


@pytest.mark.parametrize(
    ("definition", "statements", "expected"),
    [
        pytest.param(
            "(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
            "REPLACE INTO things VALUES (1, 2); REPLACE INTO things VALUES (1, 2); DELETE FROM things",
            [("INSERT", None, {"a": 1, "b": 2}), ("REMOVE", {"a": 1, "b": 2}, None)],
            id="no rowid",
        ),
        pytest.param(
            "(a, b)",
            "INSERT INTO things VALUES (1, 2); REPLACE INTO things (rowid, a) VALUES (1, 3)",
            [
                ("INSERT", None, {"rowid": 1, "a": 1, "b": 2}),
                ("MODIFY", {"rowid": 1, "a": 1, "b": 2}, {"rowid": 1, "a": 3}),
            ],
            id="no primary key: the rowid is the key",
        ),
        pytest.param(
            "(rowid, oid)",
            "INSERT INTO things VALUES (1, 2)",
            [("INSERT", None, {"_rowid_": 1, "rowid": 1, "oid": 2})],
            id="a column called rowid: the rowid has another name",
        ),
        pytest.param(
            "(a TEXT COLLATE NOCASE PRIMARY KEY, b)",
            "INSERT INTO things VALUES ('k', 1); REPLACE INTO things VALUES ('K', 1);"
            "UPDATE things SET a = 'k'",
            [
                ("INSERT", None, {"a": "k", "b": 1}),
                ("REMOVE", {"a": "k", "b": 1}, None),
                ("INSERT", None, {"a": "K", "b": 1}),
                ("REMOVE", {"a": "K", "b": 1}, None),
                ("INSERT", None, {"a": "k", "b": 1}),
            ],
            id="keys that differ in case are different items",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b TEXT COLLATE NOCASE)",
            "INSERT INTO things VALUES (1, 'x'); UPDATE things SET b = 'X'",
            [("INSERT", None, {"a": 1, "b": "x"}), ("MODIFY", {"a": 1, "b": "x"}, {"a": 1, "b": "X"})],
            id="a change of case is a change",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b); CREATE UNIQUE INDEX i ON things (b COLLATE NOCASE)",
            "INSERT INTO things VALUES (1, 'x'); REPLACE INTO things VALUES (2, 'X')",
            [
                ("INSERT", None, {"a": 1, "b": "x"}),
                ("REMOVE", {"a": 1, "b": "x"}, None),
                ("INSERT", None, {"a": 2, "b": "X"}),
            ],
            id="an index with another collation than its column's",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b COLLATE NOCASE); CREATE UNIQUE INDEX i ON things (b COLLATE BINARY)",
            "INSERT INTO things VALUES (1, 'x'), (3, 'X'); REPLACE INTO things VALUES (2, 'X')",
            [
                ("INSERT", None, {"a": 1, "b": "x"}),
                ("INSERT", None, {"a": 3, "b": "X"}),
                ("REMOVE", {"a": 3, "b": "X"}, None),
                ("INSERT", None, {"a": 2, "b": "X"}),
            ],
            id="an index with a stricter collation than its column's",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b, c); CREATE UNIQUE INDEX i ON things (b) WHERE c",
            "INSERT INTO things VALUES (1, 'x', 0), (2, 'x', 0), (3, 'x', 1);"
            "REPLACE INTO things VALUES (4, 'x', 1)",
            [
                ("INSERT", None, {"a": 1, "b": "x", "c": 0}),
                ("INSERT", None, {"a": 2, "b": "x", "c": 0}),
                ("INSERT", None, {"a": 3, "b": "x", "c": 1}),
                ("REMOVE", {"a": 3, "b": "x", "c": 1}, None),
                ("INSERT", None, {"a": 4, "b": "x", "c": 1}),
            ],
            id="a partial index: only rows that it holds are replaced",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b, c); CREATE UNIQUE INDEX i ON things (b || ',' || c, b ASC)",
            "INSERT INTO things VALUES (1, 'x', 'y'); REPLACE INTO things VALUES (2, 'x', 'y')",
            [
                ("INSERT", None, {"a": 1, "b": "x", "c": "y"}),
                ("REMOVE", {"a": 1, "b": "x", "c": "y"}, None),
                ("INSERT", None, {"a": 2, "b": "x", "c": "y"}),
            ],
            id="an index on expressions",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b, twice AS (b * 2) VIRTUAL, text AS ('<' || b || '>') STORED)",
            "INSERT INTO things (b) VALUES (1); UPDATE things SET b = 2; DELETE FROM things",
            [
                ("INSERT", None, {"a": 1, "b": 1, "twice": 2, "text": "<1>"}),
                (
                    "MODIFY",
                    {"a": 1, "b": 1, "twice": 2, "text": "<1>"},
                    {"a": 1, "b": 2, "twice": 4, "text": "<2>"},
                ),
                ("REMOVE", {"a": 1, "b": 2, "twice": 4, "text": "<2>"}, None),
            ],
            id="generated columns",
        ),
        pytest.param(
            '("a ""quoted"" name" INTEGER PRIMARY KEY, "select", "{braces}", "it\'s")',
            "INSERT INTO things VALUES (1, 2, 3, 4)",
            [("INSERT", None, {'a "quoted" name': 1, "select": 2, "{braces}": 3, "it's": 4})],
            id="odd names",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b REFERENCES things (a) ON DELETE CASCADE)",
            "PRAGMA foreign_keys = ON;"
            "INSERT INTO things VALUES (1, NULL), (2, 1); DELETE FROM things WHERE a = 1",
            [
                ("INSERT", None, {"a": 1}),
                ("INSERT", None, {"a": 2, "b": 1}),
                ("REMOVE", {"a": 2, "b": 1}, None),
                ("REMOVE", {"a": 1}, None),
            ],
            id="rows that go with another are removed",
        ),
        pytest.param(
            "(a INTEGER PRIMARY KEY, b); CREATE TRIGGER t AFTER INSERT ON things WHEN NEW.b < 3"
            " BEGIN INSERT INTO things (b) VALUES (NEW.b + 1); END",
            "PRAGMA recursive_triggers = ON; INSERT INTO things VALUES (1, 1)",
            [
                ("INSERT", None, {"a": 1, "b": 1}),
                ("INSERT", None, {"a": 2, "b": 2}),
                ("INSERT", None, {"a": 3, "b": 3}),
            ],
            id="what the table's own triggers write is captured, in order",
        ),
    ],
)
def test_tables_of_every_form_are_captured(
    connection: sqlite3.Connection, definition: str, statements: str, expected: list[Change]
) -> None:
    connection.executescript(f"CREATE TABLE things {definition}")
    line_up(connection)
    connection.executescript(statements)
    assert changes(connection) == expected


def test_values_keep_their_types(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, v)")
    line_up(connection)
    values = [1, 1.5, "1", b"1", 2**63 - 1, -(2**63), "ä", b"", "", 1e300]
    connection.executemany("INSERT INTO things (v) VALUES (?)", [(value,) for value in values])
    logged = [new["v"] for _, _, new in changes(connection) if new is not None]
    assert [(type(value), value) for value in logged] == [(type(value), value) for value in values]


def test_an_update_that_changes_only_the_type_is_a_change_where_dynamodb_sees_one(
    connection: sqlite3.Connection,
) -> None:
    connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, v)")
    connection.execute("INSERT INTO things VALUES (1, 1)")
    line_up(connection)
    for value in ("1.0", "'1'", "x'31'"):
        connection.execute(f"UPDATE things SET v = {value}")
    assert [(old["v"], new["v"]) for _, old, new in changes(connection) if old and new] == [
        (1.0, "1"),
        ("1", b"1"),
    ]


@pytest.mark.parametrize(
    ("alter", "then", "expected"),
    [
        pytest.param(
            "ALTER TABLE things ADD COLUMN note",
            "UPDATE things SET note = 'n' WHERE id = 1; INSERT INTO things VALUES (3, 'bed', 'b', 'm')",
            [("MODIFY", LAMP, LAMP | {"note": "n"}), ("INSERT", None, row(3, "bed", "b") | {"note": "m"})],
            id="a column is added",
        ),
        pytest.param(
            "ALTER TABLE things ADD COLUMN note DEFAULT 'none'",
            "UPDATE things SET note = 'n' WHERE id = 1; UPDATE things SET item = 'x' WHERE id = 2",
            [
                ("MODIFY", LAMP | {"note": "none"}, LAMP | {"note": "n"}),
                ("MODIFY", DESK | {"note": "none"}, row(2, "x", "d") | {"note": "none"}),
            ],
            id="a column with a default is added",
        ),
        pytest.param(
            "ALTER TABLE things DROP COLUMN item",
            "UPDATE things SET code = 'n' WHERE id = 1",
            [("MODIFY", row(1, code="l"), row(1, code="n"))],
            id="a column is dropped",
        ),
        pytest.param(
            "ALTER TABLE things RENAME COLUMN item TO thing",
            "UPDATE things SET code = 'n' WHERE id = 1",
            [("MODIFY", {"id": 1, "thing": "lamp", "code": "l"}, {"id": 1, "thing": "lamp", "code": "n"})],
            id="a column is renamed",
        ),
        pytest.param(
            "ALTER TABLE things RENAME COLUMN id TO number",
            "DELETE FROM things WHERE number = 1",
            [("REMOVE", {"number": 1, "item": "lamp", "code": "l"}, None)],
            id="the key is renamed",
        ),
        pytest.param(
            "ALTER TABLE things RENAME COLUMN item TO x; ALTER TABLE things RENAME COLUMN code TO item;"
            "ALTER TABLE things RENAME COLUMN x TO code",
            "DELETE FROM things WHERE id = 1",
            [("REMOVE", {"id": 1, "code": "lamp", "item": "l"}, None)],
            id="two columns change names",
        ),
        pytest.param(
            "CREATE UNIQUE INDEX i ON things (item)",
            "REPLACE INTO things VALUES (3, 'lamp', 'b')",
            [("REMOVE", LAMP, None), ("INSERT", None, row(3, "lamp", "b"))],
            id="a unique index is made",
        ),
    ],
)
@pytest.mark.parametrize("noticed", ["at once", "afterwards"])
def test_the_capture_follows_an_altered_table(
    connection: sqlite3.Connection, alter: str, then: str, expected: list[Change], noticed: str
) -> None:
    connection.execute(ORDERS)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l'), (2, 'desk', 'd')")
    line_up(connection)
    connection.execute("UPDATE things SET item = 'before' WHERE id = 2")
    connection.execute("UPDATE things SET item = 'desk' WHERE id = 2")
    connection.executescript(alter)
    if noticed == "at once" or "UNIQUE INDEX" in alter:
        assert line_up(connection).change == "its capture follows its new form"
    connection.executescript(then)
    line_up(connection)
    before = [("MODIFY", DESK, row(2, "before", "d")), ("MODIFY", row(2, "before", "d"), DESK)]
    assert changes(connection) == before + expected
    assert line_up(connection).change is None


def test_rows_of_a_table_made_while_nobody_looked_are_inserted(connection: sqlite3.Connection) -> None:
    connection.execute(ORDERS)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    line_up(connection)
    connection.execute("DROP TABLE things")
    connection.execute("CREATE TABLE things (name TEXT PRIMARY KEY, id)")
    connection.execute("INSERT INTO things VALUES ('a', 1)")
    assert line_up(connection).change == "a new table: its changes are captured, beginning with the row in it"
    connection.execute("INSERT INTO things VALUES ('b', 2)")
    assert changes(connection) == [
        ("INSERT", None, {"name": "a", "id": 1}),
        ("INSERT", None, {"name": "b", "id": 2}),
    ]


def test_a_table_that_was_rebuilt_and_renamed_keeps_its_items(connection: sqlite3.Connection) -> None:
    connection.execute(ORDERS)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    line_up(connection)
    connection.executescript(
        "BEGIN; CREATE TABLE new_things (id INTEGER PRIMARY KEY, item TEXT, code UNIQUE, note);"
        "INSERT INTO new_things SELECT *, NULL FROM things; DROP TABLE things;"
        "ALTER TABLE new_things RENAME TO things; COMMIT"
    )
    line_up(connection)
    connection.execute("UPDATE things SET note = 'n'")
    assert changes(connection) == [("MODIFY", LAMP, LAMP | {"note": "n"})]


def test_a_dropped_table_leaves_its_log_to_be_read(connection: sqlite3.Connection) -> None:
    connection.execute(ORDERS)
    line_up(connection)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    connection.execute("DROP TABLE things")
    assert not line_up(connection).is_active
    assert changes(connection) == [("INSERT", None, LAMP)]


def test_a_table_that_is_renamed_away_is_captured_no_more(connection: sqlite3.Connection) -> None:
    connection.execute(ORDERS)
    line_up(connection)
    connection.execute("ALTER TABLE things RENAME TO others")
    connection.execute("INSERT INTO others VALUES (1, 'lamp', 'l')")
    assert line_up(connection).change == "not there any more: waiting for it"
    connection.execute("INSERT INTO others VALUES (2, 'desk', 'd')")
    assert changes(connection) == [("INSERT", None, LAMP)]
    connection.execute(ORDERS)
    line_up(connection)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    assert changes(connection) == [("INSERT", None, LAMP)]


def test_triggers_that_somebody_dropped_come_back(connection: sqlite3.Connection) -> None:
    connection.execute(ORDERS)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    line_up(connection)
    connection.execute("DROP TRIGGER headrace_things_after_delete")
    assert line_up(connection).change is not None
    connection.execute("DELETE FROM things")
    assert changes(connection) == [("REMOVE", LAMP, None)]


def test_vacuum_is_no_new_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE other (a)")
    connection.execute(ORDERS)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    line_up(connection)
    connection.execute("DROP TABLE other")
    connection.execute("VACUUM")
    connection.execute("UPDATE things SET item = 'x'")
    assert changes(connection) == [("MODIFY", LAMP, row(1, "x", "l"))]


@pytest.mark.parametrize("sequence", ["", "; CREATE TABLE other (a INTEGER PRIMARY KEY AUTOINCREMENT)"])
def test_detaching_leaves_no_trace(connection: sqlite3.Connection, sequence: str) -> None:
    connection.executescript(ORDERS + sequence)
    before = connection.execute("SELECT * FROM sqlite_master").fetchall()
    line_up(connection)
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    assert detach(connection, "things")
    assert connection.execute("SELECT * FROM sqlite_master").fetchall() == before
    assert not detach(connection, "things")
    connection.execute("INSERT INTO things VALUES (2, 'desk', 'd')")
    assert connection.execute("SELECT count(*) FROM things").fetchone() == (2,)


@pytest.mark.parametrize(
    ("definition", "key", "problem"),
    [
        pytest.param("TABLE things (a, b)", ("c",), "has no column c", id="no such column"),
        pytest.param(
            "TABLE things (a, b)", ("a",), "does not tell the rows of things apart", id="not unique"
        ),
        pytest.param("VIEW things AS SELECT 1", None, "is a view", id="a view"),
        pytest.param("VIRTUAL TABLE things USING fts5(a)", None, "is a virtual table", id="a virtual table"),
        pytest.param(
            "TABLE things (rowid, oid, _rowid_)",
            None,
            "neither a primary key nor a rowid",
            id="no rowid left",
        ),
    ],
)
def test_what_cannot_be_captured_is_refused_with_a_reason(
    connection: sqlite3.Connection, definition: str, key: Any, problem: str
) -> None:
    connection.execute(f"CREATE {definition}")
    with pytest.raises(CaptureImpossible, match=problem):
        line_up(connection, key=key)
    assert not connection.in_transaction


def test_the_key_may_be_any_unique_columns(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, Shop, Number, UNIQUE (Number, Shop))")
    capture = line_up(connection, key=("shop", "number"))
    assert [column.name for column in capture.shapes[1].columns if column.is_key] == ["Shop", "Number"]


def test_a_writer_that_has_attached_the_database_is_captured(
    connection: sqlite3.Connection, tmp_path: Any
) -> None:
    path = tmp_path / "user.db"
    with sqlite3.connect(path, isolation_level=None) as user:
        user.execute(ORDERS)
        line_up(user)
    connection.execute("CREATE TABLE things (unrelated)")
    connection.execute("ATTACH ? AS user", (str(path),))
    connection.execute("REPLACE INTO user.things VALUES (1, 'lamp', 'l')")
    assert changes(user) == [("INSERT", None, LAMP)]
    user.close()


def test_writers_that_do_not_trust_the_schema_are_captured(connection: sqlite3.Connection) -> None:
    connection.execute(ORDERS)
    line_up(connection)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("INSERT INTO things VALUES (1, 'lamp', 'l')")
    assert changes(connection) == [("INSERT", None, LAMP)]


def test_positions_of_a_new_log_are_beyond_those_of_an_older_one(connection: sqlite3.Connection) -> None:
    connection.execute(ORDERS)
    positions = []
    for now in (1_000, 2_000):
        bring_into_line(connection, Plan("things", "things", None, "label", now))
        connection.execute("REPLACE INTO things VALUES (1, 'lamp', ?)", (now,))
        positions.append(change_log.newest_position(connection, NAMES))
        detach(connection, "things")
    assert positions == [1_000_001, 2_000_001]
