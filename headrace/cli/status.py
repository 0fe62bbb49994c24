"""`headrace status`: what the running simulator is doing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from headrace.cli.options import config_option, json_option


@click.command()
@json_option
@config_option
def status(as_json: bool, config_path: Path) -> None:
    """Show the running simulator's functions, sources and queues. Exit status 1 when none is running."""
    from headrace.config import load
    from headrace.control import NotRunning, find_running

    state = load(config_path, with_code=False).state
    running = find_running(state)
    if running is None:
        raise NotRunning(state)
    if as_json:
        import orjson

        click.echo(orjson.dumps(running.status(), option=orjson.OPT_INDENT_2))
        return
    from headrace.cli.clock import how_it_passes

    known = running.status()
    click.echo(
        f"headrace {known['version']} at {running.url}, process {known['pid']}, since {known['started']}"
    )
    if (how := how_it_passes(known["clock"])) is not None:
        click.echo(f"  clock     {known['clock']['now']}, {how}")
    _show(known)
    for region, there in known["regions"].items():
        click.echo(f"  in {region}:{'' if any(there.values()) else ' nothing'}")
        _show(there, "    ")


def _show(known: Mapping[str, Any], margin: str = "  ") -> None:
    """Show what there is in a region, a line each."""
    from headrace.references import SOURCE_KINDS, resolve

    for name, figures in known["functions"].items():
        click.echo(
            f"{margin}function  {name:<18} environments: {figures['environments']}, "
            f"{figures['running']} running, {_counted(figures['queued'], 'event')} queued"
        )
    for name, count in known["queues"].items():
        click.echo(f"{margin}queue     {name:<18} {_counted(count, 'message')}")
    for name, count in known["topics"].items():
        click.echo(f"{margin}topic     {name:<18} {_counted(count, 'subscription')}")
    for name, count in known["event_buses"].items():
        click.echo(f"{margin}bus       {name:<18} {_counted(count, 'rule')}")
    for name, shards in known["streams"].items():
        click.echo(f"{margin}stream    {name:<18} {_counted(shards, 'open shard')}")
    for name, arn in known["tables"].items():
        click.echo(f"{margin}table     {name:<18} {arn or 'no stream'}")
    for mapping in known["event_source_mappings"]:
        source = ".".join(resolve(mapping["EventSourceArn"], SOURCE_KINDS))
        function = mapping["FunctionArn"].partition(":function:")[2]
        result = (
            f", last result: {mapping['LastProcessingResult']}" if "LastProcessingResult" in mapping else ""
        )
        click.echo(f"{margin}mapping   {source} → {function}: {mapping['State']}{result}")
    for name, folder in known["buckets"].items():
        click.echo(f"{margin}bucket    {name:<18} {folder}")
    for name, moment in known["schedules"].items():
        click.echo(f"{margin}schedule  {name:<18} next {moment or 'never'}")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"
