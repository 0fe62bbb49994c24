"""`headrace clock`: show the running simulator's time, and move it where it stands still."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from engine.duration import duration_text
from headrace.cli.moment import DURATION, MOMENT
from headrace.cli.options import config_option, json_option
from headrace.config import load
from headrace.control import ADVANCE_PATH, CLOCK_PATH, asked, the_running

SHOW_EVERY_SECONDS = 0.5


@click.group(invoke_without_command=True)
@json_option
@config_option
@click.pass_context
def clock(context: click.Context, as_json: bool, config_path: Path) -> None:
    """Show the running simulator's time; `advance` moves it."""
    if context.invoked_subcommand is None:
        show_time(as_json, config_path)


@clock.command()
@json_option
@config_option
def show(as_json: bool, config_path: Path) -> None:
    """Show the time, how it passes, and what comes due next."""
    show_time(as_json, config_path)


@clock.command(short_help="Move a clock that stands still.")
@click.argument("duration", type=DURATION, required=False)
@click.option("--to", "until", type=MOMENT, help="Move to this moment: 2026-03-01T08:00Z.")
@json_option
@config_option
def advance(duration: timedelta | None, until: datetime | None, as_json: bool, config_path: Path) -> None:
    """Move time on by DURATION (90s, 10m, 2h, 30d), from timer to timer, and return when all is done.

    Only where it stands still, in a simulator started with `headrace run --clock manual`.
    """
    if (duration is None) == (until is None):
        raise click.UsageError("give either a duration, such as 10m, or --to with a moment")
    running = the_running(load(config_path, with_code=False).state)
    if duration is not None:
        wanted: dict[str, Any] = {"seconds": duration.total_seconds()}
    else:
        assert until is not None
        wanted = {"to": until.isoformat()}
    answer = _advance(running.url, wanted)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    passed = duration_text(timedelta(seconds=answer["seconds"]))
    counts = ", ".join(_counted(answer[name], name) for name in ("events", "invocations", "errors"))
    click.echo(f"{answer['now']}  {passed} later: {counts}")
    if answer["waiting"]:
        click.echo(f"what waits for its time: {', '.join(each['text'] for each in answer['waiting'])}")


def show_time(as_json: bool, config_path: Path) -> None:
    """Print the time of the running simulator."""
    running = the_running(load(config_path, with_code=False).state)
    shown = asked(running.url, "GET", CLOCK_PATH)
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    how = how_it_passes(shown)
    line = shown["now"] if how is None else f"{shown['now']}  {how}"
    click.echo(line if shown["next"] is None else f"{line}  next: {shown['next']['text']}")


def how_it_passes(shown: dict[str, Any]) -> str | None:
    """Say how the time of a simulator passes that is not the wall clock's; None for one that is."""
    if shown["mode"] == "manual":
        return "it stands still"
    return None if shown["speed"] == 1.0 else f"it passes {shown['speed']:g} times as fast"


def _advance(url: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Ask for it, and show meanwhile how far it has come when that takes long."""
    if not sys.stderr.isatty():
        return asked(url, "POST", ADVANCE_PATH, wanted)
    from concurrent.futures import ThreadPoolExecutor, wait

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(asked, url, "POST", ADVANCE_PATH, wanted)
        shown = ""
        while wait([asking], SHOW_EVERY_SECONDS).not_done:
            shown = asked(url, "GET", CLOCK_PATH)["now"]
            click.echo(f"\r{shown}", nl=False, err=True)
        if shown:
            click.echo("\r" + " " * len(shown) + "\r", nl=False, err=True)
        return asking.result()


def _counted(count: int, what: str) -> str:
    return f"{count} {what if count != 1 else what[:-1]}"
