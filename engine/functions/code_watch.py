"""Notices that a function's code has changed, at the beginning and the end of a burst of changes."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from engine.clock import Timer, running_clock
from engine.functions.package import Package
from engine.watching import FolderWatcher, Hint, Watch

SETTLE_SECONDS = 0.2  # an editor or a checkout changes several files; one new environment is enough
IGNORED_SUFFIXES = (".pyc", ".log", ".tmp", ".swp", "~", "-journal", "-wal", "-shm")
IGNORED_NAMES = frozenset({"__pycache__", "4913"})  # 4913: vim tries whether it may write


class CodeWatch:
    """Calls `changed` when the code of one package changes, until closed. Raises OSError.

    It does so at the first change, for whoever invokes at once, and again when a burst of changes is over.
    """

    def __init__(
        self,
        watcher: FolderWatcher,
        package: Package,
        not_code: Sequence[Path],
        changed: Callable[[float], None],
    ) -> None:
        """`changed` is told when the change was, in seconds of the loop's time."""
        self._package = package
        self._not_code = not_code
        self._changed = changed
        self._timer: Timer | None = None
        folder = package.path.parent if package.zipped else package.path
        self._watch: Watch = watcher.watch(folder, self._look, recursive=not package.zipped)

    def close(self) -> None:
        """Look no more."""
        self._watch.close()
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, hints: Sequence[Hint]) -> None:
        if any(concerns(hint, self._package, self._not_code) for hint in hints):
            now = asyncio.get_running_loop().time()
            if self._timer is None:
                self._changed(now)
            else:
                self._timer.cancel()
            self._timer = running_clock().world.call_after(SETTLE_SECONDS, partial(self._burst_is_over, now))

    def _burst_is_over(self, last_change: float) -> None:
        self._timer = None
        self._changed(last_change)


def concerns(hint: Hint, package: Package, not_code: Sequence[Path]) -> bool:
    """Say whether a hint may mean that the code is another now.

    Dotfiles, caches, logs and editors' temporary files are not code, nor is what lies in a folder of
    `not_code`, such as a watched bucket inside the package.
    """
    if hint.overflow:
        return True
    touched = hint.finished and not hint.written and not hint.folder
    path = Path(hint.path)
    if touched or any(path.is_relative_to(folder) for folder in not_code):
        return False
    if package.zipped:
        return path == package.path
    try:
        parts = path.relative_to(package.path).parts
    except ValueError:
        return False
    return not any(
        part.startswith(".") or part in IGNORED_NAMES or part.endswith(IGNORED_SUFFIXES) for part in parts
    )
