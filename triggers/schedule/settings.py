"""The options of `[schedules.NAME]`, with AWS's names, ranges and defaults.

Source: EventBridge API, PutRule and PutTargets; EventBridge Scheduler API, CreateSchedule.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator

from engine.settings import Settings
from triggers.schedule.expression import InvalidExpression, Kind, parse

SCHEDULER_INPUT_LIMIT = 256 * 1024  # bytes
RULE_INPUT_LIMIT = 8192  # characters
_SCHEDULER_ONLY = ("timezone", "flexible_time_window_in_minutes", "start_date", "end_date", "group")

ScheduleName = Annotated[str, Field(pattern=r"^[0-9a-zA-Z\-_.]{1,64}$")]
MissedRuns = Literal["skip", "last", "all"]


class ScheduleSettings(Settings):
    """A schedule that calls one function: an EventBridge rule, or a schedule of EventBridge Scheduler."""

    # What a validator looks at stands before it: pydantic reads the fields in this order.
    function: str
    kind: Kind | None = None
    state: Literal["ENABLED", "DISABLED"] = "ENABLED"
    missed_runs: MissedRuns = "skip"
    timezone: str | None = None
    flexible_time_window_in_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    group: ScheduleName | None = None
    expression: str
    input: str | None = None  # JSON; a table of the configuration is turned into it

    @property
    def resolved_kind(self) -> Kind:
        """The kind as given; else the scheduler as soon as one of its options or `at(...)` is used."""
        return self.kind or _infer_kind(self.expression, self.model_dump())

    @field_validator(*_SCHEDULER_ONLY)
    @classmethod
    def _not_for_a_rule(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("kind") == "rule":
            raise ValueError(
                "an EventBridge rule has no such option: "
                'remove it, or set kind = "scheduler" instead of "rule"'
            )
        return value

    @field_validator("timezone")
    @classmethod
    def _a_known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (LookupError, ValueError, OSError):
                raise ValueError(
                    f"a name of the IANA time zone database, such as Europe/Berlin, got {name}"
                ) from None
        return name

    @field_validator("start_date", "end_date")
    @classmethod
    def _utc(cls, moment: datetime | None) -> datetime | None:
        if moment is None:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    @field_validator("end_date")
    @classmethod
    def _ends_after_it_starts(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("start_date")
        if start is not None and end is not None and end <= start:
            raise ValueError(f"later than start_date ({start.isoformat()}), got {end.isoformat()}")
        return end

    @field_validator("expression")
    @classmethod
    def _as_aws_reads_it(cls, expression: str, info: ValidationInfo) -> str:
        try:
            parse(expression, info.data.get("kind") or _infer_kind(expression, info.data))
        except InvalidExpression as error:
            raise ValueError(str(error)) from None
        return expression

    @field_validator("input", mode="before")
    @classmethod
    def _is_json(cls, value: object) -> str | None:
        if value is None:
            return None
        try:
            if isinstance(value, dict):
                return json.dumps(value, separators=(",", ":"), allow_nan=False)
            if not isinstance(value, str):
                raise TypeError(f"got {value!r}")
            json.loads(value, parse_constant=_no_constant)
        except (TypeError, ValueError) as error:
            raise ValueError(f"text that is JSON, or a table of JSON values: {error}") from None
        return value

    @model_validator(mode="after")
    def _input_within_the_limit(self) -> Self:
        text = self.input or ""
        if self.resolved_kind == "rule" and len(text) > RULE_INPUT_LIMIT:
            raise ValueError(f"input: {RULE_INPUT_LIMIT} characters are the most for a rule, got {len(text)}")
        if (size := len(text.encode())) > SCHEDULER_INPUT_LIMIT:
            raise ValueError(f"input: {SCHEDULER_INPUT_LIMIT} bytes are the most, got {size}")
        return self


def _infer_kind(expression: str, data: dict[str, Any]) -> Kind:
    """Say which service a schedule belongs to. An option that is missing in `data` was given, and wrong."""
    uses_the_scheduler = any(data.get(name, "wrong") is not None for name in _SCHEDULER_ONLY)
    return "scheduler" if uses_the_scheduler or expression.startswith("at(") else "rule"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
