"""One SQLite database in WAL mode, written in groups.

What is asked for in turns of the loop that follow one another runs as one transaction, of which each request
can be undone alone: on the connection's thread, or on the loop where all of it is brief. Each asker resumes
after COMMIT, never before. While one group is being committed the next gathers, so that the cost of a commit
is shared by as many requests as arrived meanwhile.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from engine.clock import Clock
from engine.errors import StoreBusy, StoreError, StoreFull
from engine.store.connection import Connection, connect
from engine.store.migration import migrate

if TYPE_CHECKING:
    from engine.faults import Faults

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], Any]
Outcome = tuple[Any, Exception | None]
_Asked = tuple[Operation, asyncio.Future[Any], bool]  # the last: whether it is brief

BUSY_TIMEOUT_SECONDS = 2.0  # for a lock that another program holds on the file
MOST_BRIEF_OPERATIONS = 64  # of a group that runs on the loop
TURNS_TO_GATHER = 8  # of the loop, at most, before a group is committed


class Store:
    """The database of one simulator; `path` None keeps it in memory. Enter it with `async with`.

    `on_commit` is called after each commit. Declared `faults` of the store strike while it `may_fail`; those
    of the simulator always do: after a crash the store accepts and answers nothing.
    """

    def __init__(self, path: Path | None, clock: Clock, faults: "Faults | None" = None) -> None:
        self.path = path
        self.on_commit: Callable[[], None] | None = None
        self.may_fail = False
        self.failed_at: datetime | None = None  # when a fault struck last
        self._clock = clock
        self._faults = faults
        self._is_dead = False
        self._asked: list[asyncio.Future[Any]] = []  # by the group that is being committed
        self._connection: Connection | None = None
        self._pending: list[_Asked] = []
        self._committing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open and migrate. Raises StoreTooNew for a later format, StoreError for an unusable file."""
        database = ":memory:" if self.path is None else str(self.path)
        try:
            self._connection = await connect(database, self._clock, timeout=BUSY_TIMEOUT_SECONDS)
            await self._run(self._prepare)
        except sqlite3.Error as error:
            await self._close_connection()
            raise self._explain(error) from error
        except BaseException:
            await self._close_connection()
            raise
        if self._faults is not None:
            self._forget = self._faults.on_crash(self._die)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Commit what was asked for, then close."""
        try:
            while self._committing is not None:
                await asyncio.shield(self._committing)
        finally:
            if self._faults is not None:
                self._forget()
            await self._close_connection()

    async def write(self, operation: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        """Run `operation` in the next group's transaction; return its result after COMMIT.

        It runs on any thread and touches nothing but the connection; a `brief` one takes well below a
        millisecond and may be run twice, the first time in vain. What it raises undoes its own statements
        alone and is raised here. Raises StoreFull or StoreBusy when the group could not be committed: then
        nothing of it was kept. An asker that is cancelled does not undo its operation.
        """
        return await self.ask(operation, brief=brief)

    def ask(self, operation: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> asyncio.Future[T]:
        """As `write`, for who has something else to do than to wait."""
        if self._is_dead:
            raise asyncio.CancelledError
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._pending.append((operation, future, brief))
        if self._committing is None:
            self._committing = loop.create_task(self._commit_groups(), name="store commits")
        return future

    async def read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run `operation` between two groups, so that it sees only what is committed; return its result."""
        try:
            return await self._run(operation)
        except sqlite3.OperationalError as error:
            raise self._explain(error) from error

    async def _commit_groups(self) -> None:
        try:
            while group := await self._next_group():
                self._asked = [future for _, future, _ in group]
                brief = len(group) <= MOST_BRIEF_OPERATIONS and all(brief for _, _, brief in group)
                try:
                    outcomes = await self._commit([operation for operation, _, _ in group], brief)
                except Exception as problem:  # noqa: BLE001 - whatever it is, the askers must hear of it
                    outcomes = [(None, problem)] * len(group)
                if self.on_commit is not None and not self._is_dead:
                    self.on_commit()
                for (_, future, _), (result, error) in zip(group, outcomes, strict=True):
                    if future.done():
                        continue
                    if error is None:
                        future.set_result(result)
                    else:
                        future.set_exception(
                            self._explain(error) if isinstance(error, sqlite3.OperationalError) else error
                        )
        finally:
            self._committing = None

    async def _next_group(self) -> list[_Asked]:
        """Return what is asked for, once a turn of the loop has brought no more; one alone does not wait."""
        gathered = 1
        for _ in range(TURNS_TO_GATHER):
            if len(self._pending) <= gathered:
                break
            gathered = len(self._pending)
            await asyncio.sleep(0)
        group, self._pending = self._pending, []
        return group

    async def _commit(self, operations: Sequence[Operation], brief: bool) -> Sequence[Outcome]:
        """Run a group, unless the faults have something else in mind."""
        faults = self._faults
        if faults is None:
            return await self._run(partial(_run_group, operations, brief=brief), brief=brief)
        crash = faults.next_commit()
        if crash == "before":
            faults.crash(f"before commit {faults.commits}")
            return [(None, None)] * len(operations)
        error = faults.store_error(self.path, len(operations)) if self.may_fail else None
        if error is not None:
            self.failed_at = self._clock.now()
        if isinstance(error, StoreBusy):
            return [(None, error)] * len(operations)
        running = partial(_run_group, operations, brief=brief, failing=error)
        outcomes = await self._run(running, brief=brief)
        if crash == "after":
            faults.crash(f"after commit {faults.commits}")
        return outcomes

    def _die(self) -> None:
        """Accept and answer nothing more: whoever asks, or has asked, is cancelled."""
        self._is_dead = True
        asked = [*self._asked, *(future for _, future, _ in self._pending)]
        self._pending.clear()
        for future in asked:
            future.cancel()

    async def _run(self, operation: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        if self._is_dead:
            raise asyncio.CancelledError
        if self._connection is None:
            raise StoreError(f"the store {self.path} is closed")
        return await self._connection.run(operation, brief=brief)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # In simulated time the machine itself does not crash, and what is left is thrown away.
        connection.execute(f"PRAGMA synchronous = {'OFF' if self._clock.runs_inline else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, self.path)

    async def _close_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    def _explain(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(self.path)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreBusy(self.path)
        if code == sqlite3.SQLITE_NOTADB:
            return StoreError(
                f"{self.path} is not a database of Headrace: move it away, or choose another state folder"
            )
        return StoreError(f"the store {self.path} failed: {error}")


def _run_group(
    operations: Sequence[Operation],
    connection: sqlite3.Connection,
    *,
    brief: bool,
    failing: StoreError | None = None,
) -> list[Outcome]:
    """Run all operations in one transaction; return a result or an error for each.

    Brief ones are run again, each undoable, when one fails: savepoints cost as much as they do. `failing` is
    what the commit meets in the end, instead of committing. Raises sqlite3.OperationalError when it cannot be
    begun.
    """
    is_plain = brief or len(operations) == 1  # a single one is undone with the transaction
    connection.execute("BEGIN IMMEDIATE")
    try:
        if is_plain:
            outcomes: list[Outcome] = [(operation(connection), None) for operation in operations]
        else:
            outcomes = [_run_undoable(operation, connection) for operation in operations]
        if failing is not None:
            raise failing
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - every asker hears of it, each from its own future
        may_be_run_again = connection.in_transaction  # SQLite itself ends it for a full disk, an I/O error
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if may_be_run_again and is_plain and len(operations) > 1:
            return _run_group(operations, connection, brief=False, failing=failing)
        return [(None, error)] * len(operations)
    return outcomes


def _run_undoable(operation: Operation, connection: sqlite3.Connection) -> Outcome:
    """Run one of several operations; one that fails undoes its own statements alone."""
    outcome: Outcome
    connection.execute("SAVEPOINT operation")
    try:
        outcome = operation(connection), None
    except Exception as error:
        if not connection.in_transaction:
            raise  # SQLite gave the whole transaction up: a full disk, an I/O error
        connection.execute("ROLLBACK TO operation")
        outcome = None, error
    connection.execute("RELEASE operation")
    return outcome
