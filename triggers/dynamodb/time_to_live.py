"""Deletes items that have expired, as the service does: the stream says that it was the service.

Source: DynamoDB developer guide, "Using time to live (TTL)": an item expires at the second that its
attribute, a number, says; moments more than five years past mean something else.
"""

# ruff: noqa: S608 - names are quoted here

import sqlite3

from triggers.dynamodb.capture import transaction
from triggers.dynamodb.capture_sql import EXPIRY, REMOVE, names_for
from triggers.dynamodb.items.json_column import JSON_COLUMN
from triggers.dynamodb.items.layout import Item, Layout
from triggers.dynamodb.items.value_order import as_decimal
from triggers.dynamodb.table_access import TableAccess
from triggers.dynamodb.table_schema import quoted

OLDEST_SECONDS = 5 * 365 * 86_400


def expire(connection: sqlite3.Connection, access: TableAccess, *, attribute: str, now: int) -> int:
    """Delete what has expired by `now`, in seconds from 1970; return how many items that were."""
    layout = access.layout(connection)
    if not _expired(connection, layout, attribute, now):
        return 0
    with transaction(connection):
        items = _expired(connection, layout, attribute, now)
        log = names_for(access.name).log
        has_log = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = ?", (log[1:-1].replace('""', '"'),)
        ).fetchone()
        newest = connection.execute(f"SELECT max(position) FROM {log}").fetchone()[0] if has_log else 0
        for item in items:
            layout.delete(connection, item)
        if has_log:
            connection.execute(
                f"UPDATE {log} SET kind = {EXPIRY} WHERE position > ? AND kind = {REMOVE}", (newest,)
            )
    return len(items)


def _expired(connection: sqlite3.Connection, layout: Layout, attribute: str, now: int) -> list[Item]:
    """Return the items that have expired. SQLite finds those that may have."""
    if layout.has_column(attribute):
        where = f"{quoted(attribute)} BETWEEN :oldest AND :now"
    elif layout.has_json:
        where = f"instr({quoted(JSON_COLUMN)}, :name)"
    else:
        return []
    rows = connection.execute(
        f"{layout.select} WHERE {where}",
        {"oldest": now - OLDEST_SECONDS, "now": now, "name": attribute},
    )
    return [item for item in map(layout.item, rows) if has_expired(item, attribute, now)]


def has_expired(item: Item, attribute: str, now: int) -> bool:
    """Say whether an item has expired by `now`, in seconds from 1970."""
    number = item.get(attribute, {}).get("N")
    return number is not None and now - OLDEST_SECONDS < as_decimal(number) < now
