"""Empty files that wait for what is uploaded, made ahead on a thread while uploads follow closely.

Making a file takes some file systems as long as all else that an upload takes: ext4 without a journal looks
through all that was deleted in the last minutes.
"""

import asyncio
import itertools
import os
from collections import deque
from contextlib import suppress
from pathlib import Path

from engine.clock import Clock, Timer
from triggers.s3.keys import UPLOAD_PREFIX

CLOSELY_SECONDS = 0.02  # between uploads that more are expected to follow
FEW, MORE = 24, 32  # how few there may be before more are made, and how many that are
UNUSED_SECONDS = 2.0  # until those that nobody has taken are removed
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NAME = f"{UPLOAD_PREFIX}{os.urandom(4).hex()}-"  # of this process
_NUMBERS = itertools.count()  # may be asked by several threads

File = tuple[str, int]  # a path, and a descriptor that is open for writing


class SpareFiles:
    """Files below one folder, for all buckets: `take` them on any thread, having said that one is expected.

    They are made in another folder than those that are taken meanwhile: a rename out of a folder has to wait
    until a file in it is made.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._is_closed = False
        self._folders = itertools.cycle((folder / "0", folder / "1"))
        self._clock = clock
        self._files: deque[File] = deque()
        self._expected = 0.0
        self._making: asyncio.Future[None] | None = None
        self._check: Timer | None = None

    @property
    def is_making(self) -> bool:
        """Whether some are being made."""
        return self._making is not None

    def expect(self) -> None:
        """Say that a file is about to be taken, so that more are made when they are taken fast."""
        now, before = self._clock.stopwatch(), self._expected
        self._expected = now
        is_enough = len(self._files) > FEW or self._making is not None
        if is_enough or now - before > CLOSELY_SECONDS or self._clock.runs_inline or self._is_closed:
            return
        self._making = asyncio.get_running_loop().run_in_executor(None, self._make)
        self._making.add_done_callback(self._made)
        if self._check is None:
            self._check = self._clock.after_real(UNUSED_SECONDS, self._remove_unused)

    def take(self) -> File:
        """Return an empty file. Raises OSError."""
        try:
            return self._files.popleft()
        except IndexError:
            return new_file(self.folder)

    def close(self) -> None:
        """Remove the files that nobody has taken, and make no more."""
        self._is_closed = True
        if self._check is not None:
            self._check.cancel()
        self._remove_all()

    def _remove_all(self) -> None:
        while self._files:
            path, descriptor = self._files.popleft()
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - as it was made

    def _make(self) -> None:
        folder = next(self._folders)
        made: list[File] = []
        with suppress(OSError):  # whoever uploads will see what is wrong
            made.extend(new_file(folder) for _ in range(MORE))
        self._files.extend(made)

    def _made(self, _: object) -> None:
        self._making = None
        if self._is_closed:
            self._remove_all()

    def _remove_unused(self) -> None:
        if self._making is None and self._clock.stopwatch() - self._expected >= UNUSED_SECONDS:
            self._check = None
            self._remove_all()
        else:
            self._check = self._clock.after_real(UNUSED_SECONDS, self._remove_unused)


def new_file(folder: Path) -> File:
    """Return a new file, in a folder that is made when it is missing. Raises OSError."""
    path = f"{folder}{os.sep}{_NAME}{next(_NUMBERS)}"
    try:
        return path, os.open(path, _FLAGS, 0o666)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return path, os.open(path, _FLAGS, 0o666)
