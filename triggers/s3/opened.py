"""Opening the file of an object, whose content may be newer than the index. It blocks."""

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from engine.value import dataclass
from triggers.s3 import files
from triggers.s3.keys import path_of
from triggers.s3.objects import PLAIN, ObjectEntry, ObjectPage

SMALL_BYTES = 64 * 1024  # what is read at once, as going to a thread again takes longer


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object ready to be read; close `file`. `entry` describes the bytes that are in it.

    The file of a small object is in memory.
    """

    entry: ObjectEntry
    file: BinaryIO


def open_object(folder: Path, entry: ObjectEntry) -> OpenObject | None:
    """Open the file of an entry, None when it has gone.

    A file that was changed a moment ago and is not settled yet is read as it is, with its own MD5, and
    without what belonged to its former content.
    """
    state = files.look(folder, [entry.key]).get(entry.key)
    if state is None:
        return None
    if state == files.OF_A_FOLDER:
        return OpenObject(entry, io.BytesIO())
    try:
        file = Path(path_of(folder, entry.key)).open("rb")  # noqa: SIM115 -- the caller closes it
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return None
    found = files.state_of(os.fstat(file.fileno()))
    if entry.is_read and found == entry.state:
        if entry.size > SMALL_BYTES:
            return OpenObject(entry, file)
        with file:
            return OpenObject(entry, io.BytesIO(file.read(entry.size)))
    digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    size = file.tell()
    file.seek(0)
    etag = digest.hexdigest()
    if etag == entry.content_md5:  # touched, or moved there and back
        return OpenObject(entry, file)
    return OpenObject(replace(entry, etag=etag, size=size, attributes=PLAIN), file)


def with_etag(folder: Path, entry: ObjectEntry) -> ObjectEntry | None:
    """Return an entry of the first sight as it will be once its file is read; None when that has gone."""
    opened = open_object(folder, entry)
    if opened is None:
        return None
    opened.file.close()
    return opened.entry


def with_etags(folder: Path, page: ObjectPage) -> ObjectPage:
    """Return a page whose entries all have their ETag."""
    completed = [entry if entry.is_read else with_etag(folder, entry) for entry in page.entries]
    return replace(page, entries=tuple(entry for entry in completed if entry is not None))
