-- Queues and streams made over the API, and what was changed of those in the configuration.
-- Moments are milliseconds from 1970.
ALTER TABLE sqs_queues ADD COLUMN made_by_api INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sqs_queues ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';  -- JSON: {NAME: text}, as the API has them
ALTER TABLE sqs_queues ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';        -- JSON: {KEY: text}
ALTER TABLE sqs_queues ADD COLUMN created_at INTEGER;
ALTER TABLE sqs_queues ADD COLUMN changed_at INTEGER;
ALTER TABLE sqs_queues ADD COLUMN deleted_at INTEGER;                     -- when a queue of that name was last deleted

-- What was moved from dead-letter queues, the latest of each.
CREATE TABLE sqs_move_tasks (
    number      INTEGER PRIMARY KEY,
    task_id     TEXT    NOT NULL UNIQUE,
    source      TEXT    NOT NULL,            -- ARN
    destination TEXT,                        -- ARN; none when each message goes to where it came from
    started_at  INTEGER NOT NULL,
    status      TEXT    NOT NULL,            -- COMPLETED or CANCELLED
    to_move     INTEGER NOT NULL,
    moved       INTEGER NOT NULL
) STRICT;

CREATE INDEX sqs_move_tasks_by_source ON sqs_move_tasks (source, number);

ALTER TABLE kinesis_streams ADD COLUMN made_by_api INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kinesis_streams ADD COLUMN described TEXT NOT NULL DEFAULT '{}';  -- JSON: see triggers/kinesis/description.py

CREATE TABLE kinesis_consumers (
    stream     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    tags       TEXT    NOT NULL,  -- JSON: {KEY: text}
    PRIMARY KEY (stream, name)
) STRICT, WITHOUT ROWID;
