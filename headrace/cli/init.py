"""`headrace init`: a first configuration and a first function."""

from pathlib import Path

import click

CONFIGURATION = """\
# Every option, explained: {example}

[functions.hello]
handler = "handler.handler"
code = "functions/hello"

# Drop a file into ./inbox and the function runs with the event S3 would send.
[buckets.inbox]
folder = "inbox"

[[buckets.inbox.notifications]]
function = "hello"

# Or give it what is sent to a queue: headrace send jobs '{{"size": 200}}'
# [queues.jobs]
# [[event_source_mappings]]
# source = "queues.jobs"
# function = "hello"

# Or let it run every five minutes.
# [schedules.tick]
# expression = "rate(5 minutes)"
# function = "hello"
"""

HANDLER = '''\
def handler(event, context):
    """Say what arrived: a line for each record of an event, or for the event."""
    records = event.get("Records", [event])
    for record in records:
        if "s3" in record:
            s3 = record["s3"]
            print(f"{record['eventName']}: s3://{s3['bucket']['name']}/{s3['object']['key']}")
        elif "body" in record:
            print(f"{record['eventSource']}: {record['body']}")
        else:
            print(record)
    return {"records": len(records)}
'''


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(folder: Path) -> None:
    """Write headrace.toml and an example function into FOLDER, overwriting nothing."""
    from headrace.fixture_files import example_configuration

    example = example_configuration()
    files = {
        folder / "headrace.toml": CONFIGURATION.format(example=example),
        folder / "functions" / "hello" / "handler.py": HANDLER,
    }
    for path, text in files.items():
        if path.exists():
            click.echo(f"kept   {path} (it was there already)")
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from error
        click.echo(f"wrote  {path}")
    where = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"\nNext:  {where}headrace run --logs\nThen:  cp any-file {folder / 'inbox'}/")
