"""`headrace queue`: look into local queues, empty them, send dead letters back."""

from pathlib import Path
from typing import Any

import click

from headrace.cli.options import config_option, json_option


@click.group()
def queue() -> None:
    """Look into local queues, empty them, send dead letters back."""


@queue.command("ls")
@json_option
@config_option
def list_queues(as_json: bool, config_path: Path) -> None:
    """List the queues and how many messages they hold."""
    import orjson

    counts = _operate(config_path, "count_messages", {})["queues"]
    if as_json:
        click.echo(orjson.dumps(counts))
        return
    if not counts:
        click.echo("there is no queue.", err=True)
    width = max(map(len, counts), default=0)
    for name, count in counts.items():
        hidden = [f"{count[key]} {key.replace('_', ' ')}" for key in ("in_flight", "delayed") if count[key]]
        rest = click.style(f"  ({', '.join(hidden)})", dim=True) if hidden else ""
        click.echo(f"{name:<{width}}  {count['visible']:>8} visible{rest}")


@queue.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many, at most.")
@json_option
@config_option
def peek(name: str, limit: int, as_json: bool, config_path: Path) -> None:
    """Print the messages of a queue that come next, and change nothing."""
    import orjson

    messages = _operate(config_path, "peek", {"queue": _checked(config_path, name), "limit": limit})[
        "messages"
    ]
    for message in messages:
        if as_json:
            click.echo(orjson.dumps(message))
            continue
        facts = [f"sent {_time(message['sent'])}"]
        if message["receive_count"]:
            facts.append(f"received {message['receive_count']} times")
        if message["group_id"] is not None:
            facts.append(f"group {message['group_id']}")
        if message["hidden_until"] is not None:
            facts.append(f"hidden until {_time(message['hidden_until'])}")
        click.echo(f"{click.style(message['message_id'], bold=True)}  {', '.join(facts)}")
        for key, value in message["attributes"].items():
            click.echo(f"  {key}: {orjson.dumps(value).decode()}")
        click.echo(f"  {message['body']}")
    if not messages and not as_json:
        click.echo(f"{name} is empty.", err=True)


@queue.command()
@click.argument("name")
@config_option
def purge(name: str, config_path: Path) -> None:
    """Delete all messages of a queue, those in flight too."""
    count = _operate(config_path, "purge", {"queue": _checked(config_path, name)})["messages"]
    click.echo(f"deleted {_messages(count)} from {name}")


@queue.command(short_help="Move dead letters back to their queues.")
@click.argument("name")
@click.option("--to", "target", help="Move them to this queue; default: each to the queue it came from.")
@config_option
def redrive(name: str, target: str | None, config_path: Path) -> None:
    """Move the messages of a dead-letter queue back to where they came from."""
    arguments = {"queue": _checked(config_path, name)}
    if target is not None:
        arguments["target"] = _checked(config_path, target)
    count = _operate(config_path, "redrive", arguments)["messages"]
    where = "where they came from" if target is None else target
    click.echo(f"moved {_messages(count)} from {name} to {where}")


def _checked(config_path: Path, name: str) -> str:
    from headrace.cli.channel_name import channel_name
    from headrace.config import load

    return channel_name("queues", name, load(config_path, with_code=False), "NAME")


def _operate(config_path: Path, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from engine.clock import run
    from headrace.config import load
    from headrace.operations import open_operations

    async def ask() -> dict[str, Any]:
        async with open_operations(load(config_path, with_code=False)) as operate:
            return await operate(operation, arguments)

    return run(ask())


def _messages(count: int) -> str:
    return f"{count} message{'s'[: count != 1]}"


def _time(moment: str) -> str:
    from datetime import datetime

    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
