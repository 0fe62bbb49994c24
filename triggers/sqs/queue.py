"""A local SQS queue: messages in the store, oldest first.

So far it takes in what functions send to their destinations and shows what it holds.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import orjson

from engine.arn import Account
from engine.clock import Clock, from_millis, to_millis
from engine.store.database import Store
from triggers.sqs.message import Message, MessageAttribute, attributes_from_json, attributes_to_json

MESSAGE_BYTES = 1024 * 1024  # body and attributes together


class Queue:
    """One standard queue."""

    def __init__(self, name: str, account: Account, store: Store, clock: Clock) -> None:
        self.name = name
        self.arn = account.queue(name)
        self._store = store
        self._clock = clock

    def send_in(
        self,
        connection: sqlite3.Connection,
        body: str,
        attributes: Mapping[str, MessageAttribute] | None = None,
        system_attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Store a message within a transaction of the caller's, on the store's thread; return its id."""
        message_id = str(uuid4())
        connection.execute(
            "INSERT INTO sqs_messages (queue, message_id, body, attributes, system_attributes, sent_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                self.name,
                message_id,
                body,
                orjson.dumps(attributes_to_json(attributes or {})).decode(),
                orjson.dumps(system_attributes or {}).decode(),
                to_millis(self._clock.now()),
            ),
        )
        return message_id

    async def peek(self, limit: int) -> list[Message]:
        """Return up to `limit` messages, oldest first, and change nothing."""
        return await self._store.read(partial(oldest_messages, queue=self.name, limit=limit))

    async def count(self) -> int:
        """Return how many messages the queue holds."""
        return await self._store.read(partial(count_messages, queue=self.name))


def oldest_messages(connection: sqlite3.Connection, queue: str, limit: int) -> list[Message]:
    """Return up to `limit` messages of a queue, oldest first."""
    rows = connection.execute(
        "SELECT message_id, body, attributes, system_attributes, sent_at FROM sqs_messages"
        " WHERE queue = ? ORDER BY sequence LIMIT ?",
        (queue, limit),
    )
    return [_message(row) for row in rows]


def count_messages(connection: sqlite3.Connection, queue: str) -> int:
    """Return how many messages a queue holds."""
    row = connection.execute("SELECT count(*) FROM sqs_messages WHERE queue = ?", (queue,)).fetchone()
    return int(row[0])


def _message(row: Sequence[Any]) -> Message:
    message_id, body, attributes, system_attributes, sent_at = row
    return Message(
        message_id,
        body,
        attributes_from_json(orjson.loads(attributes)),
        orjson.loads(system_attributes),
        from_millis(sent_at),
    )
