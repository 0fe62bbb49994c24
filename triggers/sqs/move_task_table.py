"""Message move tasks that have ended, as rows of the store."""

import sqlite3
from typing import Literal

from engine.value import dataclass

KEPT = 10  # of each dead-letter queue


@dataclass(frozen=True, slots=True)
class MessageMoveTask:
    """Messages of `source` went to `destination`, or each to where it came from. Both are ARNs.

    `started_at` is in milliseconds from 1970, `to_move` how many messages there were then.
    """

    task_id: str
    source: str
    destination: str | None
    started_at: int
    to_move: int
    status: Literal["RUNNING", "COMPLETED", "CANCELLED"] = "RUNNING"
    moved: int = 0


COLUMNS = "task_id, source, destination, started_at, to_move, status, moved"


def save(connection: sqlite3.Connection, task: MessageMoveTask) -> None:
    """Store a task that has ended, and forget the oldest of its queue."""
    connection.execute(
        f"INSERT INTO sqs_move_tasks ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            task.task_id,
            task.source,
            task.destination,
            task.started_at,
            task.to_move,
            task.status,
            task.moved,
        ),
    )
    connection.execute(
        "DELETE FROM sqs_move_tasks WHERE source = ?1 AND number NOT IN"
        " (SELECT number FROM sqs_move_tasks WHERE source = ?1 ORDER BY number DESC LIMIT ?2)",
        (task.source, KEPT),
    )


def load(connection: sqlite3.Connection, source: str, limit: int) -> list[MessageMoveTask]:
    """Return the latest tasks of a queue, the newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM sqs_move_tasks WHERE source = ? ORDER BY number DESC LIMIT ?",  # noqa: S608
        (source, limit),
    )
    return [MessageMoveTask(*row) for row in rows]


def is_known(connection: sqlite3.Connection, task_id: str) -> bool:
    """Say whether a task has ended lately."""
    row = connection.execute("SELECT 1 FROM sqs_move_tasks WHERE task_id = ?", (task_id,)).fetchone()
    return row is not None
