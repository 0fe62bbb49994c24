"""Unpacks .zip archives of code: nothing gets out of the target folder, and nothing is larger than it says.

Source: Lambda developer guide, "Lambda quotas" and "Working with .zip file archives".
"""

import lzma
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from engine.errors import HeadraceError

UNPACKED_LIMIT_BYTES = 250 * 1024 * 1024
_DAMAGED = (
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,  # it is encrypted
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


class BadArchive(HeadraceError):
    """What is there cannot be unpacked; the text goes on after the archive's name."""


class ArchiveTooLarge(BadArchive):
    """The archive has more than 250 MB unpacked."""


def check_contents(path: Path) -> None:
    """Look through an archive's table of contents. Raises BadArchive when it would be refused for that."""
    try:
        with zipfile.ZipFile(path) as archive:
            _size(archive.infolist())
    except _DAMAGED as error:
        raise BadArchive(f"cannot be unpacked: {error}") from error


def unpack(path: Path, target: Path) -> int:
    """Unpack the archive into the new folder `target`; return how many bytes that are.

    Takes a while for a large archive. When `target` is there already, because somebody else has unpacked the
    same content, it stays as it is. Raises BadArchive, and leaves nothing behind then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                size = _size(members)
                for member in members:
                    _extract(archive, member, temporary)
        except _DAMAGED as error:
            raise BadArchive(f"cannot be unpacked: {error}") from error
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError as error:
            if not target.is_dir():
                raise BadArchive(f"cannot be unpacked: {error}") from error
        return size
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _size(members: Sequence[zipfile.ZipInfo]) -> int:
    """Return the size of all members. Raises BadArchive for one that leads out of the folder."""
    for member in members:
        _refuse_escape(member)
    size = sum(member.file_size for member in members)
    if size > UNPACKED_LIMIT_BYTES:
        raise ArchiveTooLarge("has more than 250 MB unpacked")
    return size


def _refuse_escape(member: zipfile.ZipInfo) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    drive = len(name.parts) > 0 and name.parts[0].endswith(":")
    if name.is_absolute() or drive or ".." in name.parts:
        raise BadArchive(f"has a path that leads out of it: {member.filename}")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BadArchive(f"has a symbolic link, {member.filename}: zip the file it stands for")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    extracted = Path(archive.extract(member, folder))
    if not member.is_dir():
        executable = (member.external_attr >> 16) & 0o111
        extracted.chmod(0o644 | executable)
