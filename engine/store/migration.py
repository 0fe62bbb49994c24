"""Brings the database to the newest format: a new one at once, an older one step by step."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from engine.errors import StoreTooNew

SCHEMA = Path(__file__).with_name("schema.sql")
MIGRATIONS = Path(__file__).parent / "migrations"  # 0001_NAME.sql and so on


def migrate(connection: sqlite3.Connection, path: Path | None) -> None:
    """Run the schema on a new database, and on an older one each migration in a transaction of its own.

    Raises StoreTooNew when it already has a later format.
    """
    scripts = {int(script.name[:4]): script for script in sorted(MIGRATIONS.glob("*.sql"))}
    newest = max(scripts)
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > newest:
        raise StoreTooNew(path, found, newest)
    if found == 0:
        _run(connection, SCHEMA, newest)
        return
    for number, script in scripts.items():
        if number > found:
            _run(connection, script, number)


def _run(connection: sqlite3.Connection, script: Path, version: int) -> None:
    sql = script.read_text(encoding="utf-8")
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {version};\nCOMMIT;")
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise
