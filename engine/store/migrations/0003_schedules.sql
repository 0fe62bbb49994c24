-- How far each configured schedule has come.
CREATE TABLE schedules (
    name       TEXT    PRIMARY KEY,
    definition TEXT    NOT NULL,  -- kind, expression, time zone, start: when it changes, the schedule begins anew
    created_at INTEGER NOT NULL,  -- these two: milliseconds from 1970; a rate is counted from here
    settled_at INTEGER NOT NULL,  -- every run up to this moment has fired or was skipped on purpose
    enabled    INTEGER NOT NULL   -- 0 while the configuration says DISABLED
) STRICT, WITHOUT ROWID;
