"""What a listener is told, from watchdog's events; real folders are watched in tests/end_to_end."""

import asyncio
import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
)

from engine.clock import Clock
from engine.feed import Fact, Feed, Notice
from engine.watching import FolderWatcher, Hint, Watch


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [FileCreatedEvent("/b/f"), FileModifiedEvent("/b/f"), FileClosedEvent("/b/f")],
            [Hint("/b/f", written=True, finished=True)],
            id="a plain write is one hint",
        ),
        pytest.param([FileClosedEvent("/b/f")], [Hint("/b/f", finished=True)], id="touch wrote nothing"),
        pytest.param([FileOpenedEvent("/b/f")], [], id="reading is nothing"),
        pytest.param(
            [FileMovedEvent("/b/t", "/b/f")],
            [Hint("/b/t"), Hint("/b/f", written=True, finished=True)],
            id="a move is about both names",
        ),
        pytest.param(
            [FileMovedEvent("", "/b/f")],
            [Hint("/b/f", written=True, finished=True)],
            id="moved in is finished",
        ),
        pytest.param([FileMovedEvent("/b/f", "")], [Hint("/b/f")], id="moved out"),
        pytest.param([FileDeletedEvent("/b/f")], [Hint("/b/f")], id="deleted"),
        pytest.param([DirCreatedEvent("/b/d")], [Hint("/b/d", folder=True)], id="a new folder is to be read"),
        pytest.param(
            [DirMovedEvent("/b/d", "/b/e")],
            [Hint("/b/d", folder=True), Hint("/b/e", folder=True, finished=True)],
            id="a moved folder is about both places",
        ),
        pytest.param([DirDeletedEvent("/b")], [Hint("/b", folder=True)], id="the folder itself went away"),
    ],
)
async def test_hints_are_coalesced_by_path(events: list[FileSystemEvent], expected: list[Hint]) -> None:
    hints: list[Hint] = []
    watch = Watch(Path("/b"), hints.extend, asyncio.get_running_loop(), lambda _: None)

    for event in events:
        watch.take(event)
    await asyncio.sleep(0.01)

    assert hints == expected


async def test_a_burst_wakes_the_loop_once() -> None:
    batches: list[Sequence[Hint]] = []
    watch = Watch(Path("/b"), batches.append, asyncio.get_running_loop(), lambda _: None)

    for number in range(1000):
        watch.take(FileClosedEvent(f"/b/{number}"))
    await asyncio.sleep(0.01)

    assert [len(batch) for batch in batches] == [1000]


async def test_a_full_kernel_queue_is_a_hint_about_the_whole_folder(
    clock: Clock, feed: Feed, tmp_path: Path
) -> None:
    hints: list[Hint] = []
    async with FolderWatcher(clock, feed) as watcher:
        watcher.watch(tmp_path, hints.extend)
        logging.getLogger("watchdog.observers.inotify_c").warning(
            "Inotify queue overflowed; events were lost"
        )
        await asyncio.sleep(0.01)

    assert hints == [Hint(str(tmp_path), overflow=True)]


async def test_of_watchdogs_log_only_the_event_of_a_closed_watch_is_left_out(
    clock: Clock, feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("watchdog.observers.inotify")
    async with FolderWatcher(clock, feed):
        logger.error("InotifyEmitter.queue_events() called when the thread is inactive")
        logger.error("InotifyEmitter.queue_events() called in vain")
    assert caplog.messages == ["InotifyEmitter.queue_events() called in vain"]


async def test_a_missing_folder_cannot_be_watched(clock: Clock, feed: Feed, tmp_path: Path) -> None:
    async with FolderWatcher(clock, feed) as watcher:
        with pytest.raises(FileNotFoundError):
            watcher.watch(tmp_path / "missing", lambda _: None)


async def test_polling_begins_when_the_kernel_has_no_watch_left(
    clock: Clock, feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inotify = pytest.importorskip("watchdog.observers.inotify")

    def exhausted(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(inotify.InotifyEmitter, "on_thread_start", exhausted)
    facts: list[Fact] = []
    feed.tap(facts.append)
    async with FolderWatcher(clock, feed) as watcher:
        watcher.watch(tmp_path, lambda _: None)

    assert [(type(fact), fact.place) for fact in facts if isinstance(fact, Notice)] == [
        (Notice, str(tmp_path))
    ]
