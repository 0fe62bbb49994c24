"""Buses whose events all go to the queue of the same name; and targets that refuse as they are told."""

import random
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.event_targets import QueueTarget
from triggers.delivery.courier import Courier
from triggers.delivery.target import DeadLetters, NotDelivered, Outcome, Parcel, Target
from triggers.eventbridge.buses import EventBuses
from triggers.eventbridge.rule import Rule, read_pattern
from triggers.eventbridge.target import read_target
from triggers.sqs.queue import Queue

EVERYTHING = '{"account": [{"exists": true}]}'


@dataclass
class RefusingTarget:
    """Takes a parcel at the attempt after `refusals`; `final` says whether that can ever be."""

    refusals: int
    final: bool = False
    function: str | None = None
    taken: list[Parcel] = field(default_factory=list)
    attempts: int = 0

    def send(self, connection: sqlite3.Connection, parcel: Parcel) -> Sequence[Outcome]:
        self.attempts += 1
        if self.attempts <= self.refusals:
            raise NotDelivered("THROTTLING", "Rate exceeded", final=self.final)
        self.taken.append(parcel)
        return ()

    def wake(self) -> None:
        pass


@dataclass(frozen=True)
class KnownTargets:
    """Targets and dead-letter queues by ARN."""

    targets: Mapping[str, Target]
    letters: Mapping[str, DeadLetters] = field(default_factory=dict)

    def find(self, arn: str) -> Target | None:
        return self.targets.get(arn)

    def dead_letters(self, arn: str) -> DeadLetters | None:
        return self.letters.get(arn)


def buses_to_queues(queues: Mapping[str, Queue], store: Store, clock: Clock, feed: Feed) -> EventBuses:
    """Return a bus for each queue."""
    account = Account()
    targets = KnownTargets({queue.arn: QueueTarget(queue, clock) for queue in queues.values()})
    rules = {
        name: {
            "all": Rule(
                name,
                "all",
                account.rule("all", name),
                {"EventPattern": EVERYTHING},
                read_pattern(EVERYTHING),
                {"q": read_target({"Id": "q", "Arn": queue.arn})},
            )
        }
        for name, queue in queues.items()
    }
    courier = Courier(targets, store, clock, feed, random.Random(1))
    return EventBuses(account, store, courier, clock, declared=rules)
