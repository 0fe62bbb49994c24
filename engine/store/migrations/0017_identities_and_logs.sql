-- IAM roles and policies, known by their names: nothing is judged by them. `content` is JSON.
CREATE TABLE iam_roles (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    content TEXT NOT NULL
) STRICT;

CREATE TABLE iam_policies (
    arn TEXT PRIMARY KEY,
    content TEXT NOT NULL
) STRICT;

-- CloudWatch Logs: what was made over the API. The events of functions are in files.
CREATE TABLE log_groups (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    attributes TEXT NOT NULL  -- JSON
) STRICT;

CREATE TABLE log_streams (
    log_group TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (log_group, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_events (
    id INTEGER PRIMARY KEY,
    log_group TEXT NOT NULL,
    stream TEXT NOT NULL,
    moment INTEGER NOT NULL,
    ingested INTEGER NOT NULL,
    message TEXT NOT NULL
) STRICT;

CREATE INDEX log_events_by_moment ON log_events (log_group, stream, moment, id);
