"""Looks at candidates, a batch at a time, and writes down what became of them."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from engine.clock import Clock
from engine.errors import StoreError
from engine.feed import Feed, Notice
from engine.store.database import Store
from engine.value import dataclass
from triggers.s3 import files, objects
from triggers.s3.candidates import Candidates
from triggers.s3.files import Content, Unreadable, Unsettled
from triggers.s3.journal import Gone, Journal, Stored
from triggers.s3.key_locks import KeyLocks
from triggers.s3.keys import KeyRules, path_of
from triggers.s3.objects import ObjectEntry
from triggers.s3.settle import Candidate, FileState, Nothing, Put, Removed, Wait, next_step

SMALL_FILE_BYTES = 256 * 1024  # larger ones are read one by one, so that they hold nobody up
LARGE_FILES_AT_ONCE = 2
FEW_KEYS = 4
TRY_AGAIN = timedelta(seconds=1)
RACY_NS = 50_000_000  # no file system stamps times more coarsely, but for FAT

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Reading:
    """A file to read. `before` is its entry in the index, `origin` the entry it may have been moved from."""

    key: str
    candidate: Candidate
    state: FileState
    before: ObjectEntry | None
    origin: ObjectEntry | None
    if_different: bool


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What reading gave; `moved` says that the file has left its origin."""

    content: Content | Unsettled | Unreadable
    moved: bool = False


class Settler:
    """Settles candidates of one folder. Keys come held, and are released here.

    `is_slow` says that the folder may be on a network, so that the loop never touches it. `writers_of` names
    the functions that led to a file.
    """

    def __init__(
        self,
        folder: Path,
        rules: KeyRules,
        settle_time: timedelta,
        *,
        is_slow: bool,
        candidates: Candidates,
        journal: Journal,
        locks: KeyLocks,
        store: Store,
        clock: Clock,
        feed: Feed,
        writers_of: Callable[[str], tuple[str, ...]],
    ) -> None:
        self.identity: tuple[int, int] | None = None
        self.large_in_hand = 0
        self._folder = folder
        self._rules = rules
        self._settle_time = settle_time
        self._is_slow = is_slow
        self._candidates = candidates
        self._journal = journal
        self._locks = locks
        self._store = store
        self._clock = clock
        self._world = clock.world
        self._feed = feed
        self._writers_of = writers_of
        self._large = asyncio.Semaphore(LARGE_FILES_AT_ONCE)
        self._racy: dict[str, None] = {}
        self._noticed: set[str] = set()

    async def settle(self, batch: Mapping[str, Candidate], large_files: asyncio.TaskGroup) -> None:
        """Bring the index up to date for the keys of `batch`; large files are left to tasks of their own."""
        kept: set[str] = set()
        try:
            readings = await self._decide(batch)
            small = [each for each in readings if each.state.size <= SMALL_FILE_BYTES]
            results = await self._off_loop(len(batch), self._read_all, small) if small else []
            await self._finish(small, results)
            for reading in readings:
                if reading.state.size > SMALL_FILE_BYTES:
                    kept.add(reading.key)
                    self.large_in_hand += 1
                    large_files.create_task(self._settle_large(reading))
        finally:
            for key in batch:
                if key not in kept:
                    self._locks.release(key)

    @property
    def racy(self) -> Collection[str]:
        """The files that may have changed since they were read, though they look the same."""
        return self._racy.keys()

    def forget_races(self) -> None:
        """Called now and then: a file that was read long ago was not read in the instant of its writing."""
        self._racy.clear()

    async def _decide(self, batch: Mapping[str, Candidate]) -> list[Reading]:
        """Return what is to be read; what is removed is written down, what is not settled is put back."""
        states = await self._off_loop(len(batch), self._look, list(batch))
        batch = {key: candidate for key, candidate in batch.items() if not self._is_known(key, states)}
        if not batch:
            return []
        now = self._world.now()
        try:
            indexed, by_inode = await self._store.read(lambda connection: self._indexed(connection, states))
        except StoreError as error:
            self._put_back(batch, error)
            return []
        readings: list[Reading] = []
        removed: dict[str, Gone] = {}
        for key, candidate in batch.items():
            if key not in states:
                self._candidates.put_back(key, candidate, now + TRY_AGAIN)
                continue
            state, before = states[key], indexed.get(key)
            if key.endswith("/") and before is None:
                continue  # a folder is an object only when it was put as one
            if state is not None and (marker := self._rules.marker_of(key)) is not None:
                if states.get(marker) is None:
                    continue
                candidate = replace(candidate, finished=True)
            step = next_step(
                candidate,
                state,
                None if before is None else before.state,
                now,
                self._settle_time,
                racy=key in self._racy,
                unread=before is not None and not before.is_read,
            )
            match step:
                case Wait():
                    waiting = replace(candidate, seen=state, seen_at=step.since)
                    if candidate.seen_at is not None and candidate.seen != state:
                        waiting = replace(waiting, held_up_at=now)
                    self._candidates.put_back(key, waiting, step.until)
                case Removed():
                    removed[key] = Gone(key, None) if candidate.silent else Gone(key)
                case Put() if state is not None:
                    origin = by_inode.get(state.inode)
                    readings.append(Reading(key, candidate, state, before, origin, step.if_different))
                case Nothing():
                    pass
        await self._record(removed, batch)
        return readings

    def _is_known(self, key: str, states: Mapping[str, FileState | None]) -> bool:
        """Say whether a file is just what has been put: the watch reports what came through the endpoint."""
        return key not in self._racy and self._journal.is_recent(key, states.get(key))

    async def _off_loop(self, count: int, work: Callable[[A], R], argument: A) -> R:
        """Work on files on a thread; a few local, small ones take less time than the way there and back."""
        if count <= FEW_KEYS and not self._is_slow:
            return work(argument)
        return await asyncio.to_thread(work, argument)

    def _look(self, keys: Sequence[str]) -> dict[str, FileState | None]:
        """Return the states that can be trusted: none at all while the folder is not there."""
        markers = [marker for key in keys if (marker := self._rules.marker_of(key)) is not None]
        states = files.look(self._folder, [*keys, *markers])
        states.update(dict.fromkeys(filter(self._rules.excludes, keys)))
        try:
            there = files.identity(self._folder) == self.identity
        except OSError:
            there = False
        return states if there else {}

    def _indexed(
        self, connection: sqlite3.Connection, states: Mapping[str, FileState | None]
    ) -> tuple[dict[str, ObjectEntry], dict[int, ObjectEntry]]:
        """Return the entries of these keys, and of the files that may have been moved to them."""
        bucket = self._journal.bucket
        indexed = objects.find(connection, bucket, states.keys())
        strangers = [
            state.inode
            for key, state in states.items()
            if state is not None and (key not in indexed or indexed[key].inode != state.inode)
        ]
        return indexed, objects.find_by_inode(connection, bucket, strangers) if strangers else {}

    def _read_all(self, readings: Sequence[Reading]) -> list[ReadResult]:
        return [self._read(reading) for reading in readings]

    def _read(self, reading: Reading) -> ReadResult:
        origin, state = reading.origin, reading.state
        moved = (
            origin is not None
            and origin.key != reading.key
            and origin.state == state
            and files.look(self._folder, [origin.key]).get(origin.key) != state
        )
        known_etag = origin.content_md5 if moved and origin is not None and origin.is_read else None
        return ReadResult(files.read(path_of(self._folder, reading.key), state, known_etag), moved)

    async def _settle_large(self, reading: Reading) -> None:
        try:
            async with self._large:
                result = await asyncio.to_thread(self._read, reading)
            await self._finish([reading], [result])
        finally:
            self.large_in_hand -= 1
            self._locks.release(reading.key)

    async def _finish(self, readings: Sequence[Reading], results: Sequence[ReadResult]) -> None:
        now = self._world.now()
        read_ns = int(self._clock.real_now().timestamp() * 1e9)
        stored: dict[str, Stored] = {}
        for reading, result in zip(readings, results, strict=True):
            content = result.content
            match content:
                case Unsettled():
                    held_up = replace(reading.candidate, held_up_at=now)
                    self._candidates.put_back(reading.key, held_up, now + self._settle_time)
                case Unreadable():
                    self._say_once(reading.key, f"{reading.key} cannot be read: {content.reason}")
                    held_up = replace(reading.candidate, held_up_at=now)
                    self._candidates.put_back(reading.key, held_up, now + TRY_AGAIN)
                case Content():
                    if read_ns - content.state.mtime_ns < RACY_NS:
                        self._racy[reading.key] = None
                    else:
                        self._racy.pop(reading.key, None)
                    lineage = self._writers_of(path_of(self._folder, reading.key))
                    change = _change(reading, content, result.moved, lineage)
                    if change is not None:
                        stored[reading.key] = change
        await self._record(stored, {reading.key: reading.candidate for reading in readings})

    async def _record(self, changes: Mapping[str, Stored | Gone], batch: Mapping[str, Candidate]) -> None:
        if not changes:
            return
        try:
            await self._journal.record(list(changes.values()))
        except StoreError as error:
            self._put_back({key: batch[key] for key in changes}, error)
        else:
            self._noticed.difference_update(("store", *changes))

    def _put_back(self, batch: Mapping[str, Candidate], error: StoreError) -> None:
        self._say_once("store", f"changes wait until they can be stored: {error}")
        for key, candidate in batch.items():
            self._candidates.put_back(key, candidate, self._world.now() + TRY_AGAIN)

    def _say_once(self, about: str, text: str) -> None:
        if about not in self._noticed:
            self._noticed.add(about)
            place = f"buckets.{self._journal.bucket}"
            self._feed.publish(Notice(self._clock.now(), "warning", place, text))


def _change(reading: Reading, content: Content, moved: bool, lineage: tuple[str, ...]) -> Stored | None:
    """Return what to write down about a file that was read; None when the index is right."""
    before = reading.before
    if reading.if_different and before is not None and before.content_md5 == content.etag:
        if before.state == content.state:
            return None
        return Stored(reading.key, before.etag, content.state, None, before.attributes)
    was_there_at_first_sight = (
        before is not None
        and not before.is_read
        and before.state == content.state
        and not reading.candidate.written
    )
    if reading.candidate.silent or was_there_at_first_sight:
        return Stored(reading.key, content.etag, content.state, None)
    if moved and reading.origin is not None:
        attributes = replace(reading.origin.attributes, checksum=None, md5=None, parts=None)
        return Stored(reading.key, content.etag, content.state, "ObjectCreated:Copy", attributes, lineage)
    return Stored(reading.key, content.etag, content.state, lineage=lineage)
