"""`headrace check`: validate the configuration."""

from pathlib import Path

import click

from headrace.cli.options import config_option


@click.command()
@config_option
def check(config_path: Path) -> None:
    """Validate the configuration and the code it names; start nothing."""
    from headrace.config import load

    file = load(config_path).file
    click.echo(f"{config_path} is valid: {file.summary() or 'nothing is configured yet'}.")
