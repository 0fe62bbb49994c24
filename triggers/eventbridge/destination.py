"""A bus as a destination: of functions' invocation records, and of events that another source has made.

Source: Lambda developer guide, "Capturing records of asynchronous invocations"; as recorded on AWS by
LocalStack's test_lambda_destinations::test_invoke_lambda_eventbridge.
"""

import sqlite3
from collections.abc import Sequence

import orjson

from engine.clock import Clock
from engine.invocation.destination import DestinationMessage, DestinationRefused
from triggers.delivery.target import Outcome
from triggers.eventbridge.buses import EventBuses
from triggers.eventbridge.event import BusEvent, build_event

RESULT = "Lambda Function Invocation Result"


class BusDestination:
    """Puts an event for each message: one around an invocation record, or the message itself."""

    def __init__(self, name: str, buses: EventBuses, clock: Clock, *, takes_records: bool) -> None:
        """`takes_records` wraps each message in an event of Lambda's; without, messages are events."""
        self.arn = buses.account.event_bus(name)
        self._name = name
        self._buses = buses
        self._clock = clock
        self._takes_records = takes_records
        self._put: dict[str, Sequence[Outcome]] = {}  # by message, as its transaction may be tried again

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        """Put the event in the settling transaction. Refuses it when the bus does not exist."""
        if self._buses.find(self._name) is None:
            raise DestinationRefused(f"there is no event bus {self._name}")
        event = self._event(message) if self._takes_records else BusEvent(message.body)
        self._put[message.request_id] = self._buses.put_in(connection, self._name, [event])

    def wake(self) -> None:
        """Let the targets have what was put since the last call."""
        put, self._put = self._put, {}
        for outcomes in put.values():
            self._buses.settle(outcomes)

    def _event(self, message: DestinationMessage) -> BusEvent:
        context = orjson.loads(message.body)["requestContext"]
        account = self._buses.account
        succeeded = context["condition"] == "Success"
        return build_event(
            source="lambda",
            detail_type=f"{RESULT} - {'Success' if succeeded else 'Failure'}",
            detail=message.body,
            account_id=account.account_id,
            region=account.region,
            time=self._clock.now(),
            resources=(self.arn, context["functionArn"]),
            event_id=message.request_id,
        )
