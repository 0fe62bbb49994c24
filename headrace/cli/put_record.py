"""`headrace put-record`: put records into a local Kinesis stream."""

from pathlib import Path
from typing import Any

import click

from headrace.cli.options import config_option, json_option, unknown_name


@click.command("put-record")
@click.argument("stream")
@click.argument("data")
@click.option("--partition-key", help="Records of one key keep their order; default: a random one each.")
@click.option("--explicit-hash-key", help="Where in the hash space it goes, in decimal, whatever its key.")
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

    Works beside a running simulator, and without one: the record waits in the store.
    """
    import base64

    from engine.clock import run
    from headrace.cli.data_argument import read_items
    from headrace.config import load

    configuration = load(config_path, with_code=False)
    name = stream.removeprefix("streams.")
    if name not in configuration.file.streams:
        raise unknown_name("stream", stream, configuration.file.streams, "STREAM")
    keys = {"partition_key": partition_key, "explicit_hash_key": explicit_hash_key}
    given = {key: value for key, value in keys.items() if value is not None}
    items = read_items(data, "DATA") * count
    records = [{"data": base64.b64encode(item).decode(), **given} for item in items]
    put = run(_put(configuration, name, records))
    if as_json:
        import orjson

        click.echo(orjson.dumps({"stream": name, "records": put}))
    elif len(put) == 1:
        click.echo(f"put into {name}: {put[0]['shard_id']} {put[0]['sequence_number']}")
    else:
        click.echo(f"put {len(put)} records into {name}")


async def _put(configuration: Any, stream: str, records: list[dict[str, Any]]) -> list[dict[str, str]]:
    from headrace.operations import PORTION_BYTES, in_portions, open_operations

    put: list[dict[str, str]] = []
    async with open_operations(configuration) as operate:
        for portion in in_portions(records, PORTION_BYTES):
            put += (await operate("put_records", {"stream": stream, "records": portion}))["records"]
    return put
