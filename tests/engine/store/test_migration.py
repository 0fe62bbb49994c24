"""A new store and an older one that was brought up to date are the same."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from engine.store.migration import MIGRATIONS, SCHEMA, migrate


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def described(connection: sqlite3.Connection) -> dict[str, object]:
    """Return all that a format consists of, however it was written down."""

    def rows(sql: str, *values: str) -> list[tuple[object, ...]]:
        return list(connection.execute(sql, values))

    tables = rows("SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main' ORDER BY name")
    indexes = rows("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name")
    counted = "SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name"
    return {
        "tables": tables,
        "columns": {name: rows("SELECT * FROM pragma_table_xinfo(?)", str(name)) for name, *_ in tables},
        "references": {
            name: rows("SELECT * FROM pragma_foreign_key_list(?)", str(name)) for name, *_ in tables
        },
        "indexes": [(name, table, sql and " ".join(str(sql).split())) for name, table, sql in indexes],
        "indexed": {name: rows("SELECT * FROM pragma_index_xinfo(?)", str(name)) for name, *_ in indexes},
        "counted": rows(counted),
        "version": rows("PRAGMA user_version"),
    }


def test_the_schema_is_what_the_migrations_come_to(connection: sqlite3.Connection) -> None:
    first = min(MIGRATIONS.glob("*.sql"))
    connection.executescript(f"{first.read_text(encoding='utf-8')}\nPRAGMA user_version = 1;")
    migrate(connection, None)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        migrate(new, None)
        assert described(new) == described(connection), f"{SCHEMA.name} and migrations/ differ"


def test_a_second_time_nothing_is_done(connection: sqlite3.Connection) -> None:
    migrate(connection, None)
    before = connection.total_changes
    migrate(connection, None)
    assert connection.total_changes == before


def test_a_step_that_fails_leaves_the_format_before(connection: sqlite3.Connection) -> None:
    first = min(MIGRATIONS.glob("*.sql"))
    connection.executescript(f"{first.read_text(encoding='utf-8')}\nPRAGMA user_version = 1;")
    connection.execute("CREATE TABLE s3_object (in_the_way)")
    with pytest.raises(sqlite3.OperationalError, match="s3_object"):
        migrate(connection, None)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    assert "s3_bucket" not in tables
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert not connection.in_transaction


def test_the_formats_follow_each_other_without_gaps() -> None:
    numbers = sorted(int(script.name[:4]) for script in MIGRATIONS.glob("*.sql"))
    assert numbers == list(range(1, len(numbers) + 1))
