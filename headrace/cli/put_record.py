"""`headrace put-record`: put records into a local Kinesis stream."""

from collections.abc import Sequence
from pathlib import Path

import click

from headrace.cli.options import TEXT, config_option, json_option


@click.command("put-record")
@click.argument("stream")
@click.argument("data")
@click.option(
    "--partition-key", type=TEXT, help="Records of one key keep their order; default: a random one each."
)
@click.option(
    "--explicit-hash-key", type=TEXT, help="Where in the hash space it goes, in decimal, whatever its key."
)
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="Put it so many times.")
@json_option
@config_option
def put_record(
    stream: str,
    data: str,
    partition_key: str | None,
    explicit_hash_key: str | None,
    count: int,
    as_json: bool,
    config_path: Path,
) -> None:
    """Put DATA into a STREAM: text, @FILE, or - for one record a line of standard input.

    Works beside a running simulator, and without one: the record waits in the store. Lines are put as they
    arrive; empty ones are left out. When a record is refused, those before it may have been put: the command
    says how many.
    """
    import base64

    from headrace.cli.channel_name import channel_name
    from headrace.cli.data_argument import read_batches
    from headrace.cli.delivery import Delivery
    from headrace.config import load

    configuration = load(config_path, with_code=False)
    name = channel_name("streams", stream, configuration, "STREAM")
    keys = {"partition_key": partition_key, "explicit_hash_key": explicit_hash_key}
    given = {key: value for key, value in keys.items() if value is not None}
    delivery = Delivery(configuration, "put_records", {"stream": name}, "record")
    try:
        for items in read_batches(data, "DATA"):
            texts = (base64.b64encode(item).decode() for item in items for _ in range(count))
            delivery.deliver({"data": text, **given} for text in texts)
    except BaseException:
        if delivery.taken:
            _report(name, delivery.taken, as_json)
        raise
    _report(name, delivery.taken, as_json)


def _report(stream: str, put: Sequence[dict[str, str]], as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps({"stream": stream, "records": put}))
    elif len(put) == 1:
        click.echo(f"put into {stream}: {put[0]['shard_id']} {put[0]['sequence_number']}")
    else:
        click.echo(f"put {len(put)} records into {stream}")
