"""Arguments that are data: written out, @FILE, or one item a line on standard input."""

import sys
from pathlib import Path

import click


def read_items(argument: str, name: str) -> list[bytes]:
    """Return the data of an argument: one item, or for `-` one for each line that is not empty."""
    if argument == "-":
        lines = sys.stdin.buffer.read().split(b"\n")
        return [line.removesuffix(b"\r") for line in lines if line.strip()]
    if argument.startswith("@"):
        try:
            return [Path(argument[1:]).read_bytes()]
        except OSError as error:
            text = f"{argument[1:]} cannot be read: {error.strerror}"
            raise click.BadParameter(text, param_hint=name) from error
    return [argument.encode("utf-8", "surrogateescape")]


def as_text(item: bytes, name: str) -> str:
    """Return an item that has to be text. Raises a usage error."""
    try:
        return item.decode()
    except UnicodeDecodeError as error:
        text = f"a message is UTF-8 text, this is not (byte {error.start})"
        raise click.BadParameter(text, param_hint=name) from error
