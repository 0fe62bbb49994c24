"""AWS's cron expressions: `cron(minutes hours day-of-month month day-of-week year)`.

Source: EventBridge user guide, "Cron expressions reference"; EventBridge Scheduler user guide, "Schedule
types" (where the year may be left out). Where the documentation is silent, the forms that are in use with
EventBridge count: leading zeros, names in lower case, several blanks between fields, steps beyond the end of
a field (`0/60`), and ranges that run over the end (`FRI-MON`, `22-2`).
"""

import re
from bisect import bisect_left
from dataclasses import field
from datetime import datetime, timedelta

from engine.value import dataclass
from triggers.schedule.days import (
    DayRule,
    DaysOfMonth,
    DaysOfWeek,
    LastDay,
    LastDayOfWeek,
    LastWeekday,
    NearestWeekday,
    NthDayOfWeek,
)
from triggers.schedule.problem import ExpressionProblem

FIRST_YEAR, LAST_YEAR = 1970, 2199


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression, read: every tuple holds the allowed values of its field, ascending."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DayRule
    months: tuple[int, ...]
    years: tuple[int, ...]

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first matching minute after `moment`, both wall-clock times without zone.

        None when no such minute is left. Jumps from field to field, so that a far year costs microseconds.
        """
        if moment.year > LAST_YEAR:
            return None
        floor = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for year in self.years[bisect_left(self.years, floor.year) :]:
            for month in self.months:
                if (year, month) < (floor.year, floor.month):
                    continue
                for day in self.days.days(year, month):
                    midnight = datetime(year, month, day)  # noqa: DTZ001 - a wall clock has no zone
                    if found := self._on_day(midnight, floor):
                        return found
        return None

    def _on_day(self, midnight: datetime, floor: datetime) -> datetime | None:
        """Return the first match of that day which is not before `floor`."""
        if midnight >= floor:
            return midnight.replace(hour=self.hours[0], minute=self.minutes[0])
        if midnight.date() < floor.date():
            return None
        for hour in self.hours[bisect_left(self.hours, floor.hour) :]:
            minute = 0 if hour > floor.hour else bisect_left(self.minutes, floor.minute)
            if minute < len(self.minutes):
                return midnight.replace(hour=hour, minute=self.minutes[minute])
        return None


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of the expression: its name in messages, its bounds, and the names of its values."""

    name: str
    low: int
    high: int
    names: dict[str, int] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        names = list(self.names)
        return f"{self.low}-{self.high}" + (f" or {names[0]}-{names[-1]}" if names else "")


def _numbered(*names: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(names, start=1)}


_MINUTES = _Field("minutes", 0, 59)
_HOURS = _Field("hours", 0, 23)
_DAY_OF_MONTH = _Field("day-of-month", 1, 31)
_MONTH = _Field(
    "month",
    1,
    12,
    _numbered("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_DAY_OF_WEEK = _Field("day-of-week", 1, 7, _numbered("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_YEAR = _Field("year", FIRST_YEAR, LAST_YEAR)
_NUMBER = re.compile(r"[0-9]{1,4}")


def parse_cron(text: str, *, year_optional: bool) -> Cron:
    """Read what stands between the parentheses of `cron(...)`. Raises ExpressionProblem."""
    fields = text.split()
    if year_optional and len(fields) == 5:
        fields.append("*")
    if len(fields) != 6:
        raise ExpressionProblem(_field_count(len(fields), year_optional))
    minutes, hours, day_of_month, month, day_of_week, year = fields
    return Cron(
        minutes=_values(minutes, _MINUTES),
        hours=_values(hours, _HOURS),
        days=_day_rule(day_of_month, day_of_week),
        months=_values(month, _MONTH),
        years=_values(year, _YEAR),
    )


def _field_count(found: int, year_optional: bool) -> str:
    wanted = "five fields and, if wanted, a year" if year_optional else "six fields"
    hint = f"cron(...) needs {wanted} (minutes hours day-of-month month day-of-week year), got {found}"
    if found == 5:
        return hint + ": append * for every year"
    return hint


def _day_rule(day_of_month: str, day_of_week: str) -> DayRule:
    if day_of_month == "?" and day_of_week == "?":
        raise ExpressionProblem("day-of-month and day-of-week: only one may be ?, write * in the other")
    if day_of_month != "?" and day_of_week != "?":
        raise ExpressionProblem(
            "day-of-month and day-of-week: one of them must be ? (the one you do not use), "
            f"got {day_of_month} and {day_of_week}"
        )
    if day_of_week == "?":
        return _day_of_month_rule(day_of_month)
    return _day_of_week_rule(day_of_week)


def _day_of_month_rule(text: str) -> DayRule:
    form = text.upper()
    if form == "L":
        return LastDay()
    if form == "LW":
        return LastWeekday()
    if match := re.fullmatch(r"L-([0-9]{1,2})", form):
        before = int(match[1])
        if not 1 <= before <= 30:
            raise ExpressionProblem(f"day-of-month: 1-30 days may stand after L-, got {before}")
        return LastDay(before)
    if match := re.fullmatch(r"([0-9]{1,2})W", form):
        return NearestWeekday(_value(match[1], _DAY_OF_MONTH))
    if re.search(r"[LW#]", form):
        raise ExpressionProblem(
            f"day-of-month: the special forms are L, L-3, LW and 15W, each alone in the field, got {text}"
        )
    return DaysOfMonth(_values(text, _DAY_OF_MONTH))


def _day_of_week_rule(text: str) -> DayRule:
    form = text.upper()
    if form == "L":
        return DaysOfWeek(frozenset({7}))
    if match := re.fullmatch(r"L-([1-7])", form):
        # Not documented, yet accepted: read as in day-of-month, so many days before the last day of the week.
        return DaysOfWeek(frozenset({7 - int(match[1]) or 7}))
    if match := re.fullmatch(r"([A-Z]{3}|[0-9]{1,2})L", form):
        return LastDayOfWeek(_value(match[1], _DAY_OF_WEEK))
    if match := re.fullmatch(r"([A-Z]{3}|[0-9]{1,2})#([0-9]{1,9})", form):
        weekday, nth = _value(match[1], _DAY_OF_WEEK), int(match[2])
        if not 1 <= nth <= 5:
            raise ExpressionProblem(f"day-of-week: 1-5 may stand after #, got {nth}")
        return NthDayOfWeek(weekday, nth)
    if re.search(r"L\b|#", form):
        raise ExpressionProblem(
            f"day-of-week: the special forms are L, 6L and 3#2, each alone in the field, got {text}"
        )
    return DaysOfWeek(frozenset(_values(text, _DAY_OF_WEEK)))


def _values(text: str, of: _Field) -> tuple[int, ...]:
    """Return the values a field allows, ascending. Raises ExpressionProblem."""
    found: set[int] = set()
    for item in text.split(","):
        if not item:
            raise ExpressionProblem(f"{of.name}: an item of the list {text} is empty, remove the extra comma")
        found.update(_item_values(item, of))
    return tuple(sorted(found))


def _item_values(item: str, of: _Field) -> range | list[int]:
    base, slash, step_text = item.partition("/")
    step = _step(step_text, of) if slash else 1
    if base == "*":
        return range(of.low, of.high + 1, step)
    if base == "?":
        raise ExpressionProblem(
            f"{of.name}: ? stands alone, and only in a day field; write * for every value"
        )
    start_text, dash, end_text = base.partition("-")
    start = _value(start_text, of)
    if not dash:
        return range(start, of.high + 1, step) if slash else [start]
    end = _value(end_text, of)
    if end >= start:
        return range(start, end + 1, step)
    size = of.high - of.low + 1  # the range runs over the end of the field and begins again
    return [of.low + (value - of.low) % size for value in range(start, end + size + 1, step)]


def _value(text: str, of: _Field) -> int:
    value = int(text) if _NUMBER.fullmatch(text) else of.names.get(text.upper())
    if value is None or not of.low <= value <= of.high:
        raise ExpressionProblem(f"{of.name}: {of.allowed}, got {text or 'nothing'}")
    return value


def _step(text: str, of: _Field) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise ExpressionProblem(
            f"{of.name}: a whole number from 1 must stand after /, got {text or 'nothing'}"
        )
    return int(text)
