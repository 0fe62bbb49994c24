"""A configured function's code as a .zip file, such as its function would be deployed from."""

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.functions.package import Package

# The same content always makes the same archive.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive_of(package: Package, besides: Sequence[Path]) -> bytes:
    """Return the .zip file of a package; of a folder without dotfiles, bytecode and what is in `besides`.

    Takes a while for a large folder: call it in a thread. Raises OSError.
    """
    if package.zipped:
        return package.path.read_bytes()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in _files(package.path, besides):
            member = zipfile.ZipInfo(path.relative_to(package.path).as_posix(), _EPOCH)
            member.external_attr = (path.stat().st_mode & 0o777 | 0o100000) << 16
            archive.writestr(member, path.read_bytes())
    return content.getvalue()


def _files(folder: Path, besides: Sequence[Path]) -> Iterator[Path]:
    """Yield the files below a folder, in order of their names."""
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(name for name in folders if not _is_left_out(name) and here / name not in besides)
        for name in sorted(names):
            if not _is_left_out(name) and (here / name).is_file():
                yield here / name


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith(".pyc")
