"""`headrace send`: send messages to a local queue."""

from pathlib import Path
from typing import Any

import click

from headrace.cli.options import config_option, json_option, unknown_name


@click.command()
@click.argument("queue")
@click.argument("body")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME[:TYPE]=VALUE",
    help="A message attribute. TYPE is String (the default), Number or Binary, whose value is in base64.",
)
@click.option("--group", help="The message group; a FIFO queue needs one.")
@click.option("--deduplication-id", help="Of a FIFO queue: what makes two messages the same.")
@click.option("--delay", type=click.IntRange(0, 900), help="Seconds until it can be received.")
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="Send it so many times.")
@json_option
@config_option
def send(
    queue: str,
    body: str,
    attributes: tuple[str, ...],
    group: str | None,
    deduplication_id: str | None,
    delay: int | None,
    count: int,
    as_json: bool,
    config_path: Path,
) -> None:
    """Send BODY to a QUEUE: text, @FILE, or - for one message a line of standard input.

    Works beside a running simulator, and without one: the message waits in the store.
    """
    from engine.clock import run
    from headrace.cli.data_argument import as_text, read_items
    from headrace.config import load

    configuration = load(config_path, with_code=False)
    name = queue.removeprefix("queues.")
    if name not in configuration.file.queues:
        raise unknown_name("queue", queue, configuration.file.queues, "QUEUE")
    options = {
        "attributes": dict(_attribute(text) for text in attributes),
        "group_id": group,
        "deduplication_id": deduplication_id,
        "delay": delay,
    }
    given = {key: value for key, value in options.items() if value not in (None, {})}
    bodies = [as_text(item, "BODY") for item in read_items(body, "BODY")] * count
    ids = run(_send(configuration, name, [{"body": each, **given} for each in bodies]))
    if as_json:
        import orjson

        click.echo(orjson.dumps({"queue": name, "message_ids": ids}))
    elif len(ids) == 1:
        click.echo(f"sent to {name}: {ids[0]}")
    else:
        click.echo(f"sent {len(ids)} messages to {name}")


async def _send(configuration: Any, queue: str, messages: list[dict[str, Any]]) -> list[str]:
    from headrace.operations import PORTION_BYTES, in_portions, open_operations

    ids: list[str] = []
    async with open_operations(configuration) as operate:
        for portion in in_portions(messages, PORTION_BYTES):
            ids += (await operate("send", {"queue": queue, "messages": portion}))["message_ids"]
    return ids


def _attribute(text: str) -> tuple[str, dict[str, str]]:
    """Return the name and the value, in the form of the SQS API, of NAME[:TYPE]=VALUE."""
    left, equals, value = text.partition("=")
    name, colon, data_type = left.partition(":")
    data_type = data_type if colon else "String"
    kind = data_type.partition(".")[0]
    if not equals or not name or kind not in ("String", "Number", "Binary"):
        raise click.BadParameter(
            f"{text!r} is not NAME=VALUE or NAME:TYPE=VALUE, with TYPE String, Number or Binary",
            param_hint="--attribute",
        )
    if kind != "Binary":
        return name, {"DataType": data_type, "StringValue": value}
    import base64
    import binascii

    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as error:
        text = f"{name}: a binary value is given in base64: {error}"
        raise click.BadParameter(text, param_hint="--attribute") from error
    return name, {"DataType": data_type, "BinaryValue": value}
