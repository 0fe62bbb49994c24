"""How an asynchronous event leaves the queue or returns to it, with what it sends on, in one transaction."""

import sqlite3
from datetime import datetime
from typing import Literal

from engine.feed import (
    DeadLettered,
    DestinationSent,
    EventDropped,
    EventNeverRan,
    Fact,
    Notice,
    RetryScheduled,
)
from engine.invocation import event_table
from engine.invocation.destination import (
    Destination,
    DestinationMessage,
    DestinationRefused,
    FunctionDestination,
    dead_letter_attributes,
    invocation_record,
)
from engine.invocation.event_table import QueuedEvent
from engine.invocation.retry import GiveUp, RetryAt, RetryLimits, Succeeded
from engine.value import dataclass

Step = Succeeded | RetryAt | GiveUp
DEFAULT_LIMITS = RetryLimits()
Kind = Literal["on_success", "on_failure", "dead_letter"]


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """How a function is invoked asynchronously; the names and defaults of PutFunctionEventInvokeConfig.

    `arn` is unqualified. `concurrency` is how many invocations can run at once; 0, as a reserved concurrency,
    turns the function off. `recursive_loop` "Allow" switches recursion detection off.
    """

    arn: str
    concurrency: int
    limits: RetryLimits = DEFAULT_LIMITS
    on_success: Destination | None = None
    on_failure: Destination | None = None
    dead_letter: Destination | None = None
    recursive_loop: Literal["Terminate", "Allow"] = "Terminate"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of an event this time. `event` carries the counts and the response up to now."""

    event: QueuedEvent
    step: Step


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way to a destination."""

    kind: Kind
    destination: Destination
    message: DestinationMessage


def parcels(attempt: Attempt, config: EventInvokeConfig, now: datetime) -> list[Parcel]:
    """Return what an ended event sends on: a dead letter and a failure record, or a success record."""
    event = attempt.event
    if isinstance(attempt.step, RetryAt):
        return []
    gave_up = attempt.step if isinstance(attempt.step, GiveUp) else None
    lineage = (*event.lineage, event.function)
    stopped = gave_up is not None and gave_up.condition == "RecursiveLoop"
    found: list[Parcel] = []
    if gave_up is not None and config.dead_letter is not None:
        attributes = dead_letter_attributes(event.request_id, event.response)
        letter = DestinationMessage(event.function, event.payload, lineage, attributes, stopped)
        found.append(Parcel("dead_letter", config.dead_letter, letter))
    destination = config.on_success if gave_up is None else config.on_failure
    if destination is not None:
        record = invocation_record(
            event,
            f"{config.arn}:{event.qualifier or '$LATEST'}",
            "Success" if gave_up is None else gave_up.condition,
            now,
        )
        message = DestinationMessage(event.function, record, lineage, loop_stopped=stopped)
        found.append(Parcel("on_success" if gave_up is None else "on_failure", destination, message))
    return found


def settle(
    connection: sqlite3.Connection, attempt: Attempt, sending: list[Parcel]
) -> list[DestinationRefused | None]:
    """Write the outcome; return for each parcel why it was refused, None when it is stored."""
    if isinstance(attempt.step, RetryAt):
        event_table.postpone(connection, attempt.event, attempt.step.moment)
        return []
    event_table.remove(connection, attempt.event)
    return [_send(connection, parcel) for parcel in sending]


def facts(
    attempt: Attempt, sending: list[Parcel], refusals: list[DestinationRefused | None], now: datetime
) -> list[Fact]:
    """Return what the feed is told about a settled attempt."""
    event, step = attempt.event, attempt.step
    if isinstance(step, RetryAt):
        coming = event.attempts + 1
        return [RetryScheduled(now, event.function, event.request_id, coming, step.moment, step.reason)]
    condition = step.condition if isinstance(step, GiveUp) else "Success"
    told: list[Fact] = []
    delivered = False
    for parcel, refusal in zip(sending, refusals, strict=True):
        arn = parcel.destination.arn
        if refusal is not None:
            text = f"{parcel.kind} of request {event.request_id} was not delivered to {arn}: {refusal}"
            told.append(Notice(now, "error", f"functions.{event.function}", text))
            continue
        delivered = True
        if parcel.kind == "dead_letter":
            told.append(DeadLettered(now, event.function, event.request_id, arn, condition))
        else:
            told.append(DestinationSent(now, event.function, event.request_id, parcel.kind, arn, condition))
        if isinstance(parcel.destination, FunctionDestination):
            told.append(parcel.destination.emitted(parcel.message, condition, now))
    if isinstance(step, GiveUp):
        if not delivered:
            told.append(EventDropped(now, event.function, event.request_id, condition))
        if event.attempts == 0:
            told.append(_never_ran(event, step, now))
    return told


def _never_ran(event: QueuedEvent, step: GiveUp, now: datetime) -> EventNeverRan:
    return EventNeverRan(
        now,
        event.function,
        event.request_id,
        event.source,
        event.accepted_at,
        step.condition,
        event.payload,
    )


def _send(connection: sqlite3.Connection, parcel: Parcel) -> DestinationRefused | None:
    try:
        parcel.destination.send(connection, parcel.message)
    except DestinationRefused as refusal:
        return refusal
    return None
