"""Arguments that are durations and moments."""

from datetime import UTC, datetime, timedelta

import click

from engine.duration import parse_duration


class DurationArgument(click.ParamType[timedelta]):
    """A duration such as `90s`, `1h30m` or `30d`."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the duration. Raises a usage error."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class MomentArgument(click.ParamType[datetime]):
    """A moment in ISO 8601; without an offset it is UTC."""

    name = "moment"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment, aware UTC. Raises a usage error."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f'a moment such as "2026-03-01T08:00Z" is needed, got {value!r}', param, ctx)


DURATION = DurationArgument()
MOMENT = MomentArgument()
