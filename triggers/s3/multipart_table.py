"""Multipart uploads in the store.

These are operations for `Store.write` and `Store.read`: plain functions of a connection.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any

from engine.value import dataclass
from triggers.s3.objects import PLAIN, ObjectAttributes

_UPLOAD = "id, bucket, key, initiated, checksum_algorithm, checksum_type, content_type, metadata, tagging"
_PART = "number, file, etag, size, modified, checksum"
_PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """An object that is being uploaded in parts. `initiated` is in milliseconds from 1970."""

    id: str
    bucket: str
    key: str
    initiated: int
    checksum_algorithm: str | None = None
    checksum_type: str | None = None
    attributes: ObjectAttributes = field(default=PLAIN)


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `file` is the name of its file; `modified` is in milliseconds from 1970."""

    number: int
    file: str
    etag: str
    size: int
    modified: int
    checksum: str | None = None


def begin(connection: sqlite3.Connection, upload: MultipartUpload) -> None:
    """Enter an upload without parts."""
    attributes = upload.attributes
    connection.execute(
        f"INSERT INTO s3_upload ({_UPLOAD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            upload.id,
            upload.bucket,
            upload.key,
            upload.initiated,
            upload.checksum_algorithm,
            upload.checksum_type,
            attributes.content_type,
            attributes.metadata,
            attributes.tagging,
        ),
    )


def find(connection: sqlite3.Connection, bucket: str, key: str, upload_id: str) -> MultipartUpload | None:
    """Return the upload of this key that goes by this id, None when there is none."""
    row = connection.execute(
        f"SELECT {_UPLOAD} FROM s3_upload WHERE id = ? AND bucket = ? AND key = ?",  # noqa: S608
        (upload_id, bucket, key),
    ).fetchone()
    return None if row is None else _upload(row)


def _upload(row: Sequence[Any]) -> MultipartUpload:
    upload_id, bucket, key, initiated, algorithm, checksum_type, *attributes = row
    return MultipartUpload(
        upload_id, bucket, key, initiated, algorithm, checksum_type, ObjectAttributes(*attributes)
    )


def put_part(connection: sqlite3.Connection, upload_id: str, part: Part) -> str | None:
    """Enter a part in the place of a former one; return whose file is not needed any more.

    That is its own when the upload is not there.
    """
    if connection.execute("SELECT 1 FROM s3_upload WHERE id = ?", (upload_id,)).fetchone() is None:
        return part.file
    former = connection.execute(
        "SELECT file FROM s3_part WHERE upload = ? AND number = ?", (upload_id, part.number)
    ).fetchone()
    connection.execute(
        f"INSERT OR REPLACE INTO s3_part (upload, {_PART}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (upload_id, part.number, part.file, part.etag, part.size, part.modified, part.checksum),
    )
    return None if former is None else str(former[0])


def parts(connection: sqlite3.Connection, upload_id: str, after: int = 0, limit: int = 10_000) -> list[Part]:
    """Return up to `limit` parts whose numbers are above `after`, in their order."""
    rows = connection.execute(
        f"SELECT {_PART} FROM s3_part WHERE upload = ? AND number > ? ORDER BY number LIMIT ?",  # noqa: S608
        (upload_id, after, limit),
    )
    return [Part(*row) for row in rows]


def end(connection: sqlite3.Connection, upload_id: str) -> bool:
    """Forget an upload and its parts; say whether it was there."""
    connection.execute("DELETE FROM s3_part WHERE upload = ?", (upload_id,))
    return connection.execute("DELETE FROM s3_upload WHERE id = ?", (upload_id,)).rowcount == 1


def ids(connection: sqlite3.Connection) -> set[str]:
    """Return the ids of all uploads."""
    return {upload_id for (upload_id,) in connection.execute("SELECT id FROM s3_upload")}


def uploads(
    connection: sqlite3.Connection, bucket: str, prefix: str, after: tuple[str, str]
) -> Iterator[MultipartUpload]:
    """Yield the uploads of a bucket whose keys begin with `prefix` and that come after a key and id."""
    while True:
        rows = connection.execute(
            f"SELECT {_UPLOAD} FROM s3_upload WHERE bucket = ? AND (key, id) > (?, ?) "  # noqa: S608
            "AND substr(key, 1, ?) = ? ORDER BY key, id LIMIT ?",
            (bucket, *after, len(prefix), prefix, _PAGE_ROWS),
        ).fetchall()
        yield from (_upload(row) for row in rows)
        if len(rows) < _PAGE_ROWS:
            return
        after = (rows[-1][2], rows[-1][0])
