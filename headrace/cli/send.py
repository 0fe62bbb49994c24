"""`headrace send`: send messages to a local queue."""

from collections.abc import Sequence
from pathlib import Path

import click

from headrace.cli.options import TEXT, config_option, json_option

# What SQS says, and what to do about it here.
HINTS = (
    ("parameter MessageGroupId.", "A FIFO queue needs --group."),
    (
        "ContentBasedDeduplication",
        "Give --deduplication-id, or configure the queue with content_based_deduplication = true.",
    ),
    ("parameter DelaySeconds", "A FIFO queue has one `delay` for all its messages, in the configuration."),
    ("parameter MessageDeduplicationId is", "--deduplication-id is for FIFO queues."),
    ("parameter MessageBody", "A message has one character at least."),
)


@click.command()
@click.argument("queue")
@click.argument("body")
@click.option(
    "--attribute",
    "attributes",
    type=TEXT,
    multiple=True,
    metavar="NAME[:TYPE]=VALUE",
    help="A message attribute. TYPE is String (the default), Number or Binary, whose value is in base64.",
)
@click.option("--group", type=TEXT, help="The message group; a FIFO queue needs one.")
@click.option("--deduplication-id", type=TEXT, help="Of a FIFO queue: what makes two messages the same.")
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

    Works beside a running simulator, and without one: the message waits in the store. Lines are sent as they
    arrive; empty ones are left out. When one is refused, those before it may have been sent: the command says
    how many.
    """
    from headrace.cli.channel_name import channel_name
    from headrace.cli.data_argument import as_text, read_batches
    from headrace.cli.delivery import Delivery
    from headrace.cli.message_attributes import message_attributes
    from headrace.config import load
    from headrace.operations import OperationRefused

    configuration = load(config_path, with_code=False)
    name = channel_name("queues", queue, configuration, "QUEUE")
    options = {
        "attributes": message_attributes(attributes),
        "group_id": group,
        "deduplication_id": deduplication_id,
        "delay": delay,
    }
    given = {key: value for key, value in options.items() if value not in (None, {})}
    delivery = Delivery(configuration, "send", {"queue": name}, "message")
    try:
        for items in read_batches(body, "BODY"):
            first = len(delivery.taken) // count + 1
            texts = (as_text(item, "BODY", number) for number, item in enumerate(items, first))
            delivery.deliver({"body": text, **given} for text in texts for _ in range(count))
    except BaseException as error:
        if delivery.taken:
            _report(name, delivery.taken, as_json)
        if isinstance(error, OperationRefused) and (hint := _hint(str(error))) is not None:
            raise OperationRefused(f"{error}\n{hint}") from error
        raise
    _report(name, delivery.taken, as_json)


def _report(queue: str, ids: Sequence[str], as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps({"queue": queue, "message_ids": ids}))
    elif len(ids) == 1:
        click.echo(f"sent to {queue}: {ids[0]}")
    else:
        click.echo(f"sent {len(ids)} messages to {queue}")


def _hint(refusal: str) -> str | None:
    """Return what to do about a refusal in SQS's words, where that is known."""
    return next((hint for words, hint in HINTS if words in refusal), None)
