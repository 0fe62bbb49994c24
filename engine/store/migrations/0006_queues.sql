-- Queues with all that SQS keeps of a message. What was sent before is kept and can be received.
CREATE TABLE sqs_messages_with_receipts (
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

INSERT INTO sqs_messages_with_receipts
    (sequence, queue, visible_at, sent_at, first_received_at, message_id, system_attributes, attributes, body)
SELECT sequence, queue, sent_at, sent_at, sent_at, message_id, system_attributes, attributes, body
FROM sqs_messages ORDER BY sequence;

DROP TABLE sqs_messages;
ALTER TABLE sqs_messages_with_receipts RENAME TO sqs_messages;

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

CREATE TABLE sqs_queues (
    name                 TEXT PRIMARY KEY,
    last_sequence_number INTEGER NOT NULL DEFAULT 0,
    purged_at            INTEGER
) STRICT, WITHOUT ROWID;
