"""An asynchronous invocation before it is accepted, and who accepts it.

This is the small contract between pushed sources (buckets, schedules) and Lambda: a source stores its own
position and its events in one transaction, so that neither is ever kept without the other.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import field
from typing import Protocol

from engine.random_uuid import random_uuid
from engine.value import dataclass


def new_request_id() -> str:
    """Return a fresh request id: a random UUID, as Lambda makes them."""
    return random_uuid()


@dataclass(frozen=True, slots=True)
class AsyncEvent:
    """One event for one function. `payload` is JSON; `source` names the resource it came from.

    `lineage` lists, oldest first, the functions whose invocations led to this event.
    """

    function: str
    payload: bytes
    source: str = "invoke"
    request_id: str = field(default_factory=new_request_id)
    qualifier: str | None = None
    lineage: tuple[str, ...] = ()


class EventAcceptor(Protocol):
    """Lambda's internal queue, as a source sees it."""

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        """Store `events`, as part of the transaction that `connection` is in."""

    def wake(self) -> None:
        """Say that the transaction is committed, so that the events run now."""
