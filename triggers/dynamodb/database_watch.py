"""Says when it is worth looking at a database: soon after a write, and now and then.

A write to the database, its write-ahead log or its rollback journal is a hint. It comes before the commit is
complete, so a few looks follow it at growing distances. Where the system does not report writes (a network
file system), looking now and then is what is left.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.watching import FolderWatcher, Hint, Watch

AFTER_A_HINT_SECONDS = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128)
NOW_AND_THEN_SECONDS = (0.25, 0.5, 1.0)
BETWEEN_LOOKS_SECONDS = 0.002
_JOURNAL_IN_USE = bytes.fromhex("d9d505f920a163d7")


class DatabaseWatch:
    """Watches a database's files. Close it in the end."""

    def __init__(self, path: Path, watcher: FolderWatcher) -> None:
        self._path = path
        self._watcher = watcher
        self._watch: Watch | None = None
        self._files: frozenset[str] = frozenset()
        self._journal = Path(f"{path}-journal")
        self._hinted = asyncio.Event()
        self._delays = iter(AFTER_A_HINT_SECONDS)
        self._idle_looks = 0

    def close(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    async def next_look(self) -> None:
        """Return when it is worth looking again."""
        await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
        while True:
            self._begin()
            if await self._wait_for_hint():
                self._delays = iter(AFTER_A_HINT_SECONDS)
                self._idle_looks = 0
            elif self._idle_looks:
                return
            if not self._is_being_written():
                return

    async def _wait_for_hint(self) -> bool:
        delay = next(self._delays, None)
        if delay is None:
            delay = NOW_AND_THEN_SECONDS[min(self._idle_looks, len(NOW_AND_THEN_SECONDS) - 1)]
            self._idle_looks += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._hinted.wait()
        was_hinted = self._hinted.is_set()
        self._hinted.clear()
        return was_hinted

    def _begin(self) -> None:
        """Watch the folder that the file is in, as soon as there is one."""
        if self._watch is None:
            real = Path(os.path.realpath(self._path))
            self._journal = Path(f"{real}-journal")
            self._files = frozenset((str(real), f"{real}-wal", str(self._journal)))
            with suppress(OSError):
                self._watch = self._watcher.watch(real.parent, self._note, recursive=False)

    def _note(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            if hint.folder and not Path(hint.path).exists():
                self.close()  # the folder may come again, as another one
            if hint.path in self._files or hint.folder or hint.overflow:
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
