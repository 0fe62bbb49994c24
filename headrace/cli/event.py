"""`headrace event`: print a realistic event of any kind."""

import json
from typing import TYPE_CHECKING, Any

import click

from headrace.event_kinds import KINDS, Kind

if TYPE_CHECKING:
    from datetime import datetime


SET_HELP = (
    "Set any field, such as Records[0].awsRegion=eu-west-1. "
    "A VALUE that is JSON is set as such, anything else as text."
)


class KindCommands(click.Group):
    """One subcommand for each kind, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all kinds, as they are grouped."""
        return [kind.name for kind in KINDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command that prints one kind."""
        from headrace.event_catalog import UnknownKind, find_kind

        try:
            return _command(find_kind(cmd_name))
        except UnknownKind as problem:
            raise click.UsageError(str(problem), ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of kinds."""
        with formatter.section("Kinds"):
            formatter.write_dl([(kind.name, kind.about) for kind in KINDS])


@click.group(cls=KindCommands, invoke_without_command=True, subcommand_metavar="[KIND [OPTIONS]]")
@click.pass_context
def event(context: click.Context) -> None:
    """Print a realistic event of any kind, or list the kinds.

    Every event has fresh ids and the present time. The kinds have options for their most common fields: see
    `headrace event KIND --help`.
    """
    if context.invoked_subcommand is None:
        width = max(len(kind.name) for kind in KINDS)
        for kind in KINDS:
            click.echo(f"{kind.name:<{width}}  {kind.about}")


def _command(kind: Kind) -> click.Command:
    options: list[click.Parameter] = [
        click.Option([f"--{option.name}"], help=option.about, metavar="VALUE") for option in kind.options
    ]
    options.append(click.Option(["--set", "assignments"], multiple=True, metavar="PATH=VALUE", help=SET_HELP))
    if kind.records is not None:
        many = click.IntRange(1, 10_000)
        options.append(click.Option(["--count"], type=many, default=1, help="How many records."))
    options += [
        click.Option(["--frozen"], is_flag=True, help="Keep the ids and the time of the example."),
        click.Option(["--compact"], is_flag=True, help="Print it on one line."),
    ]

    def print_event(
        assignments: tuple[str, ...], frozen: bool, compact: bool, count: int = 1, **values: str | None
    ) -> None:
        _print_event(kind, assignments, frozen, compact, count, values)

    about = kind.about[0].upper() + kind.about[1:] + "."
    return click.Command(kind.name, params=options, callback=print_event, help=about)


def _print_event(
    kind: Kind,
    assignments: tuple[str, ...],
    frozen: bool,
    compact: bool,
    count: int,
    values: dict[str, str | None],
) -> None:
    from headrace.event_catalog import BadField, example_text, make_event
    from headrace.event_path import BadPath

    given = {name.replace("_", "-"): value for name, value in values.items() if value is not None}
    if frozen and not compact and not given and not assignments and count == 1:
        click.echo(example_text(kind), nl=False)
        return
    try:
        made = make_event(
            kind,
            now=None if frozen else _now(),
            options=given,
            fields=[_assignment(text) for text in assignments],
            count=count,
        )
    except (BadField, BadPath) as problem:
        raise click.UsageError(str(problem)) from None
    layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}
    click.echo(json.dumps(made, ensure_ascii=False, **layout))


def _assignment(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise click.UsageError(f"--set {text}: write PATH=VALUE, such as Records[0].awsRegion=eu-west-1")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


def _now() -> "datetime":
    from engine.clock import run, running_clock

    async def read_clock() -> "datetime":
        return running_clock().now()

    return run(read_clock())
