"""How long a stream may keep its records.

Source: Kinesis API reference, IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.
"""

from datetime import timedelta
from typing import Literal

from triggers.kinesis.errors import InvalidArgument

LEAST_HOURS, MOST_HOURS = 24, 8760


def changed_retention(
    hours: int, existing: timedelta, direction: Literal["Increase", "Decrease"], stream: str
) -> timedelta:
    """Return the new retention period. Raises InvalidArgument out of range or in the other direction."""
    existing_hours = existing // timedelta(hours=1)
    if hours < LEAST_HOURS:
        raise InvalidArgument(
            f"Minimum allowed retention period is {LEAST_HOURS} hours. "
            f"Requested retention period ({hours} hours) is too short."
        )
    if hours > MOST_HOURS:
        raise InvalidArgument(
            f"Maximum allowed retention period is {MOST_HOURS} hours. "
            f"Requested retention period ({hours} hours) is too long."
        )
    if direction == "Increase" and hours < existing_hours:
        wrong, other = "shorter", "Decrease"
    elif direction == "Decrease" and hours > existing_hours:
        wrong, other = "longer", "Increase"
    else:
        return timedelta(hours=hours)
    raise InvalidArgument(
        f"Requested retention period ({hours} hours) for stream {stream} can not be {wrong} than existing "
        f"retention period ({existing_hours} hours). Use {other}RetentionPeriod API."
    )
