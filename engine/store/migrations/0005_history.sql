-- Finished invocations, newest last; kept to the configured limit.
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    finished_at INTEGER NOT NULL,   -- epoch milliseconds
    function TEXT NOT NULL,
    source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    memory_used_mb INTEGER NOT NULL,
    init_ms REAL,
    error_type TEXT,
    error_message TEXT
) STRICT;
