"""One schedule, as its runner needs it: of headrace.toml, or made over the API."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self
from zoneinfo import ZoneInfo

from engine.arn import Account
from engine.clock import iso_seconds
from engine.value import dataclass
from triggers.delivery.target import ATTEMPT_NUMBER, Parcel
from triggers.schedule.event import fill_input, rule_event, scheduler_event
from triggers.schedule.expression import Expression, Kind, Timing, parse
from triggers.schedule.rate import Rate
from triggers.schedule.settings import MissedRuns, ScheduleSettings


class Calls(Protocol):
    """What the runs of a schedule that was made over the API call."""

    def parcels(self, event_id: str, due: datetime) -> Sequence[Parcel]:
        """Return what the run that was due at `due` sends."""

    def complete_in(self, connection: sqlite3.Connection) -> bool:
        """Delete the schedule after its last run, in that run's transaction; say whether it is deleted."""

    def completed(self) -> None:
        """Say that the transaction is committed that deleted it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that calls `function`. `input` is JSON text, or None for the default event.

    One that was made over the API has `calls` instead.
    """

    name: str
    function: str
    kind: Kind
    text: str
    expression: Expression
    account: Account
    group: str
    zone: str
    start: datetime | None
    end: datetime | None
    window: timedelta
    enabled: bool
    missed_runs: MissedRuns
    input: str | None
    calls: Calls | None = None

    @classmethod
    def configured(cls, name: str, settings: ScheduleSettings, account: Account) -> Self:
        """Make the schedule that `[schedules.NAME]` describes."""
        kind = settings.resolved_kind
        return cls(
            name=name,
            function=settings.function,
            kind=kind,
            text=settings.expression,
            expression=parse(settings.expression, kind),
            account=account,
            group=settings.group or "default",
            zone=settings.timezone or "UTC",
            start=settings.start_date,
            end=settings.end_date,
            window=timedelta(minutes=settings.flexible_time_window_in_minutes or 0),
            enabled=settings.state == "ENABLED",
            missed_runs=settings.missed_runs,
            input=settings.input,
        )

    @classmethod
    def of_rule(cls, name: str, expression: str, account: Account, *, enabled: bool, calls: Calls) -> Self:
        """Make the schedule of a rule that PutRule was given. Raises InvalidExpression."""
        return cls(
            name=name,
            function="",
            kind="rule",
            text=expression,
            expression=parse(expression, "rule"),
            account=account,
            group="default",
            zone="UTC",
            start=None,
            end=None,
            window=timedelta(0),
            enabled=enabled,
            missed_runs="skip",
            input=None,
            calls=calls,
        )

    def calling(self, calls: Calls) -> Self:
        """Return the schedule with other calls."""
        return replace(self, calls=calls)

    @property
    def key(self) -> str:
        """What tells it from all others, in the store too; names of headrace.toml have no slash."""
        return self.name if self.calls is None else f"{self.kind}/{self.group}/{self.name}"

    @property
    def source(self) -> str:
        """What the schedule's events name as their source."""
        return f"rules.{self.name}" if self.calls and self.kind == "rule" else f"schedules.{self.name}"

    @property
    def arn(self) -> str:
        """The ARN of the rule, or of the schedule in its group."""
        if self.kind == "rule":
            return self.account.rule(self.name)
        return self.account.schedule(self.name, self.group)

    @property
    def definition(self) -> str:
        """What makes it the same schedule after a restart; when it changes, the schedule begins anew."""
        start = "" if self.start is None else iso_seconds(self.start)
        return f"{self.kind} {self.text} {self.zone} {start}".rstrip()

    @property
    def runs_at_once(self) -> bool:
        """Whether its first run is the moment of its creation: a scheduler's rate without a start date."""
        return self.kind == "scheduler" and isinstance(self.expression, Rate) and self.start is None

    def timing(self, created: datetime) -> Timing:
        """Say when it runs, given when it was created."""
        first = self.start or created
        if self.kind == "rule" and isinstance(self.expression, Rate):
            first = created + self.expression.interval
        return Timing(
            self.expression, first, UTC if self.zone == "UTC" else ZoneInfo(self.zone), self.start, self.end
        )

    def payload(self, event_id: str, time: datetime) -> bytes:
        """Return what the function gets for the run that was due at `time`: at its first attempt."""
        return self.unnumbered_payload(event_id, time).replace(ATTEMPT_NUMBER, b"1")

    def unnumbered_payload(self, event_id: str, time: datetime) -> bytes:
        """As `payload`, with the number of the attempt still to be filled in."""
        if self.kind == "rule":
            if self.input is not None:
                return self.input.encode()
            return rule_event(self.arn, self.account, event_id, time)
        if self.input is not None:
            return fill_input(self.input, self.arn, event_id, time)
        return scheduler_event(self.arn, self.account, event_id, time)
