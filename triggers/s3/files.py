"""Looking at a bucket's folder: what is there, in which state, with which content.

Everything here blocks and runs on a thread. A symbolic link to a file inside the folder is that file; links
out of it, links to folders, devices and pipes do not exist. A folder exists under a key that ends with `/`.
"""

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from engine.value import dataclass
from triggers.s3.keys import UPLOAD_PREFIX, KeyRules, path_of, problem_of_key
from triggers.s3.settle import FileState

if sys.platform == "linux":
    import fcntl
    import signal

_BLOCK_BYTES = 1 << 20
_NO_BLOCKING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NAME_ERRNOS = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
_INODE_MASK = (1 << 63) - 1  # SQLite's integers are signed
OF_A_FOLDER = FileState(0, 0, 0)  # the state of every folder: what lies in it is not its content


@dataclass(frozen=True, slots=True)
class Content:
    """A file's MD5, in hexadecimal, and its state, which was the same before and after reading."""

    etag: str
    state: FileState


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A writer has it open, or it changed while it was read."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It cannot be read; `reason` is the operating system's."""

    reason: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """What lies in a folder: states by key, and what cannot be an object, with the reason.

    `folders` are the keys by which folders would be objects.
    """

    states: dict[str, FileState]
    refused: dict[str, str]
    folders: set[str]


def identity(folder: Path) -> tuple[int, int]:
    """Return what tells a folder from another one of the same name. Raises OSError when it is missing."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def look(folder: Path, keys: Iterable[str]) -> dict[str, FileState | None]:
    """Return the state of each key's file, None where there is none.

    A key whose state cannot be known now (no permission, I/O error) is left out.
    """
    reach = _Reach(folder)
    states: dict[str, FileState | None] = {}
    for key in keys:
        with suppress(OSError):
            states[key] = _look_at(path_of(folder, key), reach)
    return states


def scan(folder: Path, prefix: str, rules: KeyRules) -> Scanned:
    """Return the state of every file that could be an object below `prefix` (empty, or ending with `/`).

    Ignored names are left out; what cannot be read now is, too.
    """
    scanned = Scanned({}, {}, set())
    reach = _Reach(folder)
    start = path_of(folder, prefix.rstrip("/")) if prefix else str(folder)
    remaining = [(start, prefix)] if start in reach else []
    while remaining:
        path, below = remaining.pop()
        with suppress(OSError):
            entries = list(os.scandir(path))
            scanned.folders.add(below)
            for entry in entries:
                key = below + entry.name
                if rules.ignores(key):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    remaining.append((entry.path, key + "/"))
                elif (problem := problem_of_key(key)) is not None:
                    scanned.refused[key] = problem
                else:
                    _scan_file(entry, key, reach, scanned)
    return scanned


def is_inside(path: str, folder: Path) -> bool:
    """Say whether `path` is, links resolved, `folder` or something in it."""
    return path in _Reach(folder)


def remove_uploads(folder: Path) -> None:
    """Delete what unfinished uploads of an earlier run left behind."""
    for path in folder.glob(f"{UPLOAD_PREFIX}*"):
        path.unlink(missing_ok=True)


def _scan_file(entry: os.DirEntry[str], key: str, reach: "_Reach", scanned: Scanned) -> None:
    with suppress(OSError):
        if entry.is_symlink():
            state = _look_at(entry.path, reach)
        else:
            state = state_of(entry.stat(follow_symlinks=False))
        if state is not None:
            scanned.states[key] = state


def read(path: str, expected: FileState, known_etag: str | None = None) -> Content | Unsettled | Unreadable:
    """Return the content of a file that should be in the `expected` state; not read when its MD5 is known."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_BLOCKING)
    except FileNotFoundError:
        return Unsettled()
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    try:
        if state_of(os.fstat(descriptor)) != expected or has_writer(descriptor):
            return Unsettled()
        if known_etag is not None:
            return Content(known_etag, expected)
        digest = hashlib.md5(usedforsecurity=False)
        while block := os.read(descriptor, min(_BLOCK_BYTES, expected.size + 1)):
            digest.update(block)
        if state_of(os.fstat(descriptor)) != expected:
            return Unsettled()
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    finally:
        os.close(descriptor)
    return Content(digest.hexdigest(), expected)


def has_writer(descriptor: int) -> bool:
    """Say whether somebody has the file open for writing; false where that cannot be known.

    On Linux a read lease is refused while there is a writer. The lease is given back at once; should a writer
    come in between, the kernel's signal to us is one that is ignored by default.
    """
    if sys.platform != "linux":
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # not our file, or a file system without leases
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _look_at(path: str, reach: "_Reach") -> FileState | None:
    """Return a file's state, None when there is no such object. Raises OSError when that cannot be known."""
    is_folder = path.endswith(os.sep)
    try:
        status = os.lstat(path.removesuffix(os.sep))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if is_folder:
        return OF_A_FOLDER if stat.S_ISDIR(status.st_mode) and path in reach else None
    if stat.S_ISLNK(status.st_mode):
        target = Path(os.path.realpath(path))
        if not reach.holds(str(target)) or not target.is_file():
            return None
        status = target.stat()
    return state_of(status) if path.rpartition(os.sep)[0] in reach else None


class _Reach:
    """The folders reached from a bucket's without symbolic links leaving it; remembers its answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._real: str | None = None
        self._answers = {self._folder: True}

    def __contains__(self, path: str) -> bool:
        path = path.rstrip(os.sep)
        answer = self._answers.get(path)
        if answer is None:
            answer = self._answers[path] = self._is_reached(path)
        return answer

    def _is_reached(self, path: str) -> bool:
        if len(path) <= len(self._folder) or path.rpartition(os.sep)[0] not in self:
            return False
        if os.sep == "/" and not os.path.islink(path):  # noqa: PTH114 - as quick as it gets
            return True
        return self.holds(os.path.realpath(path))

    def holds(self, real: str) -> bool:
        """Say whether a path without links is the bucket's folder or lies in it."""
        if self._real is None:
            self._real = os.path.realpath(self._folder)
        return real == self._real or real.startswith(self._real + os.sep)


def state_of(status: os.stat_result) -> FileState | None:
    """Return the state of a regular file, None for anything else."""
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileState(status.st_size, status.st_mtime_ns, status.st_ino & _INODE_MASK)
