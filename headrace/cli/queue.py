"""`headrace queue`: look into local queues."""

from contextlib import closing
from pathlib import Path

import click

from headrace.cli.options import config_option, json_option, unknown_name


@click.group()
def queue() -> None:
    """Look into local queues, such as dead-letter queues and destinations."""


@queue.command("ls")
@json_option
@config_option
def list_queues(as_json: bool, config_path: Path) -> None:
    """List the configured queues and how many messages they hold."""
    import orjson

    from headrace.config import load
    from headrace.store_reader import read_only
    from triggers.sqs.message_table import counts

    names = load(config_path, with_code=False).file.queues
    with closing(read_only(config_path)) as connection:
        counts = {name: count_messages(connection, name) for name in names}
    if as_json:
        click.echo(orjson.dumps(counts))
        return
    for name, count in counts.items():
        click.echo(f"{name:<24} {count:>8} messages")


@queue.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many, at most.")
@json_option
@config_option
def peek(name: str, limit: int, as_json: bool, config_path: Path) -> None:
    """Print the oldest messages of a queue, and change nothing."""
    import orjson

    from headrace.config import load
    from headrace.store_reader import read_only
    from triggers.sqs.message import attributes_to_json
    from triggers.sqs.message_table import oldest_messages

    names = load(config_path, with_code=False).file.queues
    if name not in names:
        raise unknown_name("queue", name, names, "NAME")
    with closing(read_only(config_path)) as connection:
        messages = oldest_messages(connection, name, limit)
    for message in messages:
        attributes = attributes_to_json(message.attributes)
        if as_json:
            line = {
                "message_id": message.message_id,
                "sent": message.sent_at,
                "body": message.body,
                "attributes": attributes,
            }
            click.echo(orjson.dumps(line))
            continue
        moment = message.sent_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        click.echo(f"{click.style(message.message_id, bold=True)}  sent {moment}")
        for key, value in attributes.items():
            click.echo(f"  {key}: {orjson.dumps(value).decode()}")
        click.echo(f"  {message.body}")
    if not messages and not as_json:
        click.echo(f"{name} is empty.", err=True)
