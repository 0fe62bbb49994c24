-- SNS topics: those made over the API, and what the configuration does not say of its own.
CREATE TABLE sns_topics (
    name                 TEXT    PRIMARY KEY,
    made_by              TEXT    NOT NULL,            -- 'configuration' or 'api'
    attributes           TEXT    NOT NULL DEFAULT '{}',  -- JSON: {NAME: text}, as the API has them
    tags                 TEXT    NOT NULL DEFAULT '{}',  -- JSON: {KEY: text}
    last_sequence_number INTEGER NOT NULL DEFAULT 0   -- of a FIFO topic
) STRICT, WITHOUT ROWID;

-- Subscriptions made over the API, in the order in which they were.
CREATE TABLE sns_subscriptions (
    sequence   INTEGER PRIMARY KEY,
    arn        TEXT    NOT NULL UNIQUE,
    topic      TEXT    NOT NULL,
    protocol   TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,  -- ARN of a function or a queue
    attributes TEXT    NOT NULL   -- JSON: {NAME: text}
) STRICT;

CREATE INDEX sns_subscriptions_by_topic ON sns_subscriptions (topic);

-- What was published to FIFO topics within the deduplication interval.
CREATE TABLE sns_deduplication (
    topic            TEXT    NOT NULL,
    deduplication_id TEXT    NOT NULL,
    group_id         TEXT    NOT NULL,  -- empty when it counts for the whole topic
    published_at     INTEGER NOT NULL,  -- milliseconds from 1970
    message_id       TEXT    NOT NULL,
    sequence_number  INTEGER NOT NULL,
    PRIMARY KEY (topic, deduplication_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sns_deduplication_by_time ON sns_deduplication (published_at);
