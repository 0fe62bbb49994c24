"""Rate expressions: `rate(value unit)`, a fixed interval of real time.

A day is 24 hours, also where the clocks are put forward. Source: EventBridge user guide, "Rate expressions
reference", which asks for `1 minute` and `5 minutes`; EventBridge Scheduler takes either form for any value.
"""

import re
from datetime import datetime, timedelta

from engine.value import dataclass
from triggers.schedule.problem import ExpressionProblem

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate expression, read."""

    interval: timedelta

    def next_after(self, moment: datetime, first: datetime) -> datetime | None:
        """Return the first run after `moment` of those that begin at `first`; None past the end of time."""
        if moment < first:
            return first
        try:
            return first + ((moment - first) // self.interval + 1) * self.interval
        except OverflowError:
            return None


def parse_rate(text: str, *, strict_plural: bool) -> Rate:
    """Read what stands between the parentheses of `rate(...)`. Raises ExpressionProblem."""
    match = re.fullmatch(r"([0-9]{1,18}) ([a-z]+)", text)
    if match is None:
        raise ExpressionProblem(
            "rate(...) needs a whole number, one blank and a unit in lower case, such as rate(5 minutes)"
            f", got rate({text})"
        )
    value, unit = int(match[1]), match[2]
    interval = _UNITS.get(unit.removesuffix("s"))
    if interval is None or unit.endswith("ss"):
        raise ExpressionProblem(f"unit: minute(s), hour(s) or day(s), got {unit}")
    if value < 1:
        raise ExpressionProblem(f"value: at least 1, got {value}")
    if strict_plural and (value == 1) == unit.endswith("s"):
        right = unit.removesuffix("s") if value == 1 else f"{unit}s"
        raise ExpressionProblem(f"unit: {value} goes with {right}, got {unit}")
    try:
        return Rate(value * interval)
    except OverflowError:
        raise ExpressionProblem(f"value: longer than any calendar, got {value}") from None
