"""What declared faults do to the store: commits that fail, and crashes of the simulator around them."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.clock import Clock
from engine.errors import StoreBusy, StoreError, StoreFull
from engine.fault_settings import FaultSettings
from engine.faults import Faults
from engine.feed import Feed
from engine.store.database import Store


def make_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY)")


def insert(n: int) -> Callable[[sqlite3.Connection], int]:
    def operation(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO numbers VALUES (?)", (n,))
        return n

    return operation


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


def declared(feed: Feed, **settings: Any) -> Faults:
    return Faults(FaultSettings(**settings), 1, feed)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param("busy", StoreBusy, id="busy"),
        pytest.param("full", StoreFull, id="full"),
    ],
)
async def test_a_commit_that_fails_keeps_nothing_of_its_group(
    kind: str, error: type[StoreError], clock: Clock, feed: Feed
) -> None:
    faults = declared(feed)
    async with Store(None, clock, faults) as store:
        store.may_fail = True
        await store.write(make_table)
        faults.change(FaultSettings.model_validate({f"store_{kind}_rate": 1}))
        outcomes = await asyncio.gather(*(store.write(insert(n)) for n in range(10)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [error] * 10
        assert await store.read(numbers) == []
        faults.change(FaultSettings())
        assert await store.write(insert(1)) == 1
        assert await store.read(numbers) == [1]


async def test_the_store_does_not_fail_before_it_may(clock: Clock, feed: Feed) -> None:
    async with Store(None, clock, declared(feed, store_busy_rate=1)) as store:
        await store.write(make_table)
        store.may_fail = True
        with pytest.raises(StoreBusy):
            await store.write(make_table)


@pytest.mark.parametrize(
    ("side", "kept"),
    [
        pytest.param("before", [1], id="a crash before the commit keeps nothing of it"),
        pytest.param("after", [1, 2], id="a crash after the commit keeps it, though nobody hears"),
    ],
)
async def test_a_crash_comes_before_or_after_a_commit(
    side: str, kept: list[int], tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    faults = declared(feed, **{f"simulator_crash_{side}_commits": (3,)})
    async with Store(tmp_path / "s.db", clock, faults) as store:
        await store.write(make_table)
        await store.write(insert(1))
        heard = asyncio.gather(store.write(insert(2)), return_exceptions=True)
        assert isinstance((await heard)[0], asyncio.CancelledError)
    async with Store(tmp_path / "s.db", clock, faults) as store:
        assert await store.read(numbers) == kept


async def test_after_a_crash_the_store_accepts_and_answers_nothing(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    faults = declared(feed)
    async with Store(tmp_path / "s.db", clock, faults) as store:
        await store.write(make_table)
        asked = asyncio.gather(store.write(insert(1)), store.write(insert(2)), return_exceptions=True)
        faults.crash("as the script says")
        assert [type(outcome) for outcome in await asked] == [asyncio.CancelledError] * 2
        for asking in (store.write(insert(3)), store.read(numbers)):
            assert isinstance(
                (await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError
            )
    async with Store(tmp_path / "s.db", clock, faults) as store:
        assert await store.read(numbers) == []


async def test_each_commit_asks_for_a_look(clock: Clock) -> None:
    looks: list[None] = []
    async with Store(None, clock) as store:
        store.on_commit = lambda: looks.append(None)
        await store.write(make_table)
        await store.read(numbers)
        await store.write(insert(1))
    assert len(looks) == 2
