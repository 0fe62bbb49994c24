"""Keeps a bucket's index in step with its folder.

Hints from the watch, and scans now and then, say which keys to look at. Each is looked at, held against the
index and settled: put, removed, looked at again later, or left. Many keys go through each stage together, so
that a burst of small files costs a few hops to a thread and a few transactions.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from engine.clock import Clock
from engine.errors import ConfigurationError, StoreError
from engine.feed import Feed, Notice
from engine.store.database import Store
from engine.value import dataclass
from engine.watching import FolderWatcher, Hint, Watch
from triggers.s3 import files, objects
from triggers.s3.candidates import Candidates
from triggers.s3.files import Scanned
from triggers.s3.journal import Journal
from triggers.s3.key_locks import KeyLocks
from triggers.s3.keys import KeyRules, key_of, problem_of_key
from triggers.s3.settle import FileState
from triggers.s3.settler import Settler

BATCH_KEYS = 256
HEARTBEAT = timedelta(seconds=5)
AWAY_HEARTBEAT = timedelta(seconds=1)
FIRST_LOOK = timedelta(milliseconds=20)  # a writer that is quick is done by then, and says so itself
EXPECTED_KEYS = 1000
SECOND_LOOK = timedelta(seconds=1)  # after the kernel lost events, while its watches are set up again
SHORTEST_SCAN_INTERVAL = timedelta(seconds=30)
NEEDLESS_INTERVAL = timedelta(days=1)  # between looks where the watch misses nothing
SCAN_COST_FACTOR = 100  # at most one per cent of the time is spent scanning


@dataclass(frozen=True, slots=True)
class FolderRules:
    """How a bucket reads its folder. `settle_time` is how long a file must be still."""

    keys: KeyRules
    settle_time: timedelta
    poll: bool = False
    emit_existing: bool = False
    emit_changes_while_stopped: bool = True


@dataclass(frozen=True, slots=True)
class _Look:
    """Somebody waits until what was done before `since` is settled."""

    since: datetime
    done: "asyncio.Future[None]"


class BucketFolder:
    """The watched folder of one bucket.

    `ready` is set once every change is noticed. `exempt` has the keys that are objects although the ignore
    list has their names, because they were put through the endpoint.
    """

    def __init__(
        self,
        folder: Path,
        rules: FolderRules,
        *,
        journal: Journal,
        locks: KeyLocks,
        store: Store,
        watcher: FolderWatcher,
        clock: Clock,
        feed: Feed,
        writers_of: Callable[[str], tuple[str, ...]],
    ) -> None:
        self.ready = asyncio.Event()
        self.exempt: set[str] = set()
        self._folder = folder
        self._rules = rules
        self._journal = journal
        self._locks = locks
        self._store = store
        self._watcher = watcher
        self._clock = clock
        self._world = clock.world
        self._feed = feed
        self._candidates = Candidates()
        self._settler = Settler(
            folder,
            rules.keys,
            rules.settle_time,
            is_slow=rules.poll,
            candidates=self._candidates,
            journal=journal,
            locks=locks,
            store=store,
            clock=clock,
            feed=feed,
            writers_of=writers_of,
        )
        self._watch: Watch | None = None
        self._awake = asyncio.Event()
        self._next_beat = self._next_scan = self._world.now()
        self._scans: dict[str, bool] = {}  # prefixes to scan, and whether they were moved in whole
        self._refused: set[str] = set()
        self._expected: dict[str, bool] = {}  # the keys that a hint is to come for that says nothing new
        self._looks_asked: list[_Look] = []
        self._looks: list[_Look] = []  # those for which the folder has been scanned
        self._has_ended = False
        locks.on_release = self._awake.set

    async def run(self) -> None:
        """Follow the folder until cancelled. Raises ConfigurationError when it cannot be made or watched."""
        try:
            async with asyncio.TaskGroup() as large_files:
                await self._start()
                while True:
                    self._awake.clear()
                    await self._work(large_files)
                    if not self._awake.is_set():
                        await self._rest()
        finally:
            self._close_watch()
            self._has_ended = True
            self._looks += self._looks_asked
            self._end_looks()

    async def look(self) -> None:
        """Return once the index has whatever was done to the folder before this call.

        Files that somebody is still writing, or that cannot be read, are not waited for: `held_up` has them.
        """
        if self._has_ended:
            return
        look = _Look(self._world.now(), asyncio.get_running_loop().create_future())
        self._looks_asked.append(look)
        self._awake.set()
        await look.done

    def expect(self, key: str) -> None:
        """Say that a file is about to be put here: what the watch tells of it need not be seen at once."""
        self._expected[key] = True
        if len(self._expected) > EXPECTED_KEYS:  # a watch may miss some, or be none
            del self._expected[next(iter(self._expected))]

    def held_up(self) -> list[str]:
        """Return the keys of files that are being written, or cannot be read."""
        return self._candidates.held_up()

    async def _start(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._begin_watch()
        except OSError as error:
            raise ConfigurationError(
                [f"{self._place}.folder: {self._folder} cannot be watched: {error.strerror or error}"]
            ) from error
        opened = await self._journal.open(self._folder)
        await asyncio.to_thread(files.remove_uploads, self._folder)
        unread = await self._first_sight() if opened.is_new else opened.unread
        emit = self._rules.emit_existing if opened.is_new else self._rules.emit_changes_while_stopped
        if emit or not opened.is_new:
            await self._scan("", silent=not emit)
        for key in unread:
            if key not in self._candidates:
                self._candidates.note(key, finished=True)
        self._next_scan = self._world.now() + self._at_least(SHORTEST_SCAN_INTERVAL)
        self.ready.set()

    async def _first_sight(self) -> Collection[str]:
        """Settle, before anything else happens, which files were there already; return their keys."""
        existing: dict[str, FileState] = {}
        if not self._rules.emit_existing:
            scanned = await asyncio.to_thread(files.scan, self._folder, "", self._rules.keys)
            self._refuse_all(scanned)
            existing = {
                key: state
                for key, state in scanned.states.items()
                if self._rules.keys.is_complete(key, scanned.states)
            }
        await self._journal.mark_seen(self._folder, existing)
        return existing.keys()

    async def _work(self, large_files: asyncio.TaskGroup) -> None:
        """Do what is due now."""
        now = self._world.now()
        if now >= self._next_beat:
            self._beat(now)
        asked, self._looks_asked = self._looks_asked, []
        if self._watch is None:
            self._looks += asked
            self._end_looks()
            return
        if asked or now >= self._next_scan:
            self._scans[""] = False
        await self._scan_what_was_asked_for()
        if asked:
            self._looks += asked
            for key in self._settler.racy:
                self._candidates.note(key, sought=True)
        batch = self._candidates.take(now, BATCH_KEYS, self._locks.try_hold)
        if not batch:
            self._end_looks()
            return
        self._awake.set()  # there may be more
        await self._settler.settle(batch, large_files)

    async def _rest(self) -> None:
        until = self._next_beat
        if self._watch is not None:
            due = self._candidates.next_due()
            until = min(until, self._next_scan, *([due] if due is not None else []))
        await self._world.wait(self._awake, (until - self._world.now()).total_seconds())

    def _end_looks(self) -> None:
        """Let those go on for whom everything is settled; without a watch there is nothing to settle."""
        waiting, self._looks = self._looks, []
        for look in waiting:
            if self._watch is not None and not self._is_settled(look.since):
                self._looks.append(look)
            elif not look.done.done():
                look.done.set_result(None)

    def _is_settled(self, since: datetime) -> bool:
        return not (self._scans or self._settler.large_in_hand) and self._candidates.are_settled(since)

    def _take_hints(self, hints: Sequence[Hint]) -> None:
        """Note what the watch says. Called on the loop."""
        soon = self._world.now() + FIRST_LOOK
        root = str(self._folder)
        for hint in hints:
            if hint.overflow:
                self._scans[""] = False
                self._next_scan = self._world.now() + SECOND_LOOK
                continue
            key = key_of(root, hint.path)
            if key is None:
                self._next_beat = self._world.now()
            elif hint.folder:
                if not self._rules.keys.ignores(key) and problem_of_key(key) is None:
                    prefix = key + "/"
                    self._scans[prefix] = self._scans.get(prefix, False) or hint.finished
            else:
                self._note(key, hint, soon)
        self._awake.set()

    def _note(self, key: str, hint: Hint, soon: datetime) -> None:
        rules = self._rules.keys
        if rules.ignores(key) and key not in self.exempt:
            return
        if (problem := problem_of_key(key)) is not None:
            self._refuse(key, problem)
            return
        completed = rules.object_of_marker(key)
        if completed is not None:
            self._candidates.note(completed)
        else:
            is_ours = self._expected.pop(key, False)
            self._candidates.note(
                key, written=hint.written, finished=hint.finished, due=soon, may_wait=is_ours
            )

    async def _scan_what_was_asked_for(self) -> None:
        scans, self._scans = self._scans, {}
        if "" in scans:
            started = self._clock.stopwatch()
            await self._scan("")
            took = timedelta(seconds=self._clock.stopwatch() - started)
            interval = max(SHORTEST_SCAN_INTERVAL, took * SCAN_COST_FACTOR)
            if self._next_scan <= self._world.now():
                self._next_scan = self._world.now() + self._at_least(interval)
        for prefix, finished in scans.items():
            if prefix and ("" not in scans or finished):
                await self._scan(prefix, finished=finished)

    async def _scan(self, prefix: str, *, finished: bool = False, silent: bool = False) -> None:
        """Compare the folder below `prefix` with the index; note the keys that differ."""
        rules = self._rules.keys
        scanned = await asyncio.to_thread(files.scan, self._folder, prefix, rules)
        try:
            indexed = await self._store.read(
                lambda connection: objects.states_below(connection, self._journal.bucket, prefix)
            )
        except StoreError:
            self._scans[prefix] = self._scans.get(prefix, False) or finished
            return
        if not prefix:
            self.exempt.update(key for key in indexed if rules.ignores(key) and not rules.excludes(key))
        self._refuse_all(scanned)
        differing = {
            key
            for key, state in scanned.states.items()
            if indexed.get(key) != state and rules.object_of_marker(key) is None
        }
        differing.update(key for key in indexed if key not in scanned.states and key not in scanned.folders)
        for key in differing:
            if key in self._candidates and not finished:
                continue  # it is being looked after already, perhaps silently
            unheard = silent or rules.excludes(key)
            self._candidates.note(key, finished=finished and key in scanned.states, silent=unheard)

    def _beat(self, now: datetime) -> None:
        """See whether the folder is still the one that is watched."""
        self._settler.forget_races()
        self._next_beat = now + self._at_least(HEARTBEAT)
        try:
            found = files.identity(self._folder)
        except OSError:
            found = None
        if found == self._settler.identity and self._watch is not None:
            return
        if found is None or self._is_another_file_system(found):
            if self._watch is not None:
                self._close_watch()
                self._say(f"the folder {self._folder} is not there: waiting until it is back")
            self._next_beat = now + AWAY_HEARTBEAT
            return
        self._close_watch()
        try:
            self._begin_watch()
        except OSError:
            self._next_beat = now + AWAY_HEARTBEAT
            return
        self._say(f"the folder {self._folder} is another one, or is back: comparing it with what was known")
        self._scans[""] = False

    def _at_least(self, interval: timedelta) -> timedelta:
        return max(interval, NEEDLESS_INTERVAL) if self._watcher.misses_nothing else interval

    def _is_another_file_system(self, found: tuple[int, int]) -> bool:
        """Say whether what lies there now looks like the mount point of what has been unmounted."""
        return self._settler.identity is not None and found[0] != self._settler.identity[0]

    def _begin_watch(self) -> None:
        self._settler.identity = files.identity(self._folder)
        self._watch = self._watcher.watch(self._folder, self._take_hints, poll=self._rules.poll)

    def _close_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _refuse_all(self, scanned: Scanned) -> None:
        for key, problem in scanned.refused.items():
            self._refuse(key, problem)

    def _refuse(self, key: str, problem: str) -> None:
        if key not in self._refused:
            self._refused.add(key)
            self._say(f"{key!r} is no object: {problem}")

    def _say(self, text: str) -> None:
        self._feed.publish(Notice(self._clock.now(), "warning", self._place, text))

    @property
    def _place(self) -> str:
        return f"buckets.{self._journal.bucket}"
