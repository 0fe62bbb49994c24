"""Which days of a month a cron expression's day fields select.

Each rule answers `days(year, month)`: the selected days, ascending, empty when that month has none.
Weekdays are AWS's: 1 is Sunday, 7 is Saturday.
Source: EventBridge user guide, "Cron expressions reference"; spec of L, W and # as in Quartz, from which
the grammar comes.
"""

from calendar import monthrange
from collections.abc import Sequence
from typing import Protocol

from engine.value import dataclass

_SATURDAY, _SUNDAY = 5, 6  # as Python counts weekdays, Monday being 0


class DayRule(Protocol):
    """Selects days of a month."""

    def days(self, year: int, month: int) -> Sequence[int]:
        """Return the selected days of that month, ascending."""


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """`1,15` or `10-20`: these days, where the month has them. `numbers` is ascending."""

    numbers: tuple[int, ...]

    def days(self, year: int, month: int) -> Sequence[int]:
        if self.numbers[-1] <= 28:
            return self.numbers
        length = monthrange(year, month)[1]
        return [number for number in self.numbers if number <= length]


@dataclass(frozen=True, slots=True)
class LastDay:
    """`L`, or `L-3`: so many days before the last one."""

    before: int = 0

    def days(self, year: int, month: int) -> Sequence[int]:
        day = monthrange(year, month)[1] - self.before
        return (day,) if day >= 1 else ()


@dataclass(frozen=True, slots=True)
class NearestWeekday:
    """`15W`: the weekday (Monday to Friday) nearest to a day, within the month.

    A month without that day has none.
    """

    day: int

    def days(self, year: int, month: int) -> Sequence[int]:
        first, length = monthrange(year, month)
        return (_nearest_weekday(self.day, first, length),) if self.day <= length else ()


@dataclass(frozen=True, slots=True)
class LastWeekday:
    """`LW`: the last Monday-to-Friday of the month."""

    def days(self, year: int, month: int) -> Sequence[int]:
        first, length = monthrange(year, month)
        return (_nearest_weekday(length, first, length),)


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """`MON-FRI` or `1,7`: every one of these weekdays. Bare `L` is 7."""

    weekdays: frozenset[int]

    def days(self, year: int, month: int) -> Sequence[int]:
        first, length = monthrange(year, month)
        return [day for day in range(1, length + 1) if (first + day) % 7 + 1 in self.weekdays]


@dataclass(frozen=True, slots=True)
class LastDayOfWeek:
    """`6L`: the last one of a weekday in the month."""

    weekday: int

    def days(self, year: int, month: int) -> Sequence[int]:
        first, length = monthrange(year, month)
        return (length - ((first + length) % 7 + 1 - self.weekday) % 7,)


@dataclass(frozen=True, slots=True)
class NthDayOfWeek:
    """`3#2`: the second Tuesday of the month; none when the month has no such fifth one."""

    weekday: int
    nth: int

    def days(self, year: int, month: int) -> Sequence[int]:
        first, length = monthrange(year, month)
        day = 1 + (self.weekday - (first + 1) % 7 - 1) % 7 + 7 * (self.nth - 1)
        return (day,) if day <= length else ()


def _nearest_weekday(day: int, first: int, length: int) -> int:
    """Move `day` off a weekend; `first` is Python's weekday of the month's first day, `length` its days."""
    weekday = (first + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < length else day - 2
    return day
