"""Options that several commands share."""

from collections.abc import Iterable
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
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")


def unknown_name(kind: str, name: str, known: Iterable[str], parameter: str) -> click.BadParameter:
    """Return the error for a name that the configuration does not have, with those it has."""
    there = ", ".join(known) or "none is configured"
    return click.BadParameter(f"there is no {kind} {name!r} (there are: {there})", param_hint=parameter)
