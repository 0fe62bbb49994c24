"""Brings payloads to their targets, in the transactions of their senders; tries again what a target refuses.

Sends:   at once, in the sender's transaction: what is accepted from the sender is with the target then.
Retries: what a target would take later is kept in the store and tried again, with growing pauses.
Gives up: into the dead-letter queue, when there is one, with AWS's message attributes.
Source:  EventBridge user guide, "Using dead-letter queues to process undelivered events".
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random

from engine.alarm import wait_until
from engine.clock import Clock
from engine.errors import StoreError
from engine.feed import DeadLettered, EventEmitted, EventSent, Feed, Notice
from engine.store.database import Store
from triggers.delivery import delivery_table
from triggers.delivery.retry import after_failure
from triggers.delivery.target import (
    GivenUp,
    NotDelivered,
    Outcome,
    Parcel,
    Postponed,
    Sent,
    Targets,
)

AT_ONCE = 100  # parcels that are tried again in one write
STORE_PAUSE = timedelta(seconds=5)


class Courier:
    """Delivers parcels; keep `run()` running for those that are tried again."""

    name = "deliveries"

    def __init__(self, targets: Targets, store: Store, clock: Clock, feed: Feed, random: Random) -> None:
        self._targets = targets
        self._store = store
        self._clock = clock
        self._feed = feed
        self._random = random
        self._changed = asyncio.Event()

    def send(self, connection: sqlite3.Connection, parcels: Iterable[Parcel]) -> list[Outcome]:
        """Deliver parcels within a transaction of the caller's, who calls `settle` after it."""
        now = self._clock.now()
        return [outcome for parcel in parcels for outcome in self._try(connection, parcel, now, 1)]

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Wake the targets and tell the feed, once the transaction is committed."""
        now = self._clock.now()
        for outcome in outcomes:
            match outcome:
                case Sent(parcel, target):
                    target.wake()
                    self._tell_of_sent(parcel, target.function, now)
                case Postponed(parcel, problem, due):
                    self._changed.set()
                    text = f"{parcel.target} did not take it: {problem}; tried again at {due:%H:%M:%S}"
                    self._feed.publish(Notice(now, "warning", parcel.sender, text))
                case GivenUp():
                    self._tell_of_given_up(outcome, now)

    async def run(self) -> None:
        """Try again what is due, until cancelled."""
        while True:
            self._changed.clear()
            try:
                next_due = await self._try_again()
            except StoreError as error:
                self._feed.publish(Notice(self._clock.now(), "error", self.name, str(error)))
                next_due = self._clock.now() + STORE_PAUSE
            await self._wait(next_due)

    async def _try_again(self) -> datetime | None:
        """Try what is due; return when there is more to try."""
        now = self._clock.now()
        outcomes, next_due = await self._store.write(partial(self._send_due, now=now))
        self.settle(outcomes)
        return next_due

    def _send_due(
        self, connection: sqlite3.Connection, now: datetime
    ) -> tuple[list[Outcome], datetime | None]:
        deliveries = delivery_table.due(connection, now, AT_ONCE)
        delivery_table.remove(connection, deliveries)
        outcomes = [
            outcome
            for delivery in deliveries
            for outcome in self._try(
                connection, delivery.parcel, now, delivery.attempts + 1, delivery.accepted
            )
        ]
        return outcomes, delivery_table.next_due(connection)

    def _try(
        self,
        connection: sqlite3.Connection,
        parcel: Parcel,
        now: datetime,
        attempt: int,
        accepted: datetime | None = None,
    ) -> list[Outcome]:
        target = self._targets.find(parcel.target)
        try:
            if target is None:
                raise NotDelivered("NO_RESOURCE", f"{parcel.target} does not exist", final=True)
            sent_on = target.send(connection, parcel.at_attempt(attempt))
        except NotDelivered as problem:
            return [self._refused(connection, parcel, now, attempt, accepted or now, problem)]
        return [Sent(parcel, target), *sent_on]

    def _refused(
        self,
        connection: sqlite3.Connection,
        parcel: Parcel,
        now: datetime,
        attempts: int,
        accepted: datetime,
        problem: NotDelivered,
    ) -> Outcome:
        condition: str | None = None
        if not problem.final:
            step = after_failure(attempts, accepted, now, parcel.retry, self._random.random())
            if isinstance(step, datetime):
                delivery_table.insert(connection, parcel, accepted, step, attempts)
                return Postponed(parcel, problem, step)
            condition = step
        queue = None if parcel.dead_letter is None else self._targets.dead_letters(parcel.dead_letter)
        attributes = {
            **parcel.labels,
            "TARGET_ARN": parcel.target,
            "ERROR_CODE": problem.code,
            "ERROR_MESSAGE": str(problem),
            "RETRY_ATTEMPTS": str(attempts - 1),
        }
        if condition is not None:
            attributes["EXHAUSTED_RETRY_CONDITION"] = condition
        if queue is not None:
            try:
                queue.keep(connection, parcel.at_attempt(attempts).body, attributes)
            except NotDelivered:
                queue = None
        return GivenUp(parcel, problem, condition, queue)

    def _tell_of_sent(self, parcel: Parcel, function: str | None, now: datetime) -> None:
        if function is not None:
            fact = EventEmitted(now, parcel.sender, function, parcel.request_id, parcel.name, parcel.about)
            self._feed.publish(fact)
        else:
            self._feed.publish(EventSent(now, parcel.sender, parcel.target, parcel.name, parcel.about))

    def _tell_of_given_up(self, outcome: GivenUp, now: datetime) -> None:
        parcel, condition = outcome.parcel, outcome.condition or outcome.problem.code
        if outcome.dead_letters is not None and parcel.dead_letter is not None:
            outcome.dead_letters.wake()
            self._feed.publish(
                DeadLettered(now, parcel.sender, parcel.request_id, parcel.dead_letter, condition)
            )
        else:
            text = f"{parcel.name} is lost, {parcel.target} did not take it: {outcome.problem} ({condition})"
            self._feed.publish(Notice(now, "error", parcel.sender, text))

    async def _wait(self, moment: datetime | None) -> None:
        """Return when something was postponed, or at `moment`."""
        if moment is None:
            await self._changed.wait()
        else:
            await wait_until(self._changed, moment, self._clock)
