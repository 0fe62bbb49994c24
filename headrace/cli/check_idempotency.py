"""`headrace check-idempotency`: does delivering an event again change anything?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headrace.cli.options import checked_name, config_option, json_option

if TYPE_CHECKING:
    from headrace.idempotency.check import Verdict


@click.command("check-idempotency")
@click.argument("function")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@config_option
@json_option
@click.pass_context
def check_idempotency(
    context: click.Context, function: str, paths: tuple[Path, ...], config_path: Path, as_json: bool
) -> None:
    """Deliver events to FUNCTION once, twice, in other batches and after a crash, and compare what is left.

    A PATH is a recording made by `headrace run --record`, a file with one event, or a folder of both. AWS may
    deliver any event more than once: what a function has done by then should not be done again. Buckets,
    tables, queues and streams are compared, on copies, and so are events for other functions. The exit status
    is 1 when a repetition changed something, and when every event fails.
    """
    from headrace.config import load
    from headrace.idempotency.check import WAYS, check_idempotency, events_for
    from triggers.replay.plan import CannotReplay, make_plan

    configuration = load(config_path)
    name = checked_name("functions", function, configuration.functions, "FUNCTION")
    try:
        events = list(events_for(make_plan(paths), name))
    except CannotReplay as problem:
        raise click.BadParameter(str(problem), param_hint="PATH") from problem
    if not events:
        raise click.BadParameter(f"there is no event for {name}", param_hint="PATH")
    with click.progressbar(length=WAYS * len(events), file=sys.stderr, label="Delivering") as bar:
        verdict = check_idempotency(configuration, name, events, lambda: bar.update(1))
    _print_json(verdict) if as_json else _print_text(name, verdict)
    context.exit(0 if verdict.is_idempotent else 1)


def _print_text(function: str, verdict: "Verdict") -> None:
    click.echo(f"{function}: {verdict.events} event{'s'[: verdict.events != 1]}")
    for failure in verdict.failures[:3]:
        click.echo(f"  {failure.event.place} fails already when it is delivered once: {failure.error}")
    if len(verdict.failures) > 3:
        click.echo(f"  and {len(verdict.failures) - 3} more that fail")
    if verdict.all_fail:
        click.echo("  Every event fails, so that nothing is shown: mend that first, or take other events.")
        return
    for finding in verdict.findings:
        if (change := finding.change) is None:
            click.echo(f"  {finding.way}: {click.style('nothing changed', fg='green')}")
            continue
        changed = click.style("changed", fg="red")
        click.echo(f"  {finding.way}: {changed} with event {change.number}, {change.event.place}")
        for line in change.lines:
            click.echo(f"    {line}")


def _print_json(verdict: "Verdict") -> None:
    import orjson

    document = {
        "events": verdict.events,
        "idempotent": verdict.is_idempotent,
        "failures": [
            {"event": failure.number, "place": failure.event.place, "error": failure.error}
            for failure in verdict.failures
        ],
        "findings": [
            {
                "way": finding.way,
                "change": None
                if finding.change is None
                else {
                    "event": finding.change.number,
                    "place": finding.change.event.place,
                    "difference": list(finding.change.lines),
                },
            }
            for finding in verdict.findings
        ],
    }
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
