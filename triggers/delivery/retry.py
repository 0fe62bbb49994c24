"""When a target is tried again, as a function of values.

Source: EventBridge user guide, "How EventBridge retries delivering events": up to 24 hours and 185 times,
with exponential back-off and jitter; EventBridge Scheduler does the same. AWS does not say how long the
pauses are.
"""

from datetime import datetime, timedelta
from typing import Literal

from triggers.delivery.target import RetryPolicy

LONGEST_PAUSE = timedelta(minutes=8)  # so that 185 of them last about a day
Condition = Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]


def after_failure(
    attempts: int, accepted: datetime, now: datetime, policy: RetryPolicy, draw: float
) -> datetime | Condition:
    """Return when to try again, or which limit is reached.

    `attempts` counts the one that has just failed; `draw`, from 0 to 1, shortens the pause to down to a half.
    """
    if attempts > policy.maximum_retry_attempts:
        return "MaximumRetryAttempts"
    doublings = min(attempts - 1, 9)
    moment = now + min(timedelta(seconds=2**doublings), LONGEST_PAUSE) * (1 - draw / 2)
    return "MaximumEventAgeInSeconds" if moment - accepted > policy.maximum_event_age else moment
