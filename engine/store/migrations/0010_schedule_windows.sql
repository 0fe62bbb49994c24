-- Runs of schedules that came due and wait for their moment within a flexible window.
CREATE TABLE schedule_windows (
    name     TEXT    NOT NULL,
    due_at   INTEGER NOT NULL,  -- these two: milliseconds from 1970
    fires_at INTEGER NOT NULL,
    PRIMARY KEY (name, due_at)
) STRICT, WITHOUT ROWID;
