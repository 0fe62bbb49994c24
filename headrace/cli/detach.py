"""`headrace detach`: take everything back that was put into a user's database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from headrace.cli.options import config_option, unknown_name

BUSY_SECONDS = 10.0  # for a writer that holds the database


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@config_option
def detach(tables: tuple[str, ...], config_path: Path) -> None:
    """Remove what captures a TABLE's changes from its database: triggers and change log.

    Without a name, of all tables of the configuration. Changes that were not processed yet are gone then. A
    simulator that has the table in its configuration puts them back when it starts: take it out first.
    """
    from headrace.config import load
    from headrace.control import find_running
    from headrace.sources import database_path

    configuration = load(config_path, with_code=False)
    known = configuration.file.tables
    names = [table.removeprefix("tables.") for table in tables] or list(known)
    for name in names:
        if name not in known:
            raise unknown_name("table", name, known, "TABLE")
    if find_running(configuration.state) is not None:
        raise click.ClickException("a simulator is running and would put them back: stop it first")
    for name in names:
        click.echo(_detach(name, database_path(configuration, name)))


def _detach(name: str, path: Path) -> str:
    """Remove the traces of one table; return what to tell. Raises a ClickException when that fails."""
    from triggers.dynamodb import capture

    if not path.exists():
        return f"{name}: there is no {path}"
    try:
        with closing(
            sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
            )
        ) as connection:
            found = capture.detach(connection, name)
    except sqlite3.Error as error:
        raise click.ClickException(f"{name}: {path}: {error}") from error
    return f"{name}: removed from {path}" if found else f"{name}: nothing is left in {path}"
