"""`headrace detach`: nothing of Headrace is left in a user's database."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel

from tests.end_to_end.delivered_events import DeliveredEvents
from tests.end_to_end.headrace_process import HeadraceProcess, headrace

CONFIGURATION = """
[tables.orders]
database = "shop.db"

[tables.customers]
database = "shop.db"

[[event_source_mappings]]
source = "tables.orders"
function = "keep"
starting_position = "TRIM_HORIZON"

[[event_source_mappings]]
source = "tables.customers"
function = "keep"
starting_position = "TRIM_HORIZON"
"""
SCHEMA = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, details JSON);
CREATE INDEX orders_by_item ON orders (item);
CREATE TABLE customers (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TRIGGER mine AFTER INSERT ON orders BEGIN INSERT OR IGNORE INTO customers VALUES (new.item); END;
CREATE VIEW lamps AS SELECT * FROM orders WHERE item = 'lamp';
"""


@pytest.fixture
def delivered(tmp_path: Path) -> DeliveredEvents:
    """A configuration with two tables of one database, which has an index, a trigger and a view too."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(SCHEMA)
    return DeliveredEvents(tmp_path, CONFIGURATION)


def schema(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        return connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
        ).fetchall()


def write(folder: Path, statements: str) -> None:
    """Write to the database as any other program does: from a process of its own."""
    script = "import sqlite3, sys; c = sqlite3.connect('shop.db', timeout=30); c.executescript(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, statements], cwd=folder, check=True, timeout=60)


def test_what_another_process_writes_reaches_the_handler_and_detach_leaves_no_trace(
    tmp_path: Path, delivered: DeliveredEvents
) -> None:
    before = schema(tmp_path)
    with HeadraceProcess(tmp_path):
        assert schema(tmp_path) != before
        write(
            tmp_path,
            """INSERT INTO orders VALUES (1, 'lamp', '{"colour": "red"}');
            BEGIN; INSERT INTO orders VALUES (2, 'chair', NULL); ROLLBACK;
            UPDATE orders SET item = 'lamp shade' WHERE id = 1;
            DELETE FROM orders WHERE id = 1;""",
        )
        records = delivered.wait_for(":table/orders", 3)
        assert delivered.wait_for(":table/customers", 1)[0]["dynamodb"]["Keys"] == {"name": {"S": "lamp"}}
        refused = headrace(tmp_path, "detach")
        assert refused.returncode == 1
        assert b"a simulator is running and would put them back: stop it first" in refused.stderr
    DynamoDBStreamModel.model_validate({"Records": records})
    insert, modify, remove = (record["dynamodb"] for record in records)
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert insert["NewImage"]["details"] == {"M": {"colour": {"S": "red"}}}
    assert (modify["OldImage"]["item"], modify["NewImage"]["item"]) == ({"S": "lamp"}, {"S": "lamp shade"})
    assert remove["OldImage"] == modify["NewImage"]
    done = headrace(tmp_path, "detach")
    assert done.stdout.decode().splitlines() == [
        f"{name}: removed from {tmp_path / 'shop.db'}" for name in ("orders", "customers")
    ]
    assert schema(tmp_path) == before
    write(tmp_path, "INSERT INTO orders VALUES (3, 'table', NULL)")  # nothing that is gone is missed
    again = headrace(tmp_path, "detach", "tables.orders", "orders")
    assert again.stdout.decode() == f"orders: nothing is left in {tmp_path / 'shop.db'}\n"


def test_one_table_is_detached_and_the_other_is_still_captured(
    tmp_path: Path, delivered: DeliveredEvents
) -> None:
    with HeadraceProcess(tmp_path):
        captured = schema(tmp_path)
    assert headrace(tmp_path, "detach", "orders").returncode == 0
    left = [row for row in captured if row not in schema(tmp_path)]
    assert left
    assert all("orders" in str(row[1]) for row in left)
    write(tmp_path, "INSERT INTO customers VALUES ('alice')")
    with HeadraceProcess(tmp_path):
        (record,) = delivered.wait_for(":table/customers", 1)
    assert record["dynamodb"]["Keys"] == {"name": {"S": "alice"}}


def test_a_table_that_cannot_be_detached_does_not_keep_the_others(tmp_path: Path) -> None:
    configuration = tmp_path / "headrace.toml"
    (tmp_path / "text.db").write_text("no database, but some text\n" * 100)
    with closing(sqlite3.connect(tmp_path / "good.db")) as connection:
        connection.execute("CREATE TABLE good (id INTEGER PRIMARY KEY)")
    databases = ("text", "absent", "good")
    configuration.write_text("".join(f'[tables.{name}]\ndatabase = "{name}.db"\n' for name in databases))
    done = headrace(tmp_path, "detach")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        f"absent: there is no {tmp_path / 'absent.db'}",
        f"good: nothing is left in {tmp_path / 'good.db'}",
    ]
    assert done.stderr.decode() == f"headrace: text: {tmp_path / 'text.db'}: file is not a database\n"
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        pytest.param(["order"], "there is no table 'order' (there are: orders, customers)", id="unknown"),
        pytest.param(["queues.orders"], "tables can stand here, not queues", id="another kind"),
    ],
)
@pytest.mark.usefixtures("delivered")
def test_a_mistake_is_answered_and_nothing_is_detached(
    tmp_path: Path, tables: list[str], problem: str
) -> None:
    done = headrace(tmp_path, "detach", *tables)
    assert done.returncode == 2
    assert problem in done.stderr.decode()


def test_a_configuration_without_tables_has_nothing_to_detach(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("[queues.jobs]\n")
    done = headrace(tmp_path, "detach")
    assert (done.returncode, done.stderr) == (0, b"no table is configured.\n")
