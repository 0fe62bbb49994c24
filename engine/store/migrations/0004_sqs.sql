-- The messages of all queues.
CREATE TABLE sqs_messages (
    sequence          INTEGER PRIMARY KEY,
    queue             TEXT    NOT NULL,
    message_id        TEXT    NOT NULL,
    body              TEXT    NOT NULL,
    attributes        TEXT    NOT NULL,  -- JSON: {NAME: {"DataType": ..., "StringValue" or "BinaryValue": ...}}
    system_attributes TEXT    NOT NULL,  -- JSON: {NAME: text}
    sent_at           INTEGER NOT NULL   -- milliseconds from 1970
) STRICT;

CREATE INDEX sqs_messages_by_queue ON sqs_messages (queue, sequence);
