"""`headrace detach`: take everything back that was put into a user's database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from headrace.cli.options import config_option

BUSY_SECONDS = 10.0  # for a writer that holds the database


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@config_option
@click.pass_context
def detach(context: click.Context, tables: tuple[str, ...], config_path: Path) -> None:
    """Remove what captures a TABLE's changes from its database: triggers and change log.

    Without a name, of all tables of the configuration. Changes that were not processed yet are gone then. The
    simulator has to be stopped; it puts them back when it starts with the table still in its configuration.
    """
    from headrace.cli.options import checked_name
    from headrace.config import load
    from headrace.control import find_running
    from headrace.sources import database_path

    configuration = load(config_path, with_code=False)
    known = configuration.file.tables
    names = [checked_name("tables", table, known, "TABLE") for table in tables] or list(known)
    if not names:
        click.echo("no table is configured.", err=True)
    if find_running(configuration.state) is not None:
        raise click.ClickException("a simulator is running and would put them back: stop it first")
    failed = False
    for name in dict.fromkeys(names):
        try:
            click.echo(_detach(name, database_path(configuration, name)))
        except (sqlite3.Error, OSError) as error:
            click.echo(f"headrace: {name}: {database_path(configuration, name)}: {error}", err=True)
            failed = True
    context.exit(1 if failed else 0)


def _detach(name: str, path: Path) -> str:
    """Remove the traces of one table; return what to tell. Raises sqlite3.Error."""
    from triggers.dynamodb import capture

    if not path.exists():
        return f"{name}: there is no {path}"
    address = f"{path.resolve().as_uri()}?mode=rw"
    with closing(
        sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    ) as connection:
        found = capture.detach(connection, name)
    return f"{name}: removed from {path}" if found else f"{name}: nothing is left in {path}"
