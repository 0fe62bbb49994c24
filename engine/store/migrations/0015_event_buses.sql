-- EventBridge and EventBridge Scheduler: what was made over the API. Moments are milliseconds from 1970;
-- `properties` are JSON objects with the members that the API was given.
CREATE TABLE event_buses (
    name       TEXT    PRIMARY KEY,
    properties TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event_rules (
    bus        TEXT NOT NULL,
    name       TEXT NOT NULL,
    properties TEXT NOT NULL,
    PRIMARY KEY (bus, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_targets (
    bus        TEXT NOT NULL,
    rule       TEXT NOT NULL,
    id         TEXT NOT NULL,
    properties TEXT NOT NULL,
    PRIMARY KEY (bus, rule, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_archives (
    name       TEXT    PRIMARY KEY,
    bus        TEXT    NOT NULL,
    properties TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE archived_events (
    sequence INTEGER PRIMARY KEY,
    archive  TEXT    NOT NULL,
    put_at   INTEGER NOT NULL,
    event    TEXT    NOT NULL
) STRICT;

CREATE INDEX archived_events_by_time ON archived_events (archive, put_at, sequence);

-- `state` is AWS's. Events up to `sequence` have been replayed, the last of them from `replayed_to`.
CREATE TABLE event_replays (
    name        TEXT    PRIMARY KEY,
    properties  TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    sequence    INTEGER NOT NULL DEFAULT 0,
    replayed_to INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE schedule_groups (
    name       TEXT    PRIMARY KEY,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE made_schedules (
    schedule_group TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    properties     TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    PRIMARY KEY (schedule_group, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_tags (
    arn  TEXT PRIMARY KEY,
    tags TEXT NOT NULL  -- JSON: {KEY: value}
) STRICT, WITHOUT ROWID;

-- What a target would not take yet; it is tried again at `due_at`.
CREATE TABLE deliveries (
    sequence    INTEGER PRIMARY KEY,
    parcel      TEXT    NOT NULL,  -- JSON, without its body
    body        BLOB    NOT NULL,
    accepted_at INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL   -- that have failed
) STRICT;

CREATE INDEX deliveries_due ON deliveries (due_at, sequence);
