"""Real folders under the kernel's watch."""

import shutil
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.feed import Feed
from engine.watching import FolderWatcher, Hint
from tests.fakes.waiting import until


@pytest.mark.parametrize("poll", [False, True], ids=["asking the kernel", "polling"])
async def test_a_written_file_is_reported(clock: Clock, feed: Feed, tmp_path: Path, poll: bool) -> None:
    hints: list[Hint] = []
    async with FolderWatcher(clock, feed) as watcher:
        watcher.watch(tmp_path, hints.extend, poll=poll)
        (tmp_path / "f").write_text("x")

        await until(lambda: any(hint.path == str(tmp_path / "f") and hint.written for hint in hints))


async def test_a_folder_that_was_deleted_can_be_watched_again(
    clock: Clock, feed: Feed, tmp_path: Path
) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    hints: list[Hint] = []
    async with FolderWatcher(clock, feed) as watcher:
        watch = watcher.watch(folder, hints.extend)
        shutil.rmtree(folder)
        await until(lambda: any(hint.path == str(folder) and hint.folder for hint in hints))
        watch.close()
        folder.mkdir()
        watcher.watch(folder, hints.extend)
        (folder / "f").write_text("x")

        await until(lambda: any(hint.path == str(folder / "f") for hint in hints))


async def test_two_watches_of_one_folder_are_independent(clock: Clock, feed: Feed, tmp_path: Path) -> None:
    first: list[Hint] = []
    second: list[Hint] = []
    async with FolderWatcher(clock, feed) as watcher:
        watch = watcher.watch(tmp_path, first.extend)
        watcher.watch(tmp_path, second.extend)
        watch.close()
        (tmp_path / "f").write_text("x")

        await until(lambda: bool(second))
        assert first == []
