-- The newest format as a whole, for a new store. What brings an older one there is in migrations/; a test compares
-- both. Moments are milliseconds from 1970.

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
    leased      INTEGER NOT NULL DEFAULT 0,  -- 1 while the running simulator has it in hand
    executed_version TEXT                    -- that gave the last answer
) STRICT;
CREATE INDEX event_queue_due ON event_queue (function, due_at, sequence) WHERE leased = 0;

-- The index of watched folders: which file was put as which object, and in what state it was then.
CREATE TABLE s3_bucket (
    name TEXT PRIMARY KEY,
    folder TEXT NOT NULL,
    last_sequencer INTEGER NOT NULL,
    created INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE s3_object (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    etag TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sequencer INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    content_type TEXT,
    metadata TEXT,
    tagging TEXT,
    checksum TEXT,
    md5 TEXT,
    parts TEXT,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX s3_object_by_inode ON s3_object (bucket, inode);

-- How far each configured schedule has come.
CREATE TABLE schedules (
    name       TEXT    PRIMARY KEY,
    definition TEXT    NOT NULL,  -- kind, expression, time zone, start: when it changes, the schedule begins anew
    created_at INTEGER NOT NULL,  -- these two: milliseconds from 1970; a rate is counted from here
    settled_at INTEGER NOT NULL,  -- every run up to this moment has fired or was skipped on purpose
    enabled    INTEGER NOT NULL   -- 0 while the configuration says DISABLED
) STRICT, WITHOUT ROWID;

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

-- The messages of all queues.
CREATE TABLE sqs_messages (
    sequence           INTEGER PRIMARY KEY,        -- the order of arrival in its queue
    queue              TEXT    NOT NULL,
    visible_at         INTEGER NOT NULL,           -- times are milliseconds from 1970
    sent_at            INTEGER NOT NULL,
    receive_count      INTEGER NOT NULL DEFAULT 0,
    first_received_at  INTEGER NOT NULL,           -- means something once receive_count is above 0
    leased             INTEGER NOT NULL DEFAULT 0, -- 1 while a mapping of the running simulator has it in hand
    message_id         TEXT    NOT NULL,
    group_id           TEXT,
    deduplication_id   TEXT,
    sequence_number    INTEGER,                    -- in FIFO queues, the count of messages sent to the queue
    dead_letter_source TEXT,                       -- ARN of the queue that moved it here
    system_attributes  TEXT    NOT NULL,           -- JSON: {NAME: text}
    attributes         TEXT    NOT NULL,           -- JSON: {NAME: {"DataType": ..., "StringValue" or "BinaryValue": ...}}
    body               TEXT    NOT NULL            -- last, for the others to be read without it
) STRICT;
CREATE INDEX sqs_messages_by_visibility ON sqs_messages (queue, visible_at);
CREATE INDEX sqs_messages_by_group ON sqs_messages (queue, group_id, sequence)
    WHERE sequence_number IS NOT NULL;  -- FIFO queues
CREATE INDEX sqs_messages_by_fair_group ON sqs_messages (queue, group_id, visible_at)
    WHERE group_id IS NOT NULL AND sequence_number IS NULL;  -- standard queues whose senders name groups

-- The message groups of FIFO queues that hold messages. A group is ready when its oldest message is visible.
CREATE TABLE sqs_groups (
    queue    TEXT    NOT NULL,
    group_id TEXT    NOT NULL,
    ready_at INTEGER NOT NULL,
    head     INTEGER NOT NULL,  -- sequence of the oldest message
    PRIMARY KEY (queue, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sqs_groups_by_readiness ON sqs_groups (queue, ready_at, head);

-- What was sent to FIFO queues within the deduplication interval.
CREATE TABLE sqs_deduplication (
    queue            TEXT    NOT NULL,
    deduplication_id TEXT    NOT NULL,
    group_id         TEXT    NOT NULL,  -- empty when it counts for the whole queue
    sent_at          INTEGER NOT NULL,
    message_id       TEXT    NOT NULL,
    sequence_number  INTEGER NOT NULL,
    PRIMARY KEY (queue, deduplication_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sqs_deduplication_by_time ON sqs_deduplication (sent_at);

-- Queues made over the API, and what was changed of those in the configuration.
CREATE TABLE sqs_queues (
    name                 TEXT PRIMARY KEY,
    last_sequence_number INTEGER NOT NULL DEFAULT 0,
    purged_at            INTEGER,
    made_by_api          INTEGER NOT NULL DEFAULT 0,
    attributes           TEXT    NOT NULL DEFAULT '{}',  -- JSON: {NAME: text}, as the API has them
    tags                 TEXT    NOT NULL DEFAULT '{}',  -- JSON: {KEY: text}
    created_at           INTEGER,
    changed_at           INTEGER,
    deleted_at           INTEGER                         -- when a queue of that name was last deleted
) STRICT, WITHOUT ROWID;

-- Kinesis data streams.
CREATE TABLE kinesis_streams (
    name                TEXT    PRIMARY KEY,
    created_at          INTEGER NOT NULL,
    retention_hours     INTEGER NOT NULL,
    configured_hours    INTEGER NOT NULL,  -- what the configuration said last: when that changes, it counts
    last_position       INTEGER NOT NULL,  -- of the newest record, whether it is still there or not
    next_shard          INTEGER NOT NULL,
    made_by_api         INTEGER NOT NULL DEFAULT 0,
    described           TEXT    NOT NULL DEFAULT '{}'  -- JSON: see triggers/kinesis/description.py
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
) STRICT;

-- Event source mappings: what each was made with, and its state.
CREATE TABLE event_source_mappings (
    uuid          TEXT    PRIMARY KEY,
    function_arn  TEXT    NOT NULL,  -- as it is echoed: with a qualifier if one was given
    parameters    TEXT    NOT NULL,  -- JSON: the parameters of CreateEventSourceMapping, with their defaults
    state         TEXT    NOT NULL,
    last_modified INTEGER NOT NULL,  -- milliseconds from 1970
    made_by       TEXT    NOT NULL   -- 'configuration' or 'api'
) STRICT, WITHOUT ROWID;

-- How far event source mappings have come with their streams.
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

-- Runs of schedules that came due and wait for their moment within a flexible window.
CREATE TABLE schedule_windows (
    name     TEXT    NOT NULL,
    due_at   INTEGER NOT NULL,  -- these two: milliseconds from 1970
    fires_at INTEGER NOT NULL,
    PRIMARY KEY (name, due_at)
) STRICT, WITHOUT ROWID;

-- Functions that were made over the API, and what the API has added to configured ones. A document is a JSON
-- object of the members that the file engine/functions/deployed.py describes.
CREATE TABLE function (
    name     TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE function_version (
    function TEXT NOT NULL REFERENCES function (name) ON DELETE CASCADE,
    version  TEXT NOT NULL,                 -- `$LATEST` or a number
    document TEXT NOT NULL,
    PRIMARY KEY (function, version)
) STRICT;

-- The numbers of versions go on after one is deleted, also after all are.
CREATE TABLE layer (
    name         TEXT PRIMARY KEY,
    last_version INTEGER NOT NULL
) STRICT;

CREATE TABLE layer_version (
    layer    TEXT    NOT NULL REFERENCES layer (name),
    version  INTEGER NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (layer, version)
) STRICT;

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

CREATE TABLE kinesis_consumers (
    stream     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    tags       TEXT    NOT NULL,  -- JSON: {KEY: text}
    PRIMARY KEY (stream, name)
) STRICT, WITHOUT ROWID;

-- Buckets made with CreateBucket; those of headrace.toml are not here.
CREATE TABLE s3_made_bucket (
    name TEXT PRIMARY KEY,
    location TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Documents that were put for a bucket: its tags, its notifications and what else S3 gives back.
CREATE TABLE s3_bucket_document (
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) STRICT, WITHOUT ROWID;

-- Multipart uploads that are neither completed nor aborted, and their parts, whose bytes are files.
CREATE TABLE s3_upload (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    initiated INTEGER NOT NULL,
    content_type TEXT,
    metadata TEXT,
    tagging TEXT,
    checksum_algorithm TEXT,
    checksum_type TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX s3_upload_by_key ON s3_upload (bucket, key, id);

CREATE TABLE s3_part (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    file TEXT NOT NULL,
    etag TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    checksum TEXT,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;

-- Tables of DynamoDB. Of those that CreateTable made, `properties` is all that the API was told (their items
-- are in tables.db beside this file); of those that the configuration declares, tags and time to live alone.
CREATE TABLE dynamodb_tables (
    name TEXT PRIMARY KEY,
    made_by_api INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    properties TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- EventBridge and EventBridge Scheduler: what was made over the API. `properties` are JSON objects with the
-- members that the API was given.
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

CREATE TABLE deliveries (
    sequence    INTEGER PRIMARY KEY,
    parcel      TEXT    NOT NULL,  -- JSON, without its body
    body        BLOB    NOT NULL,
    accepted_at INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL   -- that have failed
) STRICT;
CREATE INDEX deliveries_due ON deliveries (due_at, sequence);

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

-- IAM roles and policies, known by their names: nothing is judged by them. `content` is JSON.
CREATE TABLE iam_roles (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    content TEXT NOT NULL
) STRICT;

CREATE TABLE iam_policies (
    arn TEXT PRIMARY KEY,
    content TEXT NOT NULL
) STRICT;

-- What was written to CloudWatch Logs over the API.
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
