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
    counts = {
        "function": len(file.functions),
        "bucket": len(file.buckets),
        "queue": len(file.queues),
        "schedule": len(file.schedules),
    }
    parts = [f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in counts.items() if count]
    click.echo(f"{config_path} is valid: {', '.join(parts) or 'nothing is configured yet'}.")
