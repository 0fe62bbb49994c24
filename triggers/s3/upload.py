"""The bytes of a new object on their way into a bucket's folder, in a file that waits somewhere else.

`write` and `move_to` block, and run on a thread once bytes go to the disk.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from triggers.s3 import files
from triggers.s3.former_file import FormerFile
from triggers.s3.keys import path_of
from triggers.s3.settle import FileState
from triggers.s3.spare_files import File

SMALL_UPLOAD_BYTES = 64 * 1024  # what is kept in memory until it is complete


class KeyRefused(Exception):
    """No file of the folder can go by this key; its text says why."""


class FolderInTheWay(KeyRefused):
    """A folder has the name of the new object."""


class Upload:
    """A file that `new_file` makes, on the objects' file system if possible, once its bytes are many."""

    def __init__(self, new_file: Callable[[], File]) -> None:
        self.size = 0
        self._new_file = new_file
        self._path = ""
        self._digest = hashlib.md5(usedforsecurity=False)
        self._small = bytearray()
        self._descriptor: int | None = None
        self._is_open = True  # the file, if there is one
        self._state: FileState | None = None
        self._is_placed = False

    def is_on_disk(self, more: int) -> bool:
        """Say whether writing so many more bytes goes to the disk."""
        return self._descriptor is not None or self.size + more > SMALL_UPLOAD_BYTES

    @property
    def etag(self) -> str:
        """The MD5 of what was written so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, block: bytes) -> None:
        """Append some bytes. Raises OSError, for instance when the disk is full."""
        if self.is_on_disk(len(block)):
            _write(self._spilt(), block)
        else:
            self._small += block
        self._digest.update(block)
        self.size += len(block)

    def _spilt(self) -> int:
        """Return the descriptor of the file, which has what was kept in memory."""
        if self._descriptor is None:
            self._path, self._descriptor = self._new_file()
            _write(self._descriptor, self._small)
            self._small.clear()
        return self._descriptor

    def _close(self) -> FileState:
        """Write what is left, and return the state of the file."""
        if self._state is None:
            descriptor = self._spilt()
            if self.size == 0 and os.utime in os.supports_fd:
                os.utime(descriptor)  # nothing was written since it was made
            self._state = files.state_of(os.fstat(descriptor))
            self._is_open = False
            os.close(descriptor)
        assert self._state is not None
        return self._state

    def move_to(self, folder: Path, key: str, former: FormerFile) -> FileState:
        """Put the file in its place and return its state; what was there is kept as `former`.

        A key that ends with `/` makes a folder. Raises KeyRefused when something is in the way,
        FolderInTheWay for a folder, which may be empty.
        """
        path = path_of(folder, key)
        try:
            if not files.is_inside(path.removesuffix(os.sep).rpartition(os.sep)[0], folder):
                raise KeyRefused("a symbolic link leads out of the bucket's folder")
            if key.endswith("/"):
                return self._make_folder(folder, Path(path))
            state = self._close()
            former.keep()
            try:
                os.replace(self._path, path)  # noqa: PTH105 - as quick as it gets
            except OSError as error:
                if isinstance(error, FileNotFoundError):
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                state = self._replace(folder, Path(path), state)
        except (IsADirectoryError, PermissionError) as error:
            if not Path(path).is_dir():
                raise
            raise FolderInTheWay(f"in the folder, {path} is in the way") from error
        except (FileExistsError, NotADirectoryError) as error:
            there = next((each for each in Path(path).parents if each.is_file()), path)
            raise KeyRefused(f"in the folder, {there} is in the way") from error
        except OSError as error:
            if error.errno in files.NAME_ERRNOS:
                raise KeyRefused(error.strerror or str(error)) from error
            raise
        self._is_placed = True
        return state

    def _replace(self, folder: Path, path: Path, state: FileState) -> FileState:
        """Put the file in its place, by way of `folder` from another file system; return its state."""
        try:
            Path(self._path).replace(path)
        except OSError as error:
            away = Path(self._path)
            if error.errno != errno.EXDEV or away.parent == folder:
                raise
            here = folder / away.name
            self._path = str(here)
            try:
                shutil.copyfile(away, here)
            finally:
                away.unlink()
            copied = files.state_of(here.stat())
            assert copied is not None
            here.replace(path)
            return copied
        return state

    def keep_as(self, path: Path) -> None:
        """Make the bytes the file `path`, on the file system of the upload's own folder."""
        self._close()
        Path(self._path).replace(path)
        self._is_placed = True

    def _make_folder(self, folder: Path, path: Path) -> FileState:
        if self.size:
            raise KeyRefused("a key that ends with / is a folder, which holds no bytes of its own")
        path.mkdir(parents=True, exist_ok=True)
        if not files.is_inside(str(path), folder):
            raise KeyRefused("a symbolic link leads out of the bucket's folder")
        return files.OF_A_FOLDER

    def discard(self) -> None:
        """Forget the bytes, unless they have found their place."""
        if self._descriptor is None or self._is_placed:
            return
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)
        Path(self._path).unlink(missing_ok=True)


def _write(descriptor: int, content: bytes | bytearray) -> None:
    """Write all of it: a disk that becomes full takes a part."""
    written = os.write(descriptor, content)
    while written < len(content):
        written += os.write(descriptor, memoryview(content)[written:])


def remove_empty_folders(folder: Path) -> None:
    """Remove a folder that holds nothing but empty folders: what remains when objects were deleted."""
    with suppress(OSError):
        for path, _, _ in os.walk(folder, topdown=False):
            Path(path).rmdir()
