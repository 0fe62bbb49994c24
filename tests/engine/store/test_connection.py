"""Where operations run: brief ones on the loop, while the connection's thread has nothing to do."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.store.connection import BRIEF_RUNS_IN_A_ROW, PAGES_TO_COPY_BACK, Connection, connect


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture
async def connection(database: Path, clock: Clock) -> AsyncIterator[Connection]:
    connection = await connect(str(database), clock, timeout=5)
    await connection.run(lambda there: there.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (n)"))
    yield connection
    await connection.close()


def thread_of(_: sqlite3.Connection) -> str:
    return "loop" if threading.current_thread() is threading.main_thread() else "thread"


def begin(there: sqlite3.Connection) -> str:
    there.execute("BEGIN IMMEDIATE")
    there.execute("COMMIT")
    return thread_of(there)


async def test_brief_operations_run_on_the_loop_and_others_on_the_thread(connection: Connection) -> None:
    assert await connection.run(thread_of) == "thread"
    assert await connection.run(thread_of, brief=True) == "loop"
    assert await connection.run(thread_of) == "thread"


async def test_a_brief_one_goes_behind_one_that_is_on_the_thread_though_nobody_waits_for_that(
    connection: Connection,
) -> None:
    begun, release = threading.Event(), threading.Event()

    def last(_: sqlite3.Connection) -> None:
        begun.set()
        release.wait()

    long = asyncio.create_task(connection.run(last))
    await asyncio.to_thread(begun.wait)
    long.cancel()
    await asyncio.sleep(0)
    brief = asyncio.create_task(connection.run(thread_of, brief=True))
    await asyncio.sleep(0)
    assert not brief.done()
    release.set()
    assert await brief == "thread"
    assert await connection.run(thread_of, brief=True) == "loop"


async def test_a_lock_of_another_program_is_waited_for_on_the_thread(
    connection: Connection, database: Path
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(connection.run(begin, brief=True))
        await asyncio.sleep(0)  # on the loop it would wait for the lock here, for five seconds
        assert not waiting.done()
        other.execute("COMMIT")
    assert await waiting == "thread"


async def test_now_and_then_a_brief_one_runs_on_the_thread(connection: Connection) -> None:
    """It copies the log back: those on the loop leave that alone."""
    for _ in range(BRIEF_RUNS_IN_A_ROW):
        assert await connection.run(thread_of, brief=True) == "loop"
    assert await connection.run(thread_of, brief=True) == "thread"
    assert await connection.run(thread_of, brief=True) == "loop"


@pytest.mark.parametrize(("brief", "pages"), [(True, 0), (False, PAGES_TO_COPY_BACK)])
async def test_only_those_on_the_thread_copy_the_log_back(
    connection: Connection, brief: bool, pages: int
) -> None:
    def told(there: sqlite3.Connection) -> int:
        return int(there.execute("PRAGMA wal_autocheckpoint").fetchone()[0])

    await connection.run(thread_of, brief=not brief)
    assert await connection.run(told, brief=brief) == pages


async def test_what_a_brief_one_raises_is_raised(connection: Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await connection.run(lambda there: there.execute("SELECT * FROM absent"), brief=True)
