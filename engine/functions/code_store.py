"""The code of deployed functions and layers: .zip files in the state folder, each named by its content.

A file is on the disk, checked and unpacked, before anything refers to it.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from engine.functions.deployed import Code
from engine.functions.package import unpacked_name
from engine.functions.zip_archive import unpack

FOLDER = "packages"
_STORED = re.compile(r"([0-9a-f]{64})\.zip")


class CodeStore:
    """Keeps .zip files below the state folder. Its methods take a while: call them in a thread."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._unpacked = state / "code"

    def path(self, digest: str) -> Path:
        """Return where the .zip file with this SHA-256 is."""
        return self._folder / f"{digest}.zip"

    def put(self, content: bytes) -> Code:
        """Store a .zip file; what is there already stays as it is.

        Raises BadArchive for one that cannot be unpacked, and OSError when it cannot be stored; nothing is
        left behind then.
        """
        digest = hashlib.sha256(content).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".storing-", dir=self._folder)
        new = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            size = unpack(new, self._unpacked / unpacked_name(digest))
            new.replace(self.path(digest))
        finally:
            new.unlink(missing_ok=True)
        _make_durable(self._folder)
        return Code(digest, len(content), size)

    def remove(self, digest: str) -> None:
        """Remove a .zip file that nothing refers to, and what was unpacked of it."""
        self.path(digest).unlink(missing_ok=True)
        shutil.rmtree(self._unpacked / unpacked_name(digest), ignore_errors=True)

    def remove_all_but(self, digests: Collection[str]) -> None:
        """Remove what a simulator has left behind that ended before it could do so itself."""
        with suppress(OSError):
            for path in list(self._folder.iterdir()):
                stored = _STORED.fullmatch(path.name)
                if stored is None:
                    path.unlink(missing_ok=True)
                elif stored[1] not in digests:
                    self.remove(stored[1])


def _make_durable(folder: Path) -> None:
    """Have the disk know the names in a folder, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
