-- The index of watched folders: which file was put as which object, and in what state it was then.
CREATE TABLE s3_bucket (
    name TEXT PRIMARY KEY,
    folder TEXT NOT NULL,
    last_sequencer INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE s3_object (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    etag TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sequencer INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    content_type TEXT,
    metadata TEXT,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX s3_object_by_inode ON s3_object (bucket, inode);
