"""The code of configured functions as .zip files, such as they would be deployed from."""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.functions.definition import FunctionDefinition
from engine.functions.deployed import Code
from engine.functions.package import Package

_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file, so that the same content always makes the same archive
_FILE = 0o100000
Fingerprint = tuple[tuple[str, int, int], ...]


class FunctionArchives:
    """Makes the archives of functions when they are asked for. It blocks: call it in a thread."""

    def __init__(self, definitions: Mapping[str, FunctionDefinition], besides: Sequence[Path]) -> None:
        """What is in `besides` is none of a function's code: the state folder, buckets."""
        self._definitions = definitions
        self._besides = besides
        self._known: dict[str, tuple[Fingerprint, Code]] = {}

    def code(self, function: str) -> Code:
        """Return what identifies a function's archive. It is made again when a file has changed.

        Raises OSError.
        """
        package = self._definitions[function].package
        fingerprint = self._fingerprint(package)
        known = self._known.get(function)
        if known is not None and known[0] == fingerprint:
            return known[1]
        content = self._archive(package)
        code = Code(hashlib.sha256(content).hexdigest(), len(content), sum(file[1] for file in fingerprint))
        self._known[function] = fingerprint, code
        return code

    def content(self, digest: str) -> bytes | None:
        """Return the archive that has this SHA-256 now; None when no function has it. Raises OSError."""
        for function, (_, known) in list(self._known.items()):
            if known.digest == digest:
                content = self._archive(self._definitions[function].package)
                return content if hashlib.sha256(content).hexdigest() == digest else None
        return None

    def _fingerprint(self, package: Package) -> Fingerprint:
        return tuple(
            (str(path), status.st_size, status.st_mtime_ns)
            for path in self._files(package)
            for status in (path.stat(),)
        )

    def _archive(self, package: Package) -> bytes:
        if package.zipped:
            return package.path.read_bytes()
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            for path in self._files(package):
                member = zipfile.ZipInfo(path.relative_to(package.path).as_posix(), _EPOCH)
                member.external_attr = (path.stat().st_mode & 0o777 | _FILE) << 16
                archive.writestr(member, path.read_bytes())
        return content.getvalue()

    def _files(self, package: Package) -> Iterator[Path]:
        """Yield the files of a package, in order, without dotfiles and bytecode."""
        if package.zipped:
            yield package.path
            return
        for parent, folders, names in os.walk(package.path):
            here = Path(parent)
            folders[:] = sorted(
                name for name in folders if not _is_left_out(name) and here / name not in self._besides
            )
            for name in sorted(names):
                if not _is_left_out(name) and (here / name).is_file():
                    yield here / name


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith(".pyc")
