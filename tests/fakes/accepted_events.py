"""Stands in for Lambda's internal queue: remembers what sources hand over."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from engine.invocation.event import AsyncEvent


class AcceptedEvents:
    """Events count from the moment their transaction is committed and `wake` was called.

    While `refusal` is an error, no transaction succeeds.
    """

    def __init__(self) -> None:
        self.events: list[AsyncEvent] = []
        self.refusal: Exception | None = None
        self._inserted: list[AsyncEvent] = []

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        """Take the events of one transaction."""
        assert connection.in_transaction
        if self.refusal is not None:
            raise self.refusal
        self._inserted.extend(events)

    def wake(self) -> None:
        """The transaction is committed."""
        inserted, self._inserted = self._inserted, []
        self.events.extend(inserted)

    def records(self) -> list[dict[str, Any]]:
        """Return the `Records[]` elements of all events, in order."""
        return [record for event in self.events for record in orjson.loads(event.payload)["Records"]]

    def names_and_keys(self) -> list[tuple[str, str]]:
        """Return what happened to which key, as the records say it."""
        return [(record["eventName"], record["s3"]["object"]["key"]) for record in self.records()]
