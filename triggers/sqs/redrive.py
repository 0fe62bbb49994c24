"""Moving messages to dead-letter queues, and back.

Source: Amazon SQS developer guide, "Using dead-letter queues" and "Configuring a dead-letter queue redrive".
"""

import sqlite3

from triggers.sqs import fifo
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message_table import MessageRow


def to_dead_letter_queue(
    connection: sqlite3.Connection, queue: QueueAttributes, row: MessageRow, now: int
) -> MessageRow:
    """Move a message that was just claimed once too often; return it as it was before.

    Id, body and attributes stay, and the count of receipts goes on. The time of sending stays in standard
    queues; in FIFO queues it begins anew, and the message's id becomes its deduplication id.
    `now` is in milliseconds from 1970.
    """
    policy = queue.redrive_policy
    assert policy is not None
    target = policy.dead_letter_queue
    number = fifo.next_number(connection, target) if queue.is_fifo else None
    connection.execute(
        "UPDATE sqs_messages SET sequence = (SELECT max(sequence) + 1 FROM sqs_messages), queue = ?,"
        " visible_at = ?, sent_at = ?, receive_count = ?, leased = 0, deduplication_id = ?,"
        " sequence_number = ?, dead_letter_source = ? WHERE sequence = ?",
        (
            target,
            now,
            now if queue.is_fifo else row.sent_at,
            row.receive_count - 1,
            row.message_id if queue.is_fifo else None,
            number,
            queue.arn,
            row.sequence,
        ),
    )
    if queue.is_fifo:
        fifo.refresh(connection, target, [row.group_id])
    return row._replace(receive_count=row.receive_count - 1)
