-- How far event source mappings have come with their streams.

-- A mapping is here once its starting positions are stored: shards that come later are read from their beginning.
CREATE TABLE stream_mappings (
    mapping TEXT PRIMARY KEY  -- UUID of an event source mapping
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    mapping      TEXT    NOT NULL,
    shard        TEXT    NOT NULL,
    marks        TEXT    NOT NULL,  -- JSON array: the position up to which each lane is processed
    ended        INTEGER NOT NULL,  -- 1 once a closed shard is processed to its end: its children may be read
    window_start INTEGER,           -- these two: milliseconds from 1970, of the open tumbling window
    window_end   INTEGER,
    window_state BLOB,              -- JSON
    PRIMARY KEY (mapping, shard)
) STRICT, WITHOUT ROWID;
