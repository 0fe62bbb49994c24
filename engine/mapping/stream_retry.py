"""What becomes of a batch of a stream after an attempt, as a function of values.

A batch begins as one piece. A piece is tried again, is narrowed to the records that failed, is cut in two, or
is given up. The pieces of a batch are tried in the order of their records.

Failures wait 250 ms, 500 ms, 1 s ... up to a minute before the next attempt. AWS does not say how long it
waits; recorded is that a batch that may grow 60 s old is invoked about eight times, and so it is here.
Source: Lambda developer guide, "Using Lambda with Amazon Kinesis", and LocalStack's recordings
test_kinesis_maximum_record_age_exceeded and test_kinesis_report_batch_item_failures.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from engine.value import dataclass

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]
RetryReason = Literal[
    "function_error", "batch_item_failures", "senseless_answer", "throttled", "system_error"
]

SHORTEST_BACKOFF = timedelta(milliseconds=250)
LONGEST_BACKOFF = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class StreamRetryLimits:
    """How long a failing batch is tried again. None as a limit: for ever."""

    maximum_retry_attempts: int | None = None
    maximum_record_age: timedelta | None = None
    bisect: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """The next `count` records of a batch, which are invoked together.

    `attempts` are the invocations of it that reached the function, `refusals` those in a row that did not.
    """

    count: int
    attempts: int = 0
    refusals: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """All of the piece is processed."""


@dataclass(frozen=True, slots=True)
class Again:
    """The first `processed` records are; the rest is tried again as `piece`."""

    processed: int
    piece: Piece
    reason: RetryReason


@dataclass(frozen=True, slots=True)
class Bisect:
    """Nothing is processed; the halves are tried on their own, at once, the first one first."""

    halves: tuple[Piece, Piece]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The first `processed` records are; the rest goes to the destination. `attempts` counts the last one."""

    processed: int
    attempts: int
    condition: Condition


def after_answer(
    piece: Piece, failed_from: int | None, reason: RetryReason, now: datetime, limits: StreamRetryLimits
) -> Done | Again | Bisect | GiveUp:
    """Decide after the function answered.

    `failed_from` is the index of the first record that is not processed, None when all are. With `bisect`, a
    batch that failed is cut: where the function says, else in the middle; a cut is no retry, and what it
    makes starts with a fresh count. Otherwise narrowing keeps the count.
    """
    if failed_from is None:
        return Done()
    attempts, left = piece.attempts + 1, piece.count - failed_from
    if limits.bisect and failed_from > 0:
        return Again(failed_from, Piece(left), reason)
    if limits.bisect and left > 1:
        return Bisect((Piece(left // 2), Piece(left - left // 2)))
    if limits.maximum_retry_attempts is not None and attempts > limits.maximum_retry_attempts:
        return GiveUp(failed_from, attempts, "RetryAttemptsExhausted")
    return Again(failed_from, Piece(left, attempts, 0, now + backoff(attempts)), reason)


def after_refusal(piece: Piece, reason: RetryReason, now: datetime) -> Again:
    """Decide after the function could not be run at all, which counts as no attempt."""
    refusals = piece.refusals + 1
    return Again(0, Piece(piece.count, piece.attempts, refusals, now + backoff(refusals)), reason)


def backoff(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row."""
    doublings = min(failures - 1, 8)  # 2**8 * 250 ms is already beyond the longest back-off
    return min(SHORTEST_BACKOFF * (1 << doublings), LONGEST_BACKOFF)


def expires_at(arrived_at: datetime, limits: StreamRetryLimits) -> datetime | None:
    """Return when a record has become too old to be tried; None for never."""
    return None if limits.maximum_record_age is None else arrived_at + limits.maximum_record_age


def count_expired(arrivals: Sequence[datetime], now: datetime, limits: StreamRetryLimits) -> int:
    """Return how many records at the head have become too old; they are cut off, and the rest is tried."""
    if limits.maximum_record_age is None:
        return 0
    horizon = now - limits.maximum_record_age
    return next((index for index, arrived in enumerate(arrivals) if arrived > horizon), len(arrivals))
