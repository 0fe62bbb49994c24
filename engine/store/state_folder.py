"""The folder that a simulator keeps everything in, and the lock that lets only one simulator use it."""

import os
from pathlib import Path
from typing import Self

from engine.errors import StoreError, StoreInUse

DATABASE = "headrace.db"


class StateFolder:
    """Owns `path` from `__enter__` to `__exit__`; the operating system frees the lock of a killed process."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock  # a tenth of the start-up of commands that never lock

        self.path = path
        self._lock = FileLock(path / "lock", blocking=False, thread_local=False)

    def __enter__(self) -> Self:
        """Make and lock the folder. Raises StoreInUse when it is taken, StoreError when it is unusable."""
        from filelock import Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            self._lock.acquire()
        except Timeout:
            raise StoreInUse(self.path, self._owner()) from None
        except OSError as error:
            raise StoreError(
                f"the state folder {self.path} cannot be used: {error.strerror or error}: "
                'make it writable, or choose another with `state = "..."` in [simulator]'
            ) from error
        (self.path / "pid").write_text(f"{os.getpid()}\n", encoding="ascii")
        return self

    def __exit__(self, *_: object) -> None:
        (self.path / "pid").unlink(missing_ok=True)
        self._lock.release()

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.path / DATABASE

    def _owner(self) -> str:
        try:
            return f" (process {int((self.path / 'pid').read_text(encoding='ascii'))})"
        except (OSError, ValueError):
            return ""
