"""A function's code: a folder, used as it is, or a .zip file, unpacked once for each content it has.

Source: Lambda developer guide, "Working with .zip file archives for Python Lambda functions".
"""

import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from engine.errors import CodeError
from engine.functions.zip_archive import BadArchive, check_contents, unpack

MODULE_SUFFIXES = (".py", "/__init__.py", ".so", ".pyd", ".pyc")


class Package:
    """The code of one function. `path` is what is watched for changes: the folder, or the .zip file."""

    def __init__(self, function: str, path: Path) -> None:
        """Raises CodeError when there is neither a folder nor a .zip file; a .py file is its folder."""
        self._function = function
        if path.is_file() and path.suffix == ".py":
            path = path.parent
        self.path = path.absolute()
        if path.is_dir():
            self.zipped = False
        elif zipfile.is_zipfile(path):
            self.zipped = True
        elif path.exists():
            raise CodeError(function, f"code: {path} is neither a folder nor a .zip file")
        else:
            raise CodeError(
                function, f"code: {path} does not exist; paths are relative to the configuration file"
            )

    def module_names(self, module: str) -> tuple[str, ...]:
        """Return the files below the package that a handler's module part may stand for."""
        stem = module.replace(".", "/")
        return tuple(f"{stem}{suffix}" for suffix in MODULE_SUFFIXES)

    def holds(self, *names: str) -> bool:
        """Say whether the package has a file by one of these names, which are relative to its root."""
        if not self.zipped:
            return any((self.path / name).is_file() for name in names)
        with zipfile.ZipFile(self.path) as archive:
            return not set(names).isdisjoint(archive.namelist())

    def check(self) -> None:
        """Raise CodeError for a .zip file that is refused for what it lists; damage shows when it runs."""
        if self.zipped:
            try:
                check_contents(self.path)
            except BadArchive as error:
                raise CodeError(self._function, f"code: {self.path} {error}") from error

    def folder(self, unpacked: Path) -> Path:
        """Return the folder to run from. A .zip file is unpacked below `unpacked` unless its content is
        there.

        Takes a while for a large .zip file. Raises CodeError when it is damaged, too large, or has a path
        that leads out of it; then nothing of it is left behind.
        """
        if not self.zipped:
            return self.path
        try:
            target = unpacked / self.unpacked_name()
            if not target.is_dir():
                unpack(self.path, target)
        except BadArchive as error:
            raise CodeError(self._function, f"code: {self.path} {error}") from error
        except OSError as error:
            raise CodeError(self._function, f"code: {self.path} cannot be unpacked: {error}") from error
        return target

    def unpacked_name(self) -> str:
        """Return the name of the folder into which the .zip file is unpacked. Raises OSError."""
        return unpacked_name(_digest(self.path))


def folders_of(packages: Iterable[Package], unpacked: Path) -> tuple[Path, ...]:
    """Return the folder of each package, unpacked where need be. Raises CodeError."""
    return tuple(package.folder(unpacked) for package in packages)


def unpacked_name(digest: str) -> str:
    """Return the name of the folder into which a .zip file is unpacked whose SHA-256 is `digest`."""
    return digest[:32]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_executable(path: Path) -> bool:
    """Say whether `path` is a file that may be run."""
    return path.is_file() and os.access(path, os.X_OK)
