"""Real files in a real folder: one save is one event, however it is saved."""

import asyncio
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import StoreFull
from engine.feed import Fact, Feed, Notice
from engine.invocation.event import AsyncEvent
from engine.store.database import Store
from engine.watching import FolderWatcher, Watch
from tests.fakes.accepted_events import AcceptedEvents
from tests.fakes.waiting import until
from triggers.s3 import files, objects
from triggers.s3.bucket import Bucket
from triggers.s3.objects import OpenedBucket
from triggers.s3.settings import BucketSettings
from triggers.s3.settler import SMALL_FILE_BYTES
from triggers.s3.upload import KeyRefused

PUT, COPY, DELETE = "ObjectCreated:Put", "ObjectCreated:Copy", "ObjectRemoved:Delete"
SETTLE_SECONDS = 0.1
QUIET_SECONDS = 0.5  # several settle times: an event that should not come would have come


class Folders:
    """Runs buckets on folders below one temporary folder, one after the other on the same store."""

    def __init__(self, path: Path, clock: Clock, store: Store, feed: Feed) -> None:
        self.path = path
        self.inbox = path / "inbox"
        self.accepted = AcceptedEvents()
        self._clock, self._store, self._feed = clock, store, feed

    @asynccontextmanager
    async def bucket(self, not_objects: Sequence[Path] = (), **settings: Any) -> AsyncIterator[Bucket]:
        """Run the bucket until the block is left."""
        rules = [{"function": "f", "events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
        chosen = {"folder": self.inbox, "settle_time": SETTLE_SECONDS, "notifications": rules} | settings
        async with FolderWatcher(self._clock, self._feed) as watcher, asyncio.TaskGroup() as group:
            bucket = Bucket(
                "inbox",
                BucketSettings.model_validate(chosen),
                account=Account(),
                store=self._store,
                acceptor=self.accepted,
                watcher=watcher,
                clock=self._clock,
                feed=self._feed,
                not_objects=not_objects,
            )
            running = group.create_task(bucket.run())
            await bucket.ready.wait()
            yield bucket
            running.cancel()

    async def opened(self) -> OpenedBucket:
        """Return what the store knows of the bucket."""
        return await self._store.read(
            lambda connection: objects.open_bucket(connection, "inbox", str(self.inbox))
        )

    async def expect(self, *names_and_keys: tuple[str, str]) -> None:
        """Wait for these events, in any order between keys, and see that no other comes."""
        await until(lambda: len(self.accepted.events) >= len(names_and_keys))
        await asyncio.sleep(QUIET_SECONDS)
        assert sorted(self.accepted.names_and_keys()) == sorted(names_and_keys)


@pytest.fixture
async def folders(tmp_path: Path, clock: Clock, store: Store, feed: Feed) -> Folders:
    return Folders(tmp_path, clock, store, feed)


def shell(command: str, folder: Path) -> None:
    """Run a shell command in a folder."""
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)


def plain_write(inbox: Path) -> None:
    (inbox / "f").write_text("new")


def vim_like(inbox: Path) -> None:
    """Move the old file aside, write a new one, delete the old."""
    (inbox / "4913").touch()
    (inbox / "4913").unlink()
    (inbox / "f").rename(inbox / "f~")
    (inbox / "f").write_text("new")
    (inbox / "f~").unlink()


def write_temporary_and_rename(inbox: Path) -> None:
    (inbox / ".f.x7Zq").write_text("new")
    (inbox / ".f.x7Zq").rename(inbox / "f")


def delete_and_create(inbox: Path) -> None:
    (inbox / "f").unlink()
    (inbox / "f").write_text("new")


def truncate_and_write(inbox: Path) -> None:
    with (inbox / "f").open("r+") as file:
        file.truncate()
        file.flush()
        file.write("new")


def same_content_again(inbox: Path) -> None:
    (inbox / "f").write_text("old")


@pytest.mark.parametrize(
    "save",
    [
        plain_write,
        vim_like,
        write_temporary_and_rename,
        delete_and_create,
        truncate_and_write,
        same_content_again,
        pytest.param(lambda inbox: shell("sed -i s/old/new/ f", inbox), id="sed -i"),
        pytest.param(lambda inbox: shell("echo more >> f", inbox), id="append"),
        pytest.param(lambda inbox: os.truncate(inbox / "f", 1), id="truncate without opening"),
        pytest.param(lambda inbox: shell("printf new > ../n && cp -p ../n f", inbox), id="cp -p over it"),
        pytest.param(lambda inbox: shell("printf new > ../n && mv ../n f", inbox), id="mv from outside"),
    ],
)
async def test_one_save_is_one_event(folders: Folders, save: Callable[[Path], None]) -> None:
    folders.inbox.mkdir()
    (folders.inbox / "f").write_text("old")
    async with folders.bucket():
        await asyncio.sleep(0.05)
        await asyncio.to_thread(save, folders.inbox)

        await folders.expect((PUT, "f"))


async def test_a_file_that_comes_from_another_file_system_is_one_event(folders: Folders) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == folders.path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")
    source = elsewhere / f"{folders.path.name}-photo.jpg"
    source.write_bytes(b"x" * 1_000_000)
    async with folders.bucket():
        await asyncio.to_thread(shutil.move, source, folders.inbox / "photo.jpg")

        await folders.expect((PUT, "photo.jpg"))


async def test_a_slow_writer_is_one_event_when_it_closes(folders: Folders) -> None:
    async with folders.bucket():
        with (folders.inbox / "slow").open("w") as file:
            for part in ("a", "b", "c"):
                file.write(part)
                file.flush()
                await asyncio.sleep(SETTLE_SECONDS * 3)
                assert folders.accepted.events == []

        await folders.expect((PUT, "slow"))
    assert folders.accepted.records()[0]["s3"]["object"]["size"] == 3


async def test_a_writer_that_began_before_the_watch_is_waited_for(folders: Folders) -> None:
    async with folders.bucket():
        deep = folders.inbox / "new"
        deep.mkdir()
        with (deep / "f").open("w") as file:
            file.write("a")
            file.flush()
            await asyncio.sleep(SETTLE_SECONDS * 4)
            assert folders.accepted.events == []
            file.write("b")

        await folders.expect((PUT, "new/f"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param("mkdir -p a/b/c && echo 1 > a/b/c/f", [(PUT, "a/b/c/f")], id="nested folders at once"),
        pytest.param(
            "mkdir ../t && echo 1 > ../t/f && echo 2 > ../t/g && mv ../t t",
            [(PUT, "t/f"), (PUT, "t/g")],
            id="a tree moved in",
        ),
        pytest.param("mv k l", [(COPY, "l"), (DELETE, "k")], id="moved within the bucket"),
        pytest.param(
            "mv d e", [(COPY, "e/x"), (COPY, "e/y"), (DELETE, "d/x"), (DELETE, "d/y")], id="a folder renamed"
        ),
        pytest.param("rm -r d", [(DELETE, "d/x"), (DELETE, "d/y")], id="a folder deleted"),
        pytest.param("mv d ../gone", [(DELETE, "d/x"), (DELETE, "d/y")], id="a folder moved out"),
        pytest.param("rm k", [(DELETE, "k")], id="deleted"),
        pytest.param("mv k ../gone", [(DELETE, "k")], id="moved out"),
        pytest.param("ln k hard", [(PUT, "hard")], id="a hard link is an object of its own"),
        pytest.param("ln -s k soft", [(PUT, "soft")], id="a symbolic link to an object"),
        pytest.param("touch k && chmod 600 k", [], id="touched"),
        pytest.param("echo 1 > .hidden; echo 1 > x.tmp; mkdir .git; echo 1 > .git/f", [], id="ignored names"),
        pytest.param("mkfifo pipe", [], id="a pipe is never opened"),
        pytest.param(
            "echo 1 > 'a b+c%.txt'; mkdir 'ü'; echo 1 > 'ü/é'",
            [(PUT, "a+b%2Bc%25.txt"), (PUT, "%C3%BC/%C3%A9")],
            id="names to encode",
        ),
    ],
)
async def test_changes(folders: Folders, change: str, expected: list[tuple[str, str]]) -> None:
    (folders.inbox / "d").mkdir(parents=True)
    for name in ("k", "d/x", "d/y"):
        (folders.inbox / name).write_text(name)
    async with folders.bucket():
        await asyncio.sleep(0.2)
        await asyncio.to_thread(shell, change, folders.inbox)

        await folders.expect(*expected)


async def test_a_name_that_is_not_unicode_is_noticed_and_left(folders: Folders, feed: Feed) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)
    async with folders.bucket():
        name = os.fsencode(folders.inbox) + b"/\xff"
        try:
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        except OSError:
            pytest.skip("this file system takes only Unicode names")
        await folders.expect()

    assert [fact.text for fact in facts if isinstance(fact, Notice)] == [
        "'\\udcff' is no object: its name is not valid UTF-8"
    ]


async def quiet(folders: Folders) -> None:
    """Let a first run of the bucket index what is there."""
    async with folders.bucket():
        await asyncio.sleep(0.2)
    assert folders.accepted.events == []


async def change_while_stopped(folders: Folders) -> None:
    """Know a, b and c; then change a, delete b, move c to d, add e."""
    folders.inbox.mkdir()
    for name in ("a", "b", "c"):
        (folders.inbox / name).write_text(name)
    await quiet(folders)
    (folders.inbox / "a").write_text("changed")
    (folders.inbox / "b").unlink()
    (folders.inbox / "c").rename(folders.inbox / "d")
    (folders.inbox / "e").write_text("e")


async def test_what_changed_while_stopped_is_emitted_at_the_next_start(folders: Folders) -> None:
    await change_while_stopped(folders)

    async with folders.bucket():
        await folders.expect((PUT, "a"), (DELETE, "b"), (DELETE, "c"), (COPY, "d"), (PUT, "e"))


async def test_what_changed_while_stopped_can_be_ignored(folders: Folders) -> None:
    await change_while_stopped(folders)

    async with folders.bucket(changes_while_stopped="ignore") as bucket:
        await folders.expect()
        page = await bucket.list(prefix="", delimiter="", start_after="", limit=10)
    assert [entry.key for entry in page.entries] == ["a", "d", "e"]


@pytest.mark.parametrize(
    ("existing", "expected"), [("ignore", []), ("emit", [(PUT, "old")])], ids=["ignored", "emitted"]
)
async def test_files_that_are_there_at_first_sight(
    folders: Folders, existing: str, expected: list[tuple[str, str]]
) -> None:
    folders.inbox.mkdir()
    (folders.inbox / "old").write_text("old")
    async with folders.bucket(existing=existing) as bucket:
        await folders.expect(*expected)

        entry = await bucket.find("old")
    assert entry is not None
    assert entry.etag == "149603e6c03516362a8da23f624db945"


MANY = 1500


@pytest.mark.parametrize("restarted", [{}, {"changes_while_stopped": "ignore"}], ids=["emit", "ignore"])
async def test_what_is_new_is_settled_at_first_sight_even_when_that_is_cut_short(
    folders: Folders, restarted: dict[str, Any]
) -> None:
    folders.inbox.mkdir()
    for number in range(MANY):
        (folders.inbox / f"old-{number}").write_text("old")
    async with folders.bucket():
        pass  # stopped as soon as it is ready
    for number in range(5):
        (folders.inbox / f"new-{number}").write_text("new")
    (folders.inbox / "old-0").write_text("changed")
    (folders.inbox / "old-1").unlink()

    new = [(PUT, f"new-{number}") for number in range(5)]
    async with folders.bucket(**restarted) as bucket:
        await folders.expect(*([] if restarted else [*new, (PUT, "old-0"), (DELETE, "old-1")]))
        async with asyncio.timeout(30):
            while (await folders.opened()).unread:
                await asyncio.sleep(0.02)
        entry = await bucket.find("old-2")
    assert entry is not None
    assert entry.etag == "149603e6c03516362a8da23f624db945"


async def test_what_changes_before_a_file_of_the_first_sight_is_read_is_an_event(folders: Folders) -> None:
    folders.inbox.mkdir()
    for number in range(MANY):
        (folders.inbox / f"old-{number}").write_text("old")
    async with folders.bucket():
        (folders.inbox / "old-7").write_text("changed")
        (folders.inbox / "old-8").unlink()
        (folders.inbox / "old-9").rename(folders.inbox / "moved")

        await folders.expect((PUT, "old-7"), (DELETE, "old-8"), (COPY, "moved"), (DELETE, "old-9"))


async def test_files_of_the_first_sight_are_objects_at_once(folders: Folders) -> None:
    folders.inbox.mkdir()
    for number in range(MANY):
        (folders.inbox / f"old-{number}").write_text("old")
    async with folders.bucket() as bucket:
        page = await bucket.list(prefix="", delimiter="", start_after="", limit=MANY)
        opened = await bucket.open("old-7")
        assert opened is not None
        opened.file.close()

    assert len(page.entries) == MANY
    assert (
        {entry.etag for entry in page.entries} == {opened.entry.etag} == {"149603e6c03516362a8da23f624db945"}
    )


async def test_a_file_of_the_first_sight_can_be_deleted_before_it_is_read(folders: Folders) -> None:
    folders.inbox.mkdir()
    for number in range(MANY):
        (folders.inbox / f"old-{number}").write_text("old")
    async with folders.bucket() as bucket:
        await bucket.delete("old-7")

        await folders.expect((DELETE, "old-7"))
    assert not (folders.inbox / "old-7").exists()


async def test_an_object_is_put_when_its_marker_is_there(folders: Folders) -> None:
    async with folders.bucket(complete_marker=".done"):
        (folders.inbox / "big").write_text("1")
        await asyncio.sleep(SETTLE_SECONDS * 3)
        assert folders.accepted.events == []
        (folders.inbox / "big.done").touch()

        await folders.expect((PUT, "big"))


async def test_the_folder_may_go_and_come_back(folders: Folders, feed: Feed) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)
    async with folders.bucket():
        (folders.inbox / "a").write_text("a")
        await until(lambda: len(folders.accepted.events) == 1)
        folders.inbox.rename(folders.path / "aside")
        await until(lambda: any(isinstance(fact, Notice) for fact in facts))
        (folders.path / "aside/b").write_text("b")
        (folders.path / "aside").rename(folders.inbox)

        await folders.expect((PUT, "a"), (PUT, "b"))


class QueueOnAFullDisk(AcceptedEvents):
    """Has room again after two attempts."""

    attempts = 0

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        """Refuse the first two transactions."""
        self.attempts += 1
        if self.attempts <= 2:
            raise StoreFull(None)
        super().insert(connection, events)


async def test_what_cannot_be_stored_is_kept_and_tried_again(folders: Folders, feed: Feed) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)
    folders.accepted = QueueOnAFullDisk()
    async with folders.bucket():
        (folders.inbox / "f").write_text("x")

        await folders.expect((PUT, "f"))
    assert len([fact for fact in facts if isinstance(fact, Notice)]) == 1


async def test_sequencers_grow_even_when_a_key_is_deleted_and_comes_again(folders: Folders) -> None:
    async with folders.bucket():
        for number in range(3):
            (folders.inbox / "k").write_text(str(number))
            await until(lambda count=number: len(folders.accepted.events) == 2 * count + 1)  # type: ignore[misc]
            (folders.inbox / "k").unlink()
            await until(lambda count=number: len(folders.accepted.events) == 2 * count + 2)  # type: ignore[misc]

    sequencers = [record["s3"]["object"]["sequencer"] for record in folders.accepted.records()]
    assert sequencers == sorted(set(sequencers))
    assert {len(sequencer) for sequencer in sequencers} == {18}


@pytest.mark.parametrize("watch", ["auto", "poll"])
async def test_saves_in_quick_succession_end_with_the_last_content(folders: Folders, watch: str) -> None:
    async with folders.bucket(watch=watch) as bucket:

        async def etag() -> str | None:
            entry = await bucket.find("n")
            return entry.etag if entry is not None else None

        for number in range(10):
            (folders.inbox / "n").write_text(str(number))
            await asyncio.sleep(0.001)

        await eventually(etag, "45c48cce2e2d7fbdea1afc51c7c6ad26")


async def eventually(ask: Callable[[], Awaitable[object]], answer: object) -> None:
    """Return once `ask` gives `answer`."""
    async with asyncio.timeout(10):
        while await ask() != answer:
            await asyncio.sleep(0.01)


WRITE_TREE = """
import os, sys
for number in range(100):
    folder = f"{sys.argv[1]}/{number % 7}/{number}"
    os.makedirs(folder)
    for name in "abc":
        with open(f"{folder}/{name}", "w") as file:
            file.write(name)
"""


async def test_a_tree_that_grows_quickly_is_seen_completely(folders: Folders) -> None:
    async with folders.bucket():
        await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", WRITE_TREE, str(folders.inbox)], check=True
        )

        await folders.expect(
            *((PUT, f"{number % 7}/{number}/{name}") for number in range(100) for name in "abc")
        )


WRITE_MANY = """
import sys
for number in range(40_000):
    with open(f"{sys.argv[1]}/{number}.txt", "w") as file:
        file.write("x")
"""


async def test_forty_thousand_files_are_forty_thousand_events(folders: Folders) -> None:
    async with folders.bucket():
        writer = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITE_MANY, str(folders.inbox))
        await writer.wait()
        await until(lambda: len(folders.accepted.events) >= 40_000, seconds=90)
        await asyncio.sleep(2)

        keys = [key for name, key in folders.accepted.names_and_keys() if name == PUT]
    assert len(keys) == 40_000
    assert set(keys) == {f"{number}.txt" for number in range(40_000)}


async def test_what_the_kernel_lost_is_found_well_before_the_next_comparison(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.inbox.mkdir()
    async with folders.bucket(), asyncio.timeout(10):  # a comparison comes every 30 s
        monkeypatch.setattr(Watch, "take", lambda *_: None)  # every event is lost from now on
        (folders.inbox / "first").write_text("1")
        logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed")
        await until(lambda: folders.accepted.names_and_keys() == [(PUT, "first")])
        # While the watches are set up again, more is lost, without another word.
        (folders.inbox / "second").write_text("2")
        await until(lambda: folders.accepted.names_and_keys() == [(PUT, "first"), (PUT, "second")])


async def test_a_large_file_is_read_off_the_loop(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    read, threads = files.read, list[threading.Thread]()

    def reading(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return read(*arguments)

    monkeypatch.setattr(files, "read", reading)
    folders.inbox.mkdir()
    async with folders.bucket():
        (folders.inbox / "large").write_bytes(bytes(SMALL_FILE_BYTES + 1))
        await folders.expect((PUT, "large"))
    assert threads
    assert threading.main_thread() not in threads


async def test_the_state_folder_in_a_bucket_is_never_part_of_it(folders: Folders) -> None:
    state = folders.inbox / "state"
    state.mkdir(parents=True)
    (state / "old").write_bytes(b"there before")
    async with folders.bucket(existing="emit", ignore=[], not_objects=[state]) as bucket:
        (state / "new").write_bytes(b"hinted at")
        (state / "sub").mkdir()
        (state / "sub" / "deep").write_bytes(b"scanned")
        (folders.inbox / "drop").write_bytes(b"x")
        await folders.expect((PUT, "drop"))
        with pytest.raises(KeyRefused, match="own state"):
            bucket.begin_upload("state/upload")
        page = await bucket.list(prefix="", delimiter="", start_after="", limit=10)
        assert [entry.key for entry in page.entries] == ["drop"]
    assert (state / "old").exists()


async def test_what_became_the_state_folder_leaves_the_bucket_without_a_word(folders: Folders) -> None:
    state = folders.inbox / "state"
    state.mkdir(parents=True)
    async with folders.bucket():
        (state / "a").write_bytes(b"an object so far")
        await folders.expect((PUT, "state/a"))
    async with folders.bucket(not_objects=[state]) as bucket:
        await until_gone(bucket, "state/a")
        await folders.expect((PUT, "state/a"))
    assert (state / "a").read_bytes() == b"an object so far"


async def until_gone(bucket: Bucket, key: str) -> None:
    async with asyncio.timeout(10):
        while await bucket.find(key) is not None:
            await asyncio.sleep(0.02)
