"""Moments and durations on the command line."""

from datetime import UTC, datetime, timedelta

import click

from engine.clock import EARLIEST, LATEST
from engine.duration import parse_duration


class Moment(click.ParamType[datetime]):
    """A date and time, aware UTC; without an offset it is in UTC."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment. Raises a usage error."""
        try:
            moment = datetime.fromisoformat(str(value))
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"a date and time such as 2026-03-01T08:00Z is needed, got {value!r}", param, ctx)
        if not EARLIEST <= moment <= LATEST:
            self.fail(f"a moment from {EARLIEST.year} to {LATEST.year} is needed, got {value!r}", param, ctx)
        return moment


class Duration(click.ParamType[timedelta]):
    """A duration such as `90s`, `10m`, `2h` or `30d`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration. Raises a usage error."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


MOMENT = Moment()
DURATION = Duration()
