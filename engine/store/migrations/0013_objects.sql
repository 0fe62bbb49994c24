-- What the endpoint knows of buckets and objects beyond the files themselves.
ALTER TABLE s3_bucket ADD COLUMN created INTEGER NOT NULL DEFAULT 0;

ALTER TABLE s3_object ADD COLUMN tagging TEXT;
ALTER TABLE s3_object ADD COLUMN checksum TEXT;
ALTER TABLE s3_object ADD COLUMN md5 TEXT;
ALTER TABLE s3_object ADD COLUMN parts TEXT;

-- Buckets made with CreateBucket; those of headrace.toml are not here.
CREATE TABLE s3_made_bucket (
    name TEXT PRIMARY KEY,
    location TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Documents that were put for a bucket: its tags, its notifications and what else S3 gives back.
CREATE TABLE s3_bucket_document (
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) STRICT, WITHOUT ROWID;

-- Multipart uploads that are neither completed nor aborted, and their parts, whose bytes are files.
CREATE TABLE s3_upload (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    initiated INTEGER NOT NULL,
    content_type TEXT,
    metadata TEXT,
    tagging TEXT,
    checksum_algorithm TEXT,
    checksum_type TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX s3_upload_by_key ON s3_upload (bucket, key, id);

CREATE TABLE s3_part (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    file TEXT NOT NULL,
    etag TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    checksum TEXT,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
