"""Notices changes in folders in simulated time: exactly when something real has been done.

Between two pieces of real work nothing in the folders changes, so that a look after each, and after what the
simulation itself does there, misses nothing.
"""

import asyncio
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from engine.clock import Clock
from engine.feed import Feed
from engine.watching import FolderWatcher, Hint, Listener, Watch

State = tuple[int, int, int, int]  # size, mtime_ns, ctime_ns, inode


class SimulatedFolderWatcher(FolderWatcher):
    """As its base, but whoever changes files calls `look` afterwards."""

    misses_nothing = True

    def __init__(self, clock: Clock, feed: Feed) -> None:
        super().__init__(clock, feed)
        self._looked: dict[Watch, _Looked] = {}

    async def __aexit__(self, *_: object) -> None:
        """Close every watch."""
        for watch in tuple(self._looked):
            watch.close()

    async def __aenter__(self) -> Self:
        return self

    def watch(
        self,
        folder: Path,
        listener: Listener,
        *,
        recursive: bool = True,
        poll: bool = False,  # noqa: ARG002 - no way of noticing is better than another here
    ) -> Watch:
        """Tell `listener` of what `look` finds changed below `folder` until the watch is closed.

        Raises FileNotFoundError when the folder is missing.
        """
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        watch = Watch(folder, listener, asyncio.get_running_loop(), self._forget)
        self._looked[watch] = _Looked(folder, recursive, listener)
        return watch

    def look(self) -> None:
        """Tell the listeners what has changed since the last look."""
        for looked in tuple(self._looked.values()):
            looked.look()

    def _forget(self, watch: Watch) -> None:
        del self._looked[watch]


class _Looked:
    def __init__(self, folder: Path, recursive: bool, listener: Listener) -> None:
        self._folder = folder
        self._recursive = recursive
        self._listener = listener
        self._states = dict(self._present(str(folder)))

    def look(self) -> None:
        before, self._states = self._states, dict(self._present(str(self._folder)))
        hints = [
            Hint(path, written=True, finished=True)
            for path, state in self._states.items()
            if before.get(path) != state
        ]
        hints += [Hint(path) for path in before if path not in self._states]
        if hints:
            self._listener(hints)

    def _present(self, folder: str) -> Iterator[tuple[str, State]]:
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if not stat.S_ISDIR(status.st_mode):
                yield entry.path, (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            elif self._recursive:
                yield from self._present(entry.path)
