"""The statements on table `deliveries`, as plain functions of the connection inside a transaction."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from engine.clock import from_millis, to_millis
from engine.value import dataclass
from triggers.delivery.target import Parcel, RetryPolicy

_TEXTS = ("sender", "target", "request_id", "name", "about", "group_id", "partition_key", "dead_letter")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A parcel that waits for its next attempt."""

    sequence: int
    parcel: Parcel
    accepted: datetime
    attempts: int


def insert(
    connection: sqlite3.Connection, parcel: Parcel, accepted: datetime, due: datetime, attempts: int
) -> None:
    """Keep a parcel until it is due."""
    connection.execute(
        "INSERT INTO deliveries (parcel, body, accepted_at, due_at, attempts) VALUES (?, ?, ?, ?, ?)",
        (_text(parcel), parcel.body, to_millis(accepted), to_millis(due), attempts),
    )


def due(connection: sqlite3.Connection, now: datetime, limit: int) -> list[Delivery]:
    """Return what is due, the first first."""
    rows = connection.execute(
        "SELECT sequence, parcel, body, accepted_at, attempts FROM deliveries"
        " WHERE due_at <= ? ORDER BY due_at, sequence LIMIT ?",
        (to_millis(now), limit),
    )
    return [
        Delivery(sequence, _parcel(text, body), from_millis(accepted), attempts)
        for sequence, text, body, accepted, attempts in rows
    ]


def remove(connection: sqlite3.Connection, deliveries: Sequence[Delivery]) -> None:
    """Forget parcels that are tried now."""
    connection.executemany(
        "DELETE FROM deliveries WHERE sequence = ?", [(delivery.sequence,) for delivery in deliveries]
    )


def next_due(connection: sqlite3.Connection) -> datetime | None:
    """Return when the next parcel is due, None when there is none."""
    (millis,) = connection.execute("SELECT min(due_at) FROM deliveries").fetchone()
    return None if millis is None else from_millis(millis)


def waiting_by_sender(connection: sqlite3.Connection) -> list[tuple[str, int, datetime]]:
    """Return for each sender how many parcels wait, and when the first of them is due."""
    rows = connection.execute(
        "SELECT json_extract(parcel, '$.sender') AS sender, count(*), min(due_at) FROM deliveries"
        " GROUP BY sender ORDER BY sender"
    )
    return [(sender, count, from_millis(due)) for sender, count, due in rows]


def _text(parcel: Parcel) -> str:
    members: dict[str, Any] = {name: getattr(parcel, name) for name in _TEXTS}
    members["retries"] = parcel.retry.maximum_retry_attempts
    members["age"] = parcel.retry.maximum_event_age.total_seconds()
    members |= {"labels": dict(parcel.labels), "hops": parcel.hops, "numbered": parcel.numbered}
    return orjson.dumps(members).decode()


def _parcel(text: str, body: bytes) -> Parcel:
    members = orjson.loads(text)
    policy = RetryPolicy(members.pop("retries"), timedelta(seconds=members.pop("age")))
    return Parcel(body=body, retry=policy, **members)
