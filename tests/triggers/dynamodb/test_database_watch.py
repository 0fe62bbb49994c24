"""When a database is looked at, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from engine.clock import VIRTUAL_START, Clock
from engine.feed import Feed
from engine.watching import FolderWatcher
from triggers.dynamodb.database_watch import DatabaseWatch

JOURNAL_IN_USE = bytes.fromhex("d9d505f920a163d7")


@pytest.fixture
async def watch(tmp_path: Path, clock: Clock, feed: Feed) -> AsyncIterator[DatabaseWatch]:
    async with FolderWatcher(clock, feed) as watcher:
        watch = DatabaseWatch(tmp_path / "shop.db", watcher, clock)
        yield watch
        watch.close()


async def looks(watch: DatabaseWatch, clock: Clock, count: int) -> list[float]:
    """Return after how many seconds each of the next looks was due."""
    found = []
    for _ in range(count):
        await watch.next_look()
        found.append((clock.now() - VIRTUAL_START) / timedelta(seconds=1))
    return found


async def test_without_hints_there_is_a_look_a_second(watch: DatabaseWatch, clock: Clock) -> None:
    moments = await looks(watch, clock, 200)
    assert moments[5] < 0.1
    assert max(later - earlier for earlier, later in pairwise(moments)) < 1.01
    assert moments[-1] - moments[-2] > 0.9


async def test_a_second_after_a_hint_the_distances_double(
    watch: DatabaseWatch, clock: Clock, tmp_path: Path
) -> None:
    watch.begin()
    (tmp_path / "shop.db-wal").write_text("a commit")
    with clock.outside():  # inotify reports in real time
        await asyncio.wait_for(watch._hinted.wait(), 10)
    moments = await looks(watch, clock, 300)  # a write may give several hints
    distances = [later - earlier for earlier, later in pairwise(moments)]
    assert all(distance < 0.03 for distance, moment in zip(distances, moments, strict=False) if moment < 0.9)
    assert max(distances) > 29


async def test_a_transaction_in_a_journal_is_left_alone_for_a_while(
    watch: DatabaseWatch, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "shop.db-journal").write_bytes(JOURNAL_IN_USE + b"pages")
    assert (await looks(watch, clock, 1))[0] > 1
    (tmp_path / "shop.db-journal").write_bytes(bytes(512))  # as journal_mode = PERSIST ends one
    await looks(watch, clock, 1)


async def test_a_folder_may_come_later(clock: Clock, feed: Feed, tmp_path: Path) -> None:
    path = tmp_path / "later" / "shop.db"
    async with FolderWatcher(clock, feed) as watcher:
        watch = DatabaseWatch(path, watcher, clock)
        await looks(watch, clock, 5)
        path.parent.mkdir()
        await watch.next_look()
        path.write_text("x")
        with clock.outside():
            await asyncio.wait_for(watch._hinted.wait(), 10)
        watch.close()
