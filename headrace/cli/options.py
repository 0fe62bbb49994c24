"""Options that several commands share."""

from collections.abc import Collection, Iterable
from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("headrace.toml"),
    envvar="HEADRACE_CONFIG",
    show_default=True,
    help="The configuration file.",
)


class Utf8Text(click.ParamType[str]):
    """Text that can be sent: a shell may pass bytes that are none."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text. Raises a usage error."""
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(f"{value!r} is not UTF-8 text", param, ctx)
        return value


TEXT = Utf8Text()
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")


def unknown_name(kind: str, name: str, known: Iterable[str], parameter: str) -> click.BadParameter:
    """Return the error for a name that the configuration does not have, with those it has."""
    there = ", ".join(known) or "none is configured"
    return click.BadParameter(f"there is no {kind} {name!r} (there are: {there})", param_hint=parameter)


def checked_name(kind: str, reference: str, known: Collection[str], parameter: str) -> str:
    """Return the name of a configured resource of a kind, such as `queues`: of its name or its ARN."""
    from headrace.references import resolve

    try:
        name = reference if reference in known else resolve(reference, (kind,))[1]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=parameter) from error
    if name not in known:
        raise unknown_name(kind.removesuffix("s"), name, known, parameter)
    return name
