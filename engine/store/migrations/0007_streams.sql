-- Kinesis data streams. Moments are milliseconds from 1970.
CREATE TABLE kinesis_streams (
    name                TEXT    PRIMARY KEY,
    created_at          INTEGER NOT NULL,
    retention_hours     INTEGER NOT NULL,
    configured_hours    INTEGER NOT NULL,  -- what the configuration said last: when that changes, it counts
    last_position       INTEGER NOT NULL,  -- of the newest record, whether it is still there or not
    next_shard          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE kinesis_shards (
    row_id           INTEGER PRIMARY KEY,
    stream           TEXT    NOT NULL,
    number           INTEGER NOT NULL,
    first_hash_key   TEXT    NOT NULL,  -- these two: decimal, 128 bits
    last_hash_key    TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    closed_at        INTEGER,
    parent           INTEGER,           -- these two: numbers of shards
    adjacent_parent  INTEGER,
    UNIQUE (stream, number)
) STRICT;

CREATE TABLE kinesis_records (
    shard         INTEGER NOT NULL,  -- kinesis_shards.row_id
    position      INTEGER NOT NULL,
    arrived_at    INTEGER NOT NULL,
    partition_key TEXT    NOT NULL,
    data          BLOB    NOT NULL,
    PRIMARY KEY (shard, position)
) STRICT;  -- with ROWID: without, to compare a key with that of a record of 10 MB reads all of it
