"""Says when it is worth looking at a database: soon after a write, and now and then.

A write to the database, its write-ahead log or its rollback journal is a hint. It comes before the commit is
complete, so more looks follow it: for a second at short distances, then at distances that double. Where the
system does not report writes, as on some network file systems, a look a second is what is left.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.clock import Clock
from engine.watching import FolderWatcher, Hint, Watch

SHORTEST_SECONDS = 0.002
SHORT_SECONDS = 0.02
SHORT_FOR_SECONDS = 1.0  # after a hint
LONGEST_SECONDS = 30.0
LONGEST_WITHOUT_HINTS_SECONDS = 1.0
NEEDLESS_SECONDS = 86_400.0  # where the watcher misses nothing
PATIENCE_SECONDS = 0.25  # a transaction that takes longer may be one that a crash has left
_JOURNAL_IN_USE = bytes.fromhex("d9d505f920a163d7")


class DatabaseWatch:
    """Watches a database's files. Close it in the end."""

    def __init__(self, path: Path, watcher: FolderWatcher, clock: Clock) -> None:
        self._path = path
        self._world = clock.world
        self._watcher = watcher
        self._watch: Watch | None = None
        self._files: frozenset[str] = frozenset()
        self._journal = Path(f"{path}-journal")
        self._hinted = asyncio.Event()
        self._distance = SHORTEST_SECONDS
        self._since_hint = 0.0
        self._hints_come = False

    def close(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    async def next_look(self) -> None:
        """Return when it is worth looking again."""
        await self._world.sleep(SHORTEST_SECONDS)
        while True:
            self.begin()
            waited = self._distance
            if await self._hint_within(waited):
                self._distance, self._since_hint = SHORTEST_SECONDS, 0.0
            else:
                self._since_hint += waited
                self._distance = min(2 * waited, self._longest())
            if waited >= PATIENCE_SECONDS or not self._is_being_written():
                return

    def hint(self) -> None:
        """Take a write as noticed."""
        self._hinted.set()

    def _longest(self) -> float:
        if self._watcher.misses_nothing:
            return NEEDLESS_SECONDS
        if self._since_hint < SHORT_FOR_SECONDS:
            return SHORT_SECONDS
        return LONGEST_SECONDS if self._hints_come else LONGEST_WITHOUT_HINTS_SECONDS

    async def _hint_within(self, seconds: float) -> bool:
        was_hinted = await self._world.wait(self._hinted, seconds)
        self._hinted.clear()
        self._hints_come = self._hints_come or was_hinted
        return was_hinted

    def begin(self) -> None:
        """Watch the folder that the file is in, as soon as there is one."""
        if self._watch is None:
            real = Path(os.path.realpath(self._path))
            self._journal = Path(f"{real}-journal")
            self._files = frozenset((str(real), f"{real}-wal", str(self._journal)))
            with suppress(OSError):
                self._watch = self._watcher.watch(real.parent, self._note, recursive=False)

    def _note(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            if hint.path in self._files or hint.overflow:
                self._hinted.set()
            elif self._watch is not None and hint.path == str(self._watch.folder):
                self.close()  # the folder is gone; it may come again, as another one
                self._hinted.set()

    def _is_being_written(self) -> bool:
        """Say whether a transaction is in a rollback journal.

        Nothing new can be read before it ends, and a reader could stand in the way of its commit.
        """
        try:
            with self._journal.open("rb") as journal:
                return journal.read(len(_JOURNAL_IN_USE)) == _JOURNAL_IN_USE
        except OSError:
            return False
