"""`headrace history`: past invocations."""

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from headrace.cli.options import config_option, json_option, unknown_name


@click.command()
@click.argument("function", required=False)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, at most.")
@click.option("--failed", is_flag=True, help="Only those that failed.")
@json_option
@config_option
def history(function: str | None, limit: int, failed: bool, as_json: bool, config_path: Path) -> None:
    """List past invocations, newest last; of one FUNCTION, or of all."""
    from engine.store.history import past_invocations
    from headrace.config import load
    from headrace.known_functions import known_functions
    from headrace.store_reader import read_only

    functions = known_functions(load(config_path, with_code=False))
    if function is not None and function not in functions:
        raise unknown_name("function", function, functions, "FUNCTION")
    with closing(read_only(config_path)) as connection:
        try:
            rows = past_invocations(connection, limit=limit, function=function, failed=failed)
        except sqlite3.DatabaseError as error:
            raise click.ClickException(f"the history cannot be read: {error}") from error
    if as_json:
        from dataclasses import asdict

        import orjson

        for row in rows:
            click.echo(orjson.dumps(asdict(row)))
        return
    if not rows:
        click.echo("Nothing has failed." if failed else "Nothing has been invoked yet.", err=True)
    for row in rows:
        moment = row.finished_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        word = click.style("failed", fg="red") if row.error_type else click.style("ok    ", fg="green")
        problem = click.style(f"  {row.error_type}: {row.error_message}", fg="red") if row.error_type else ""
        attempt = f"  attempt {row.attempt}" if row.attempt > 1 else ""
        cold = f"  cold start {row.init_ms:.0f} ms" if row.init_ms is not None else ""
        figures = f"{row.duration_ms:>9.1f} ms {row.memory_used_mb:>5} MB"
        click.echo(
            f"{moment}  {row.function:<14} {word} {figures}  {row.source:<18} {row.request_id}"
            f"{attempt}{cold}{problem}"
        )
