"""What is sent to targets, and what a target is to its sender.

Targets are functions, queues, streams, topics and buses; who puts the simulator together finds them by ARN.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Protocol

from engine.errors import HeadraceError
from engine.value import dataclass

ATTEMPT_NUMBER = b"<aws.scheduler.attempt-number>"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a target is tried again, and how old a payload may grow meanwhile; the defaults are AWS's."""

    maximum_retry_attempts: int = 185
    maximum_event_age: timedelta = timedelta(hours=24)


DEFAULT_POLICY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A payload for one target.

    `sender` is what the feed calls its sender, such as `rules.orders`; `name` and `about` are shown beside
    it. A function gets it as `request_id`. `labels` say in a dead letter where it came from. `hops` counts
    the buses it has passed. In a `numbered` one the body's attempt number is filled in at each attempt.
    """

    sender: str
    target: str
    body: bytes
    request_id: str
    name: str
    about: str = ""
    group_id: str | None = None
    partition_key: str | None = None
    retry: RetryPolicy = DEFAULT_POLICY
    dead_letter: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    hops: int = 0
    numbered: bool = False

    def at_attempt(self, number: int) -> "Parcel":
        """Return it as it is sent the first, the second ... time, counted from 1."""
        if not self.numbered:
            return self
        return replace(self, body=self.body.replace(ATTEMPT_NUMBER, str(number).encode()))


class NotDelivered(HeadraceError):
    """A target did not take a payload. `code` is the word in the dead letter, such as `NO_RESOURCE`.

    What is `final` is not tried again: the target is gone, or will never take this payload.
    """

    def __init__(self, code: str, text: str, *, final: bool) -> None:
        super().__init__(text)
        self.code, self.final = code, final


@dataclass(frozen=True, slots=True)
class Sent:
    """The target has it."""

    parcel: Parcel
    target: "Target"


@dataclass(frozen=True, slots=True)
class Postponed:
    """The target did not take it; it is tried again at `due`."""

    parcel: Parcel
    problem: NotDelivered
    due: datetime


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It is not tried any more. `dead_letters` is the queue that has it now, None when it is lost."""

    parcel: Parcel
    problem: NotDelivered
    condition: str | None
    dead_letters: "DeadLetters | None"


Outcome = Sent | Postponed | GivenUp


class Target(Protocol):
    """Something that a rule or a schedule sends to."""

    @property
    def function(self) -> str | None:
        """The name of the function it is, None for anything else."""

    def send(self, connection: sqlite3.Connection, parcel: Parcel) -> Sequence[Outcome]:
        """Store `parcel` in the sender's transaction; return what became of what it sent on itself.

        Raises NotDelivered before writing anything. Called on the store's thread.
        """

    def wake(self) -> None:
        """Say that the transaction is committed."""


class DeadLetters(Protocol):
    """A queue for what could not be delivered."""

    def keep(self, connection: sqlite3.Connection, body: bytes, attributes: Mapping[str, str]) -> None:
        """Store a dead letter in the sender's transaction. Raises NotDelivered when it does not fit."""

    def wake(self) -> None:
        """Say that the transaction is committed."""


class Targets(Protocol):
    """Finds targets and dead-letter queues by ARN; what has been deleted meanwhile is not there."""

    def find(self, arn: str) -> Target | None:
        """Return a target, None when there is none."""

    def dead_letters(self, arn: str) -> DeadLetters | None:
        """Return a dead-letter queue, None when there is none."""
