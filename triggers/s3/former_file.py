"""What lay in an object's place, kept until its successor, or its removal, is in the store.

It blocks and runs on a thread. What is kept has the name of an upload, so that it is no object, and is
removed at the next start.
"""

import asyncio
import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from engine.random_uuid import random_uuid
from triggers.s3.keys import UPLOAD_PREFIX


class FormerFile:
    """The file at `path`, in a folder that is part of the bucket's `folder`, or that there was none."""

    def __init__(self, folder: Path, path: str) -> None:
        self.is_kept = False
        self._folder, self._place = folder, path
        self._was_missing = False

    @cached_property
    def _path(self) -> Path:
        return Path(self._place)

    @cached_property
    def _kept(self) -> Path:
        return self._folder / f"{UPLOAD_PREFIX}{random_uuid()}"

    def keep(self) -> None:
        """Before it is replaced: keep the file, and leave it in its place where links allow that."""
        try:
            status = os.lstat(self._place)
        except OSError:
            self._was_missing = True
            return
        if stat.S_ISDIR(status.st_mode):
            return
        try:
            os.link(self._path, self._kept, follow_symlinks=False)
        except (OSError, NotImplementedError):  # no hard links here, or not of this file
            self._path.rename(self._kept)
        self.is_kept = True

    def take_away(self) -> None:
        """Remove the file from its place, and keep it."""
        if not os.path.lexists(self._path) or self._is_folder():
            return
        try:
            self._path.rename(self._kept)
            self.is_kept = True
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._path.unlink()  # another file system is mounted below the folder: nowhere to keep it

    def put_back(self) -> None:
        """Make its place what it was."""
        if self.is_kept:
            self._kept.replace(self._path)
            self.forget()  # two links of one file are both left by a rename
        elif self._was_missing:
            with suppress(OSError):
                self._path.unlink()

    def forget(self) -> None:
        """Give up what is kept."""
        if self.is_kept:
            self._kept.unlink(missing_ok=True)
            self.is_kept = False

    def _is_folder(self) -> bool:
        return self._path.is_dir() and not self._path.is_symlink()


class Undoing:
    """Within its context, what becomes of the places of some files is undone when the block fails.

    Not when it is cancelled: what the store was asked for, it still does.
    """

    def __init__(self, formers: Sequence[FormerFile]) -> None:
        self._formers = formers

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Put back what was there before, or give it up."""
        if isinstance(error, Exception):
            await asyncio.to_thread(self._each, FormerFile.put_back)
        if any(former.is_kept for former in self._formers):
            await asyncio.to_thread(self._each, FormerFile.forget)

    def _each(self, work: Callable[[FormerFile], None]) -> None:
        for former in self._formers:
            work(former)
