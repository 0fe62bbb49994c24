-- Lambda's internal queue of asynchronous events: one row for each accepted event that has not ended.
CREATE TABLE event_queue (
    sequence    INTEGER PRIMARY KEY,
    request_id  TEXT    NOT NULL,
    function    TEXT    NOT NULL,
    qualifier   TEXT,
    source      TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    lineage     TEXT    NOT NULL,            -- JSON array of function names, oldest first
    accepted_at INTEGER NOT NULL,            -- these two: milliseconds from 1970
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,  -- times the function answered
    refusals    INTEGER NOT NULL DEFAULT 0,  -- times in a row that it could not be run
    response    BLOB,                        -- the function's last answer, for the invocation record
    leased      INTEGER NOT NULL DEFAULT 0   -- 1 while the running simulator has it in hand
) STRICT;

CREATE INDEX event_queue_due ON event_queue (function, due_at, sequence) WHERE leased = 0;
