"""A connection to a SQLite database, on a thread of its own or, where the clock says so, on the loop's.

In simulated time everything happens in an order that only the seed decides. A thread would bring an order of
its own, so there each operation runs where it is awaited.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import aiosqlite

from engine.clock import Clock

T = TypeVar("T")


class Connection(Protocol):
    """An open database in autocommit mode."""

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run `operation` on the connection and return its result; raises what it raises."""

    async def close(self) -> None:
        """Close it."""


async def connect(database: str, clock: Clock, *, timeout: float, uri: bool = False) -> Connection:
    """Open a database; `timeout` is for locks that others hold, in seconds. Raises sqlite3.Error."""
    if clock.runs_inline:
        return _InlineConnection(sqlite3.connect(database, timeout=timeout, isolation_level=None, uri=uri))
    with clock.outside():
        connection = await aiosqlite.connect(database, timeout=timeout, isolation_level=None, uri=uri)
    return _ThreadConnection(connection, clock)


class _ThreadConnection:
    def __init__(self, connection: aiosqlite.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        # aiosqlite runs single statements; an operation in one hop needs its inner door. See docs/decisions.
        execute: Any = connection._execute  # noqa: SLF001
        with self._clock.outside():
            result: T = await execute(lambda: operation(connection._conn))  # noqa: SLF001
        return result

    async def close(self) -> None:
        with self._clock.outside():
            await self._connection.close()


class _InlineConnection:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return operation(self._connection)

    async def close(self) -> None:
        self._connection.close()
