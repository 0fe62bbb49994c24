"""`headrace publish`: publish messages to a local topic."""

from collections.abc import Sequence
from pathlib import Path

import click

from headrace.cli.options import TEXT, config_option, json_option

# What SNS says, and what to do about it here.
HINTS = (
    ("MessageGroupId parameter is required", "A FIFO topic needs --group."),
    (
        "ContentBasedDeduplication",
        "Give --deduplication-id, or configure the topic with content_based_deduplication = true.",
    ),
    ("MessageDeduplicationId parameter that is not valid", "--deduplication-id is for FIFO topics."),
)


@click.command()
@click.argument("topic")
@click.argument("message")
@click.option("--subject", type=TEXT, help="Shown beside the message, up to 100 characters.")
@click.option(
    "--attribute",
    "attributes",
    type=TEXT,
    multiple=True,
    metavar="NAME[:TYPE]=VALUE",
    help="A message attribute, which filter policies look at. TYPE is String (the default), String.Array,"
    " Number or Binary, whose value is in base64.",
)
@click.option(
    "--structure",
    type=click.Choice(["json"]),
    help='The message is JSON with a text for each protocol: {"default": "...", "sqs": "..."}.',
)
@click.option("--group", type=TEXT, help="The message group; a FIFO topic needs one.")
@click.option("--deduplication-id", type=TEXT, help="Of a FIFO topic: what makes two messages the same.")
@json_option
@config_option
def publish(
    topic: str,
    message: str,
    subject: str | None,
    attributes: tuple[str, ...],
    structure: str | None,
    group: str | None,
    deduplication_id: str | None,
    as_json: bool,
    config_path: Path,
) -> None:
    """Publish MESSAGE to a TOPIC: text, @FILE, or - for one message a line of standard input.

    Works beside a running simulator, and without one: what is for functions waits for the next start. When
    one of several is refused, those before it may have been published: the command says how many.
    """
    from headrace.cli.data_argument import as_text, read_batches
    from headrace.cli.delivery import Delivery
    from headrace.cli.message_attributes import message_attributes
    from headrace.config import load
    from headrace.operations import PUBLISH, OperationRefused

    name = _name(topic)
    options = {
        "subject": subject,
        "attributes": message_attributes(attributes),
        "structure": structure,
        "group_id": group,
        "deduplication_id": deduplication_id,
    }
    given = {key: value for key, value in options.items() if value not in (None, {})}
    delivery = Delivery(load(config_path, with_code=False), PUBLISH, {"topic": name}, "message")
    try:
        for items in read_batches(message, "MESSAGE"):
            texts = (
                as_text(item, "MESSAGE", number) for number, item in enumerate(items, len(delivery.taken) + 1)
            )
            delivery.deliver({"body": text, **given} for text in texts)
    except BaseException as error:
        if delivery.taken:
            _report(name, delivery.taken, as_json)
        if isinstance(error, OperationRefused) and (hint := _hint(str(error))) is not None:
            raise OperationRefused(f"{error}\n{hint}") from error
        raise
    _report(name, delivery.taken, as_json)


def _name(reference: str) -> str:
    """Return the name of a topic, which may have been made over the API, of its name or its ARN."""
    from headrace.references import resolve

    try:
        return resolve(reference, ("topics",))[1]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="TOPIC") from error


def _report(topic: str, ids: Sequence[str], as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps({"topic": topic, "message_ids": ids}))
    elif len(ids) == 1:
        click.echo(f"published to {topic}: {ids[0]}")
    else:
        click.echo(f"published {len(ids)} messages to {topic}")


def _hint(refusal: str) -> str | None:
    """Return what to do about a refusal in SNS's words, where that is known."""
    return next((hint for words, hint in HINTS if words in refusal), None)
