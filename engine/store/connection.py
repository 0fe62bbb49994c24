"""A connection to a SQLite database, on a thread of its own or, where the clock says so, on the loop's.

In simulated time everything happens in an order that only the seed decides. A thread would bring an order of
its own, so there each operation runs where it is awaited. Live, so do brief ones while the thread has nothing
to do: two changes of thread cost more than they. See docs/decisions/0012.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import aiosqlite

from engine.clock import Clock

T = TypeVar("T")
BRIEF_RUNS_IN_A_ROW = 64  # and then one on the thread, so that the log is copied back now and then
PAGES_TO_COPY_BACK = 4000


class Connection(Protocol):
    """An open database in autocommit mode."""

    async def run(self, operation: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        """Run `operation` on the connection and return its result; raises what it raises.

        A `brief` one takes well below a millisecond, and may be begun again when it meets another's lock.
        """

    async def close(self) -> None:
        """Close it."""


async def connect(database: str, clock: Clock, *, timeout: float, uri: bool = False) -> Connection:
    """Open a database; `timeout` is for locks that others hold, in seconds. Raises sqlite3.Error."""
    if clock.runs_inline:
        return _InlineConnection(sqlite3.connect(database, timeout=timeout, isolation_level=None, uri=uri))
    with clock.outside():
        connection = await aiosqlite.connect(
            database, timeout=timeout, isolation_level=None, uri=uri, check_same_thread=False
        )
    return _ThreadConnection(connection, clock, timeout)


class _ThreadConnection:
    """Runs operations on the connection's thread, and brief ones on the loop while that has nothing to do.

    What runs on the loop waits for no lock and copies no pages back into the database: it is for operations
    on the thread to do so, of which there is one now and then.
    """

    def __init__(self, connection: aiosqlite.Connection, clock: Clock, timeout: float) -> None:
        self._connection = connection
        self._clock = clock
        self._timeout = timeout
        self._given = self._done = 0  # operations: counted here, and there; a caller may be gone by then
        self._is_hurried = False  # set not to wait
        self._brief_runs = 0

    async def run(self, operation: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        if brief and self._given == self._done and self._brief_runs < BRIEF_RUNS_IN_A_ROW:
            try:
                return self._run_here(operation)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
        self._brief_runs = 0
        return await self._run_on_thread(operation)

    def _run_here(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection._conn  # noqa: SLF001
        self._brief_runs += 1
        if not self._is_hurried:
            self._is_hurried = True
            _set_patience(connection, 0, 0)
        return operation(connection)

    async def _run_on_thread(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            try:
                connection = self._connection._conn  # noqa: SLF001
                if self._is_hurried:
                    self._is_hurried = False
                    _set_patience(connection, self._timeout, PAGES_TO_COPY_BACK)
                return operation(connection)
            finally:
                self._done += 1

        # aiosqlite runs single statements; an operation in one hop needs its inner door. See docs/decisions.
        execute: Any = self._connection._execute  # noqa: SLF001
        self._given += 1
        with self._clock.outside():
            result: T = await execute(run)
        return result

    async def close(self) -> None:
        with self._clock.outside():
            await self._connection.close()


def _set_patience(connection: sqlite3.Connection, timeout: float, pages: int) -> None:
    """Wait so many seconds for a lock, and copy pages back when the log has so many (0: never)."""
    connection.execute(f"PRAGMA busy_timeout = {round(timeout * 1000)}").fetchall()
    connection.execute(f"PRAGMA wal_autocheckpoint = {pages}").fetchall()


class _InlineConnection:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def run(
        self,
        operation: Callable[[sqlite3.Connection], T],
        *,
        brief: bool = False,  # noqa: ARG002 - all run here
    ) -> T:
        return operation(self._connection)

    async def close(self) -> None:
        self._connection.close()
