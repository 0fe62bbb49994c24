"""What the store keeps of buckets: those made with CreateBucket, and the documents that were put for any.

These are operations for `Store.write` and `Store.read`: plain functions of a connection.
"""

import sqlite3

from engine.value import dataclass

TAGGING, NOTIFICATIONS = "tagging", "notification"


@dataclass(frozen=True, slots=True)
class MadeBucket:
    """A bucket made with CreateBucket; `location` is the region it was made in."""

    name: str
    location: str


def made_buckets(connection: sqlite3.Connection) -> list[MadeBucket]:
    """Return the buckets that were made, by name."""
    return [MadeBucket(*row) for row in connection.execute("SELECT name, location FROM s3_made_bucket")]


def make(
    connection: sqlite3.Connection, made: MadeBucket, folder: str, tagging: str | None, now: int
) -> None:
    """Enter a bucket that is empty; `now` is in milliseconds from 1970."""
    forget(connection, made.name)
    connection.execute(
        "INSERT INTO s3_made_bucket (name, location) VALUES (?, ?)", (made.name, made.location)
    )
    connection.execute(
        "INSERT INTO s3_bucket (name, folder, last_sequencer, created) VALUES (?, ?, 0, ?)",
        (made.name, folder, now),
    )
    if tagging is not None:
        put(connection, made.name, TAGGING, tagging)


def forget(connection: sqlite3.Connection, bucket: str) -> None:
    """Remove all that is known of a bucket."""
    connection.execute(
        "DELETE FROM s3_part WHERE upload IN (SELECT id FROM s3_upload WHERE bucket = ?)", (bucket,)
    )
    for table in ("s3_upload", "s3_object", "s3_bucket_document"):
        connection.execute(f"DELETE FROM {table} WHERE bucket = ?", (bucket,))  # noqa: S608
    for table in ("s3_bucket", "s3_made_bucket"):
        connection.execute(f"DELETE FROM {table} WHERE name = ?", (bucket,))  # noqa: S608


def created(connection: sqlite3.Connection) -> dict[str, int]:
    """Return when each bucket was made or first seen, in milliseconds from 1970; 0 where nobody knows."""
    return dict(connection.execute("SELECT name, created FROM s3_bucket").fetchall())


def put(connection: sqlite3.Connection, bucket: str, name: str, content: str) -> None:
    """Keep a document, in the place of a former one."""
    connection.execute(
        "INSERT OR REPLACE INTO s3_bucket_document (bucket, name, content) VALUES (?, ?, ?)",
        (bucket, name, content),
    )


def get(connection: sqlite3.Connection, bucket: str, name: str) -> str | None:
    """Return a document, None when there is none."""
    row = connection.execute(
        "SELECT content FROM s3_bucket_document WHERE bucket = ? AND name = ?", (bucket, name)
    ).fetchone()
    return None if row is None else str(row[0])


def remove(connection: sqlite3.Connection, bucket: str, name: str) -> None:
    """Remove a document; harmless when there is none."""
    connection.execute("DELETE FROM s3_bucket_document WHERE bucket = ? AND name = ?", (bucket, name))


def of_all(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    """Return the documents of one name of all buckets."""
    rows = connection.execute("SELECT bucket, content FROM s3_bucket_document WHERE name = ?", (name,))
    return dict(rows.fetchall())
