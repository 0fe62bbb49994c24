"""What happens to an asynchronous event after an attempt, as a function of values.

Source: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation". That the
age check looks ahead is recorded: with a limit of 60 s, an event that fails at once is not tried again.
"""

from datetime import datetime, timedelta
from typing import Literal

from engine.value import dataclass

Condition = Literal["RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency", "RecursiveLoop"]
Refusal = Literal["throttled", "system_error"]

RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=2))  # after the first and after the second attempt
LONGEST_BACKOFF = timedelta(minutes=5)
RECURSION_LIMIT = 16  # invocations of one function in one chain


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How often an event is tried again after function errors, and how old it may grow."""

    maximum_retry_attempts: int = 2
    maximum_event_age: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The function returned; the event is done."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `moment`."""

    moment: datetime
    reason: Literal["function_error", "throttled", "system_error"]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The event is done without success. `condition` is the word in the invocation record."""

    condition: Condition


def before_attempt(accepted_at: datetime, now: datetime, limits: RetryLimits) -> GiveUp | None:
    """Say whether an event that waited in the queue has become too old to be tried."""
    return GiveUp("EventAgeExceeded") if now - accepted_at > limits.maximum_event_age else None


def after_answer(
    failed: bool, attempts: int, accepted_at: datetime, now: datetime, limits: RetryLimits
) -> Succeeded | RetryAt | GiveUp:
    """Decide after the function answered. `attempts` counts this one; `failed` means a function error."""
    if not failed:
        return Succeeded()
    if attempts > limits.maximum_retry_attempts:
        return GiveUp("RetriesExhausted")
    delay = RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1]
    return _retry_in_time(now + delay, "function_error", accepted_at, limits)


def after_refusal(
    reason: Refusal, refusals: int, accepted_at: datetime, now: datetime, limits: RetryLimits
) -> RetryAt | GiveUp:
    """Decide after the function could not be run at all, which counts as no attempt.

    `refusals` counts those in a row, this one included: they back off 1 s, 2 s, 4 s ... 5 min.
    """
    doublings = min(refusals - 1, 9)  # 2**9 s is already beyond the longest back-off
    delay = min(timedelta(seconds=2**doublings), LONGEST_BACKOFF)
    return _retry_in_time(now + delay, reason, accepted_at, limits)


def is_recursive(function: str, lineage: tuple[str, ...]) -> bool:
    """Say whether the chain of invocations that led here already holds `function` too often."""
    return lineage.count(function) >= RECURSION_LIMIT


def _retry_in_time(
    moment: datetime,
    reason: Literal["function_error", "throttled", "system_error"],
    accepted_at: datetime,
    limits: RetryLimits,
) -> RetryAt | GiveUp:
    if moment - accepted_at >= limits.maximum_event_age:
        return GiveUp("EventAgeExceeded")
    return RetryAt(moment, reason)
