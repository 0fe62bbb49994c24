"""Schedule expressions of EventBridge rules and of EventBridge Scheduler, and when they come due.

A rule knows `cron` with six fields and `rate`, in UTC. The scheduler also knows `at(2026-01-31T09:30:00)`,
takes a cron expression without its year, and has time zones and bounds.
Source: EventBridge user guide, "Cron and rate expressions"; EventBridge Scheduler user guide, "Schedule
types".
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from engine.errors import HeadraceError
from engine.value import dataclass
from triggers.schedule.cron import FIRST_YEAR, LAST_YEAR, Cron, parse_cron
from triggers.schedule.problem import ExpressionProblem
from triggers.schedule.rate import Rate, parse_rate

Kind = Literal["rule", "scheduler"]

_BEFORE_EVERY_RUN = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class At:
    """A one-time schedule: `local` is the wall-clock time of its run, without zone."""

    local: datetime


Expression = Cron | Rate | At


class InvalidExpression(HeadraceError):
    """An expression AWS would refuse: `message` in AWS's words, `hint` in ours; the text is both."""

    def __init__(self, expression: str, kind: Kind, hint: str) -> None:
        self.expression, self.kind, self.hint = expression, kind, hint
        if kind == "rule":
            self.message = "Parameter ScheduleExpression is not valid."
        else:
            self.message = f"Invalid Schedule Expression {expression}."
        super().__init__(f"{self.message} {hint}")


UNIX_FIELDS = 5
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def parse(text: str, kind: Kind) -> Expression:
    """Read an expression as a rule or the scheduler does. Raises InvalidExpression."""
    try:
        match = re.fullmatch(r"(cron|rate|at)\((.*)\)", text)
        if match is None:
            raise ExpressionProblem(_shape(text, kind))
        function, inner = match[1], match[2]
        if function == "cron":
            return parse_cron(inner, year_optional=kind == "scheduler")
        if function == "rate":
            return parse_rate(inner, strict_plural=kind == "rule")
        if kind == "rule":
            raise ExpressionProblem('at(...) belongs to EventBridge Scheduler: set kind = "scheduler"')
        return _parse_at(inner)
    except ExpressionProblem as problem:
        raise InvalidExpression(text, kind, str(problem)) from None


def _shape(text: str, kind: Kind) -> str:
    forms = "cron(...) or rate(...)" if kind == "rule" else "cron(...), rate(...) or at(...)"
    if text != text.strip():
        return f"write {forms} without blanks around it"
    if (match := re.fullmatch(r"(cron|rate|at)(\(.*\))", text, re.IGNORECASE)) is not None:
        return f"write {match[1].lower()}{match[2]}, in lower case"
    if re.fullmatch(r"(\S+\s+){4,5}\S+", text):
        return f"write {_as_cron(text.split())}"
    return f"write {forms}, in lower case"


def _as_cron(fields: list[str]) -> str:
    """Return what the fields of a crontab, or six of AWS's, mean here.

    A crontab has no year, counts Sunday as 0 or 7, and lets both kinds of days be `*`.
    """
    if len(fields) == UNIX_FIELDS:
        fields = [*fields, "*"]
        if re.fullmatch(r"[0-7]([-,][0-7])*", fields[4]):
            fields[4] = re.sub(r"[0-7]", lambda day: WEEKDAYS[int(day[0]) % 7], fields[4])
    if "?" not in (fields[2], fields[4]) and "*" in (fields[2], fields[4]):
        fields[4 if fields[4] == "*" else 2] = "?"
    return f"cron({' '.join(fields)})"


def _parse_at(inner: str) -> At:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", inner):
        raise ExpressionProblem(
            "at(...) needs a date and a time without zone, such as at(2026-01-31T09:30:00), "
            f"got {inner or 'nothing'}"
        )
    try:
        local = datetime.fromisoformat(inner)
    except ValueError as error:
        raise ExpressionProblem(f"at({inner}) is not in the calendar: {error}") from None
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise ExpressionProblem(f"year: {FIRST_YEAR}-{LAST_YEAR}, got {local.year}")
    return At(local)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule runs.

    `first` is the first run of a rate, and means nothing to the others. `start` and `end` bound the runs of a
    cron or rate expression, both inclusive; `at` has no bounds. Moments are aware; runs are in UTC.
    """

    expression: Expression
    first: datetime
    zone: tzinfo = UTC
    start: datetime | None = None
    end: datetime | None = None

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first run after `moment`, or None when there is none any more.

        A local time that the clocks skip in spring has no cron run; one that they repeat in autumn has one,
        the first time. `at` in a skipped hour runs as much later as the clocks were put forward.
        """
        moment = max(moment, _BEFORE_EVERY_RUN)
        match self.expression:
            case At(local):
                run = local.replace(tzinfo=self.zone).astimezone(UTC)
                return run if run > moment else None
            case Rate() as rate:
                found = rate.next_after(self._not_before_start(moment), self.first)
            case Cron() as cron:
                found = self._next_cron(cron, self._not_before_start(moment))
        return None if found is None or (self.end is not None and found > self.end) else found

    def latest_between(self, after: datetime, until: datetime) -> datetime | None:
        """Return the last run later than `after` and not later than `until`, or None.

        Searches by halving: a year of minutes costs no more than a day of them.
        """
        found = None
        while (run := self.next_after(after)) is not None and run <= until:
            found = run
            # Halve what is left: either a run follows the middle, or all the rest lies before it.
            low, high = run, until
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                later = self.next_after(middle)
                if later is not None and later <= until:
                    low = found = later
                else:
                    high = middle
            after = found
        return found

    def _not_before_start(self, moment: datetime) -> datetime:
        if self.start is None:
            return moment
        return max(moment, self.start - timedelta(microseconds=1))

    def _next_cron(self, cron: Cron, moment: datetime) -> datetime | None:
        local: datetime | None = moment.astimezone(self.zone).replace(tzinfo=None, fold=0)
        while local is not None and (local := cron.next_after(local)) is not None:
            run = local.replace(tzinfo=self.zone).astimezone(UTC)
            skipped = run.astimezone(self.zone).replace(tzinfo=None) != local
            if run > moment and not skipped:
                return run
        return None
