"""The folder that a simulator keeps everything in, and the lock that lets only one simulator use it."""

import os
import sys
from pathlib import Path
from typing import Self

from engine.errors import StoreError, StoreInUse

DATABASE = "headrace.db"


class StateFolder:
    """Owns `path` from `__enter__` to `__exit__`; the operating system frees the lock of a killed process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Make and lock the folder. Raises StoreInUse when it is taken, StoreError when it is unusable."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            self._lock = os.open(
                self.path / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644
            )
        except OSError as error:
            raise StoreError(
                f"the state folder {self.path} cannot be used: {error.strerror or error}: "
                'make it writable, or choose another with `state = "..."` in [simulator]'
            ) from error
        if not _try_lock(self._lock):
            os.close(self._lock)
            raise StoreInUse(self.path, self._owner())
        (self.path / "pid").write_text(f"{os.getpid()}\n", encoding="ascii")
        return self

    def __exit__(self, *_: object) -> None:
        (self.path / "pid").unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)  # which frees the lock
            self._lock = None

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.path / DATABASE

    def _owner(self) -> str:
        try:
            return f" (process {int((self.path / 'pid').read_text(encoding='ascii'))})"
        except (OSError, ValueError):
            return ""


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
