"""Which files of a folder are objects, and under which key.

A key is the file's path relative to the bucket's folder, with `/`. A key that ends with `/` is a folder which
was put as an object, as consoles make them. What a folder cannot hold (`..`, an empty segment, NUL) is no key
here. Source: S3 user guide, "Naming objects": at most 1,024 bytes of UTF-8.
"""

import fnmatch
import os
import re
from collections.abc import Container, Sequence
from pathlib import Path

LONGEST_KEY_BYTES = 1024
LONGEST_NAME_BYTES = 255  # of one part of a key: what file systems hold
SED_TEMPORARY = "sed" + 6 * "[A-Za-z0-9]"  # what `sed -i` writes before it renames
DEFAULT_IGNORE = (".*", "*.tmp", "*.part", "*.crdownload", "~$*", "*.swp", "4913", "*~", SED_TEMPORARY)
UPLOAD_PREFIX = ".headrace-upload-"  # an object on its way in through the endpoint; never an object itself


class KeyRules:
    """The keys of one bucket: `ignore` has shell patterns, `complete_marker` a suffix or nothing.

    A pattern without `/` is held against every part of the key, so that what lies in an ignored folder is
    ignored too; one with `/` is held against the whole key. `not_objects` has keys which, with all that lies
    below them, are never objects, whoever asks.
    """

    def __init__(
        self,
        ignore: Sequence[str] = DEFAULT_IGNORE,
        complete_marker: str | None = None,
        not_objects: Sequence[str] = (),
    ) -> None:
        self.complete_marker = complete_marker
        self._not_objects = tuple(f"{key}/" for key in not_objects)
        parts = [fnmatch.translate(pattern) for pattern in ignore if "/" not in pattern]
        wholes = [fnmatch.translate(pattern) for pattern in ignore if "/" in pattern]
        self._part = re.compile("|".join([*parts, re.escape(UPLOAD_PREFIX) + ".*"]), re.DOTALL)
        self._whole = re.compile("|".join(wholes), re.DOTALL) if wholes else None

    def ignores(self, key: str) -> bool:
        """Say whether a file of this name is left alone unless it is an object already."""
        if self.excludes(key):
            return True
        if any(self._part.match(part) for part in key.split("/")):
            return True
        return self._whole is not None and self._whole.match(key) is not None

    def excludes(self, key: str) -> bool:
        """Say whether no file of this name is ever an object."""
        return bool(self._not_objects) and f"{key}/".startswith(self._not_objects)

    def object_of_marker(self, key: str) -> str | None:
        """Return the key that a marker file completes; None when `key` is no marker."""
        marker = self.complete_marker
        return key[: -len(marker)] if marker and key.endswith(marker) and len(key) > len(marker) else None

    def marker_of(self, key: str) -> str | None:
        """Return the marker that must lie beside an object; None when the bucket asks for none."""
        return key + self.complete_marker if self.complete_marker else None

    def is_complete(self, key: str, present: Container[str]) -> bool:
        """Say whether a file counts as complete beside the keys that are `present`; a marker is no object."""
        if self.object_of_marker(key) is not None:
            return False
        marker = self.marker_of(key)
        return marker is None or marker in present


def problem_of_key(key: str) -> str | None:
    """Return why no file can go by this key, or None."""
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if len(encoded) > LONGEST_KEY_BYTES:
        return f"its name is longer than {LONGEST_KEY_BYTES:,} bytes"
    parts = key.removesuffix("/").split("/")
    if "\0" in key or any(part in ("", ".", "..") for part in parts):
        return "a folder cannot hold this name"
    if len(encoded) > LONGEST_NAME_BYTES and any(len(part.encode()) > LONGEST_NAME_BYTES for part in parts):
        return f"a folder cannot hold a name of more than {LONGEST_NAME_BYTES} bytes"
    if os.sep != "/" and (os.sep in key or ":" in key):
        return "a folder cannot hold this name"
    return None


def key_of(folder: str, path: str) -> str | None:
    """Return the key of `path`, or None when it is not below `folder` (both absolute)."""
    if not path.startswith(folder) or len(path) <= len(folder) + 1 or path[len(folder)] not in (os.sep, "/"):
        return None
    relative = path[len(folder) + 1 :]
    return relative if os.sep == "/" else relative.replace(os.sep, "/")


def path_of(folder: Path, key: str) -> str:
    """Return the path of a key that `problem_of_key` has nothing against."""
    return os.path.join(folder, *key.split("/")) if os.sep != "/" else f"{folder}/{key}"  # noqa: PTH118
