"""What lay in an object's place, kept until its successor, or its removal, is in the store.

It blocks and runs on a thread. What is kept has the name of an upload, so that it is no object, and is
removed at the next start.
"""

import errno
import os
import stat
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from engine.random_uuid import random_uuid
from triggers.s3.keys import UPLOAD_PREFIX


class FormerFile:
    """The file at `path`, in a folder that is part of the bucket's `folder`, or that there was none."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.is_kept = False
        self._folder, self._path = folder, path
        self._was_missing = False

    @cached_property
    def _kept(self) -> Path:
        return self._folder / f"{UPLOAD_PREFIX}{random_uuid()}"

    def keep(self) -> None:
        """Before it is replaced: keep the file, and leave it in its place where links allow that."""
        try:
            status = os.lstat(self._path)
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
