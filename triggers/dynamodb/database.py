"""A connection to a user's database, on a thread of its own, for as long as the file is there."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.clock import Clock
from engine.store.connection import Connection, connect

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 0.1  # for a lock that a writer holds


class UserDatabase:
    """Opens the file when it is needed, and again when another one has taken its place.

    A lock that somebody else holds is waited for for `patience_seconds`. With `prepare`, a file that is
    missing is made, and every connection begins with that call.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        patience_seconds: float = BUSY_TIMEOUT_SECONDS,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        self.path = path
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._prepare = prepare
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._opening = asyncio.Lock()
        self._is_shut = False

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run `operation` on the connection's thread and return its result.

        The connection is in autocommit mode. Raises FileNotFoundError when there is no file, sqlite3.Error
        when it cannot be opened or was shut, and what the operation raises.
        """
        async with self._opening:
            connection = await self._connected()
        return await connection.run(operation)

    async def shut(self) -> None:
        """Close the connection for good."""
        self._is_shut = True
        async with self._opening:
            await self._close()

    async def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    def _status(self) -> os.stat_result:
        try:
            return os.stat(self.path)  # noqa: PTH116 - for every operation, and twice as quick
        except FileNotFoundError:
            if self._prepare is None:
                raise
            self.path.touch()
            return self.path.stat()

    async def _connected(self) -> Connection:
        if self._is_shut:
            raise sqlite3.ProgrammingError(f"{self.path} was shut")
        try:
            status = self._status()
        except OSError as error:
            await self._close()
            raise FileNotFoundError(error.errno, error.strerror, str(self.path)) from error
        file = status.st_dev, status.st_ino
        if self._connection is not None and file != self._file:
            await self._close()
        if self._connection is None:
            address = f"{self.path.absolute().as_uri()}?mode=rw"
            self._connection = await connect(address, self._clock, timeout=self._patience_seconds, uri=True)
            self._file = file
            if self._prepare is not None:
                await self._connection.run(self._prepare)
        return self._connection
