import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.errors import StoreBusy, StoreError, StoreFull, StoreTooNew
from engine.store import database
from engine.store.database import Store


def make_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")


def insert(n: int) -> Callable[[sqlite3.Connection], int]:
    def operation(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO numbers VALUES (?)", (n,))
        return n

    return operation


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


async def test_what_is_asked_for_in_one_moment_is_one_transaction(store: Store) -> None:
    await store.write(make_table)
    statements: list[str] = []
    await store.read(lambda c: c.set_trace_callback(statements.append))
    assert await asyncio.gather(*(store.write(insert(n)) for n in range(100))) == list(range(100))
    assert sum("BEGIN" in sql for sql in statements) <= 2  # the first may have left before the rest
    assert await store.read(numbers) == list(range(100))
    await store.read(lambda c: c.set_trace_callback(None))


async def test_a_group_gathers_while_each_turn_of_the_loop_brings_more(store: Store) -> None:
    await store.write(make_table)
    statements: list[str] = []
    await store.read(lambda c: c.set_trace_callback(statements.append))
    asked = [store.ask(insert(0), brief=True), store.ask(insert(1), brief=True)]
    for n in range(2, 5):
        await asyncio.sleep(0)
        asked.append(store.ask(insert(n), brief=True))
    assert not any(each.done() for each in asked)
    await asyncio.gather(*asked)
    assert sum("BEGIN" in sql for sql in statements) == 1
    await store.read(lambda c: c.set_trace_callback(None))


async def test_a_single_write_waits_for_nobody(store: Store) -> None:
    await store.write(make_table)
    asked = store.ask(insert(0), brief=True)
    await asyncio.sleep(0)
    assert asked.done()


async def test_a_group_does_not_gather_for_ever(store: Store) -> None:
    await store.write(make_table)
    asked = [store.ask(insert(0), brief=True)]
    while not asked[0].done():
        asked.append(store.ask(insert(len(asked)), brief=True))
        await asyncio.sleep(0)
    assert len(asked) < 20
    await asyncio.gather(*asked)


@pytest.mark.parametrize("brief", [False, True])
async def test_an_operation_that_fails_undoes_itself_alone(store: Store, brief: bool) -> None:
    await store.write(make_table)

    def half_done(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO numbers VALUES (50)")
        raise ValueError("changed its mind")

    outcomes = await asyncio.gather(
        store.write(insert(1), brief=brief),
        store.write(half_done, brief=brief),
        store.write(insert(2), brief=brief),
        return_exceptions=True,
    )
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], ValueError)
    assert outcomes[2] == 2
    assert await store.read(numbers) == [1, 2]


async def test_brief_operations_that_all_go_well_need_no_savepoints(store: Store) -> None:
    await store.write(make_table)
    statements: list[str] = []
    await store.read(lambda c: c.set_trace_callback(statements.append))
    await asyncio.gather(*(store.write(insert(number), brief=True) for number in range(5)))
    await store.read(lambda c: c.set_trace_callback(None))
    assert not [sql for sql in statements if "SAVEPOINT" in sql]
    assert await store.read(numbers) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("brief", [False, True])
async def test_every_asker_of_a_group_hears_that_the_disk_is_full(
    tmp_path: Path, clock: Clock, brief: bool
) -> None:
    async with Store(tmp_path / "s.db", clock) as store:
        await store.write(lambda c: c.execute("CREATE TABLE blobs (b BLOB)").fetchall())
        pages = await store.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await store.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall())

        def big(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO blobs VALUES (zeroblob(100000))")

        def small(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO blobs VALUES (x'00')")

        outcomes = await asyncio.gather(
            store.write(small, brief=brief), store.write(big, brief=brief), return_exceptions=True
        )
        assert isinstance(outcomes[1], StoreFull)
        kept = await store.read(lambda c: c.execute("SELECT count(*) FROM blobs").fetchone()[0])
        assert kept == sum(outcome is None for outcome in outcomes)
        await store.write(small)  # and goes on


async def test_a_database_locked_by_another_program_is_an_error_to_the_asker(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.01)
    async with Store(tmp_path / "s.db", clock) as store:
        await store.write(make_table)
        other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            await store.write(insert(1))
        other.execute("ROLLBACK")
        other.close()
        await store.write(insert(2))
        assert await store.read(numbers) == [2]


async def test_a_cancelled_asker_leaves_the_others_alone(store: Store) -> None:
    await store.write(make_table)
    first = asyncio.ensure_future(store.write(insert(1)))
    second = asyncio.ensure_future(store.write(insert(2)))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 2


async def test_closing_commits_what_was_asked_for(tmp_path: Path, clock: Clock) -> None:
    async with Store(tmp_path / "s.db", clock) as store:
        await store.write(make_table)
        asked = asyncio.ensure_future(store.write(insert(7)))
        await asyncio.sleep(0)
    assert await asked == 7
    async with Store(tmp_path / "s.db", clock) as store:
        assert await store.read(numbers) == [7]


async def test_a_later_format_is_refused_and_left_as_it_is(tmp_path: Path, clock: Clock) -> None:
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(StoreTooNew, match=r"9999.*upgrade Headrace"):
        async with Store(tmp_path / "s.db", clock):
            pass


async def test_a_file_that_is_no_database_is_named(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "s.db").write_bytes(b"these are not the pages you are looking for" * 50)
    with pytest.raises(StoreError, match="not a database of Headrace"):
        async with Store(tmp_path / "s.db", clock):
            pass


async def test_an_operation_that_fails_alone_leaves_nothing(store: Store) -> None:
    await store.write(make_table)

    def half_done(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO numbers VALUES (50)")
        raise ValueError("changed its mind")

    with pytest.raises(ValueError, match="changed its mind"):
        await store.write(half_done)
    await store.write(insert(1))
    assert await store.read(numbers) == [1]
