"""Messages of an older state folder."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.store.database import Store
from engine.store.migration import MIGRATIONS
from triggers.sqs.queue import Queue


async def test_messages_of_an_older_format_can_be_received(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "headrace.db"
    sent_at = to_millis(clock.now())
    with closing(sqlite3.connect(path)) as connection:
        for number in range(1, 6):
            (script,) = MIGRATIONS.glob(f"{number:04}_*.sql")
            connection.executescript(script.read_text(encoding="utf-8"))
        connection.execute("PRAGMA user_version = 5")
        connection.executemany(
            "INSERT INTO sqs_messages (queue, message_id, body, attributes, system_attributes, sent_at)"
            " VALUES ('jobs', ?, ?, ?, '{}', ?)",
            [
                ("1", "first", '{"n": {"DataType": "Number", "StringValue": "6"}}', sent_at),
                ("2", "second", "{}", sent_at),
            ],
        )
        connection.commit()
    async with Store(path, clock) as store:
        queue = Queue("jobs", Account(), store, clock)
        found = await queue.receive(10, wait=timedelta())
        assert [(each.message_id, each.record["body"]) for each in found] == [("1", "first"), ("2", "second")]
        assert found[0].record["messageAttributes"]["n"]["stringValue"] == "6"
        assert found[0].record["attributes"]["SentTimestamp"] == str(sent_at)
        await queue.delete([each.receipt_handle for each in found])
        assert await queue.count() == 0
