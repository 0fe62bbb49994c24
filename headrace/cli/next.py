"""`headrace next`: the next times at which a schedule expression comes due."""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import click

from triggers.schedule.expression import InvalidExpression, Kind, Timing, parse
from triggers.schedule.rate import Rate


@click.command("next")
@click.argument("expression")
@click.option("--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many times.")
@click.option("--timezone", metavar="ZONE", help="An IANA time zone, such as Europe/Berlin.")
@click.option("--from", "after", metavar="ISO", help="Begin after this moment (default: now).")
@click.option(
    "--kind",
    type=click.Choice(["rule", "scheduler"]),
    help="An EventBridge rule, or EventBridge Scheduler (default with --timezone and for at()).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")
def next_times(
    expression: str,
    count: int,
    timezone: str | None,
    after: str | None,
    kind: Literal["rule", "scheduler"] | None,
    as_json: bool,
) -> None:
    """Print when EXPRESSION comes due: cron(...), rate(...) or at(...).

    A rate is counted from the given moment, as if the schedule was created then.
    """
    if kind == "rule" and timezone is not None:
        raise click.BadParameter("a rule runs in UTC: leave --timezone out", param_hint="--kind")
    kind = kind or ("scheduler" if timezone is not None or expression.startswith("at(") else "rule")
    zone = _zone(timezone)
    begin = _now() if after is None else _moment(after, zone)
    try:
        runs = _runs(expression, kind, zone, begin, count)
    except InvalidExpression as error:
        click.echo(error.message, err=True)
        click.echo(error.hint, err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(_document(expression, kind, zone, begin, runs), indent=2))
    elif runs:
        _print_times(runs, begin, zone, local=timezone is not None)
    else:
        click.echo(f"{expression} does not come due after {_utc(begin)}.")


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (LookupError, ValueError, OSError):
        raise click.BadParameter(
            f"{name} is not in the IANA time zone database; a name such as Europe/Berlin is",
            param_hint="--timezone",
        ) from None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"a date and time such as 2026-01-31T09:30, with or without an offset, got {text}",
            param_hint="--from",
        ) from None


def _now() -> datetime:
    from engine.clock import run, running_clock

    async def read() -> datetime:
        return running_clock().now()

    return run(read())


def _runs(expression: str, kind: Kind, zone: ZoneInfo, begin: datetime, count: int) -> list[datetime]:
    read = parse(expression, kind)
    timing = Timing(read, begin, zone)
    moment: datetime | None = begin
    if isinstance(read, Rate):
        if kind == "rule":
            timing = Timing(read, begin + read.interval)
        else:
            moment = begin - timedelta(microseconds=1)  # the scheduler runs a rate at once
    runs: list[datetime] = []
    while moment is not None and len(runs) < count:
        moment = timing.next_after(moment)
        if moment is not None:
            runs.append(moment)
    return runs


def _print_times(runs: list[datetime], begin: datetime, zone: ZoneInfo, *, local: bool) -> None:
    lines = [f"{run:%a} {_utc(run)}" for run in runs]
    if local:
        walls = [f"{run.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}" for run in runs]
        column = max(map(len, walls))
        lines = [f"{wall:<{column}}   {_utc(run)}" for wall, run in zip(walls, runs, strict=True)]
    width = max(map(len, lines))
    for number, line in enumerate(lines):
        click.echo(f"{line:<{width}}   {_distance(runs[0] - begin)}" if number == 0 else line)


def _distance(span: timedelta) -> str:
    """Say how far away a moment is, in its two largest units."""
    seconds = round(span.total_seconds())
    if seconds == 0:
        return "at once"
    amounts = [
        (seconds // 86_400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    largest = next(index for index, (amount, _) in enumerate(amounts) if amount)
    return "in " + " ".join(f"{amount} {unit}" for amount, unit in amounts[largest : largest + 2] if amount)


def _document(
    expression: str, kind: Kind, zone: ZoneInfo, begin: datetime, runs: list[datetime]
) -> dict[str, object]:
    return {
        "expression": expression,
        "kind": kind,
        "timezone": zone.key,
        "from": _utc(begin),
        "runs": [
            {"utc": _utc(run), "local": run.astimezone(zone).isoformat(timespec="seconds")} for run in runs
        ],
    }


def _utc(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
