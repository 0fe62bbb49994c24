"""`headrace invoke`: one invocation, through the running simulator or in an environment of its own."""

import os
import sys
from pathlib import Path

import click

from headrace.cli.options import config_option, unknown_name


@click.command()
@click.argument("function")
@click.option(
    "--payload", "-p", default="{}", show_default=True, help="JSON, @FILE, or - for standard input."
)
@click.option(
    "--invocation-type",
    type=click.Choice(["RequestResponse", "Event", "DryRun"]),
    default="RequestResponse",
    show_default=True,
    help="Event queues the invocation, with retries and destinations.",
)
@click.option("--tail", is_flag=True, help="Print the last 4 KB of the function's log too, on stderr.")
@config_option
def invoke(function: str, payload: str, invocation_type: str, tail: bool, config_path: Path) -> None:
    """Invoke FUNCTION and print its answer.

    Exit status 1 when the function failed, with its error object on stdout.
    """
    from engine.functions.invocation import Throttled
    from headrace.config import load
    from headrace.invoker import invoke_event, invoke_once
    from headrace.known_functions import known_functions
    from headrace.printable import printable

    configuration = load(config_path)
    if function not in (known := known_functions(configuration)):
        raise unknown_name("function", function, known, "FUNCTION")
    body = read_payload(payload)
    if invocation_type == "DryRun":
        click.echo(f"{function} can be invoked.", err=True)
        return
    if invocation_type == "Event":
        click.echo(invoke_event(configuration, function, body).text, err=True)
        return
    result = invoke_once(configuration, function, body)
    if isinstance(result, Throttled):
        click.echo(f"headrace: {function} is throttled: {result.reason}", err=True)
        sys.exit(1)
    if tail:
        for line in result.log_tail.decode(errors="replace").splitlines():
            click.echo(printable(line), err=True)
    click.echo(result.payload)
    if result.function_error is not None:
        sys.exit(1)


def read_payload(text: str) -> bytes:
    """Return the payload that `--payload` stands for. Raises a usage error for what is not JSON."""
    import json
    from contextlib import suppress

    import orjson

    place = "--payload"
    if text == "-":
        place, body = "standard input", sys.stdin.buffer.read()
    elif text.startswith("@"):
        place = text[1:]
        try:
            body = Path(place).read_bytes()
        except OSError as error:
            raise click.BadParameter(
                f"{place} cannot be read: {error.strerror}", param_hint="--payload"
            ) from error
    else:
        body = os.fsencode(text)
    body = body or b"{}"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        with suppress(ValueError):
            json.loads(body)  # as the endpoint: half a surrogate pair, a number beyond a double
            return body
        where = f"{place}:{error.lineno}:{error.colno}"
        raise click.BadParameter(f"{where}: not JSON: {error.msg}", param_hint="--payload") from error
    return body
