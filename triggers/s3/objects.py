"""The index of a bucket's objects in the store.

These are operations for `Store.write` and `Store.read`: plain functions of a connection. Keys sort by their
UTF-8 bytes, as S3 lists them.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from engine.value import dataclass
from triggers.s3.settle import FileState

NOT_READ = ""  # the ETag of a file that was there at first sight and whose content is not known yet
_COLUMNS = (
    "key, etag, size, mtime_ns, inode, sequencer, modified, "
    "content_type, metadata, tagging, checksum, md5, parts"
)
_PLACES = ", ".join("?" * (1 + len(_COLUMNS.split(", "))))
_PAGE_ROWS = 1000
NO_TAGS: Mapping[str, str | None] = {}


@dataclass(frozen=True, slots=True)
class ObjectAttributes:
    """What belongs to an object beside its bytes; a file that was dropped has none of it.

    All but `content_type` and `md5` are JSON. `metadata`: the headers that were given with the object, to be
    answered with it. `tagging`: an object of tags. `checksum`: an object with `algorithm`, `value` and
    `type`. `parts`: the parts it was uploaded in, as lists of number, size and checksum. `md5` is that of the
    content where the ETag is another.
    """

    content_type: str | None = None
    metadata: str | None = None
    tagging: str | None = None
    checksum: str | None = None
    md5: str | None = None
    parts: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that were given with the object, names in lower case."""
        return _mapping(self.metadata)

    def tags(self) -> dict[str, str]:
        """Return the object's tags."""
        return _mapping(self.tagging)


PLAIN = ObjectAttributes()


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object. `modified` is in milliseconds from 1970."""

    key: str
    etag: str
    size: int
    mtime_ns: int
    inode: int
    sequencer: int
    modified: int
    attributes: ObjectAttributes = PLAIN

    @property
    def state(self) -> FileState:
        """The state of the file when it was put."""
        return FileState(self.size, self.mtime_ns, self.inode)

    @property
    def is_read(self) -> bool:
        """Say whether the ETag is known."""
        return self.etag != NOT_READ

    @property
    def content_md5(self) -> str:
        """The MD5 of the content, which for an object of several parts is not its ETag."""
        return self.attributes.md5 or self.etag


def _mapping(text: str | None) -> dict[str, str]:
    return {} if text is None else orjson.loads(text)


def _entry(row: Sequence[Any]) -> ObjectEntry:
    key, etag, size, mtime_ns, inode, sequencer, modified, *attributes = row
    return ObjectEntry(key, etag, size, mtime_ns, inode, sequencer, modified, ObjectAttributes(*attributes))


@dataclass(frozen=True, slots=True)
class OpenedBucket:
    """What the store knows of a bucket at start; `unread` are its keys without an ETag."""

    is_new: bool
    last_sequencer: int
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """One answer of a listing. `next_start` continues after this page; None at the end."""

    entries: tuple[ObjectEntry, ...]
    common_prefixes: tuple[str, ...]
    next_start: str | None


def open_bucket(connection: sqlite3.Connection, bucket: str, folder: str) -> OpenedBucket:
    """Find or enter the bucket. One that now lies in another folder begins anew."""
    row = connection.execute(
        "SELECT folder, last_sequencer FROM s3_bucket WHERE name = ?", (bucket,)
    ).fetchone()
    if row is not None and row[0] == folder:
        unread = connection.execute(
            "SELECT key FROM s3_object WHERE bucket = ? AND etag = ?", (bucket, NOT_READ)
        )
        return OpenedBucket(False, row[1], tuple(key for (key,) in unread))
    last_sequencer = 0 if row is None else row[1]
    connection.execute("DELETE FROM s3_object WHERE bucket = ?", (bucket,))
    return OpenedBucket(is_new=True, last_sequencer=last_sequencer)


def mark_seen(
    connection: sqlite3.Connection,
    bucket: str,
    folder: str,
    existing: Iterable[ObjectEntry],
    last_sequencer: int,
    now: int,
) -> None:
    """Enter the bucket as seen, with the objects it begins with: what is found from now on is new.

    `now` is in milliseconds from 1970.
    """
    connection.execute(
        "INSERT INTO s3_bucket (name, folder, last_sequencer, created) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET folder = excluded.folder, "
        "last_sequencer = max(last_sequencer, excluded.last_sequencer)",
        (bucket, folder, last_sequencer, now),
    )
    _store(connection, bucket, existing)


def find(connection: sqlite3.Connection, bucket: str, keys: Collection[str]) -> dict[str, ObjectEntry]:
    """Return the entries of those keys that are objects."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM s3_object WHERE bucket = ? AND key IN (SELECT value FROM json_each(?))",  # noqa: S608
        (bucket, orjson.dumps(list(keys)).decode()),
    )
    return {row[0]: _entry(row) for row in rows}


def find_by_inode(
    connection: sqlite3.Connection, bucket: str, inodes: Collection[int]
) -> dict[int, ObjectEntry]:
    """Return an entry for each of those inodes that is an object's: where a moved file was before."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM s3_object WHERE bucket = ? AND inode IN (SELECT value FROM json_each(?))",  # noqa: S608
        (bucket, orjson.dumps(list(inodes)).decode()),
    )
    return {row[4]: _entry(row) for row in rows}


def below(connection: sqlite3.Connection, bucket: str, prefix: str) -> dict[str, ObjectEntry]:
    """Return the entry of every object whose key begins with `prefix`."""
    return {entry.key: entry for entry in _entries_from(connection, bucket, prefix, "")}


def states_below(connection: sqlite3.Connection, bucket: str, prefix: str) -> dict[str, FileState]:
    """Return the state of every object whose key begins with `prefix`."""
    rows = connection.execute(
        "SELECT key, size, mtime_ns, inode FROM s3_object WHERE bucket = ? AND key >= ? AND key < ?",
        (bucket, prefix, _after(prefix)),
    )
    return {key: FileState(size, mtime_ns, inode) for key, size, mtime_ns, inode in rows}


def apply(
    connection: sqlite3.Connection,
    bucket: str,
    stored: Sequence[ObjectEntry],
    removed: Sequence[str],
    last_sequencer: int,
    retagged: Mapping[str, str | None] = NO_TAGS,
) -> None:
    """Bring the index up to date and remember how far the sequencer got; `retagged` has new tags as JSON."""
    _store(connection, bucket, stored)
    connection.executemany(
        "UPDATE s3_object SET tagging = ? WHERE bucket = ? AND key = ?",
        [(tagging, bucket, key) for key, tagging in retagged.items()],
    )
    connection.executemany(
        "DELETE FROM s3_object WHERE bucket = ? AND key = ?", [(bucket, key) for key in removed]
    )
    connection.execute(
        "UPDATE s3_bucket SET last_sequencer = max(last_sequencer, ?) WHERE name = ?",
        (last_sequencer, bucket),
    )


def _store(connection: sqlite3.Connection, bucket: str, entries: Iterable[ObjectEntry]) -> None:
    connection.executemany(
        f"INSERT OR REPLACE INTO s3_object (bucket, {_COLUMNS}) VALUES ({_PLACES})",  # noqa: S608
        (
            (
                bucket,
                entry.key,
                entry.etag,
                entry.size,
                entry.mtime_ns,
                entry.inode,
                entry.sequencer,
                entry.modified,
                *_columns(entry.attributes),
            )
            for entry in entries
        ),
    )


def _columns(attributes: ObjectAttributes) -> tuple[str | None, ...]:
    return (
        attributes.content_type,
        attributes.metadata,
        attributes.tagging,
        attributes.checksum,
        attributes.md5,
        attributes.parts,
    )


def is_empty(connection: sqlite3.Connection, bucket: str) -> bool:
    """Say whether the bucket has no objects."""
    found = connection.execute("SELECT 1 FROM s3_object WHERE bucket = ? LIMIT 1", (bucket,)).fetchone()
    return found is None


def page(
    connection: sqlite3.Connection, bucket: str, *, prefix: str, delimiter: str, start_after: str, limit: int
) -> ObjectPage:
    """Return up to `limit` keys and common prefixes that come after `start_after`, in key order.

    Keys that share everything up to the first `delimiter` after `prefix` are rolled up into one common
    prefix, which counts as one and stands for itself as a `start_after`.
    Source: API reference, "ListObjects" and "ListObjectsV2".
    """
    entries: list[ObjectEntry] = []
    rolled: list[str] = []
    position = start_after
    if delimiter and start_after.startswith(prefix):
        cut = start_after.find(delimiter, len(prefix))
        if cut >= 0 and cut + len(delimiter) == len(start_after):
            position = _after(start_after)
    while True:
        for entry in _entries_from(connection, bucket, prefix, position):
            if len(entries) + len(rolled) == limit:
                return ObjectPage(tuple(entries), tuple(rolled), start_after)
            cut = entry.key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                start_after = entry.key[: cut + len(delimiter)]
                rolled.append(start_after)
                position = _after(start_after)
                break  # go on after all that is rolled up
            start_after = entry.key
            entries.append(entry)
        else:
            return ObjectPage(tuple(entries), tuple(rolled), None)


def _entries_from(
    connection: sqlite3.Connection, bucket: str, prefix: str, after: str
) -> Iterator[ObjectEntry]:
    while True:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM s3_object WHERE bucket = ? AND key > ? AND key >= ? AND key < ? "  # noqa: S608
            "ORDER BY key LIMIT ?",
            (bucket, after, prefix, _after(prefix), _PAGE_ROWS),
        ).fetchall()
        for row in rows:
            yield _entry(row)
        if len(rows) < _PAGE_ROWS:
            return
        after = rows[-1][0]


def _after(prefix: str) -> str:
    """Return a text that sorts after every key beginning with `prefix`, and before all others that follow."""
    return prefix + "\U0010ffff" * 2
