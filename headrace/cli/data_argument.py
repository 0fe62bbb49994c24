"""Arguments that are data: written out, @FILE, or one item a line on standard input."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import click

BLOCK_BYTES = 64 * 1024
BLOCKS_AHEAD = 64  # 4 MiB that are read while what came before is being sent


def read_batches(argument: str, name: str) -> Iterator[list[bytes]]:
    """Yield the data of an argument: one item, or for `-` the lines that are not empty, as they arrive."""
    if argument == "-":
        yield from _lines(_blocks())
    elif argument.startswith("@"):
        try:
            yield [Path(argument[1:]).read_bytes()]
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            text = f"{argument[1:]} cannot be read: {reason}"
            raise click.BadParameter(text, param_hint=name) from error
    else:
        yield [os.fsencode(argument)]


def _lines(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    rest: list[bytes] = []  # of a line that has not ended yet
    for block in blocks:
        first, *others = block.split(b"\n")
        rest.append(first)
        if others:
            yield _items([b"".join(rest), *others[:-1]])
            rest = [others[-1]]
    yield _items([b"".join(rest)])


def _items(lines: list[bytes]) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in lines if line.strip()]


def _blocks() -> Iterator[bytes]:
    """Yield what has arrived on standard input since the last time, waiting when it is nothing."""
    if sys.stdin is None:
        return
    descriptor = sys.stdin.fileno()
    arrived: Queue[bytes | OSError] = Queue(BLOCKS_AHEAD)

    def read() -> None:
        try:
            while block := os.read(descriptor, BLOCK_BYTES):
                arrived.put(block)
            arrived.put(b"")
        except OSError as error:
            arrived.put(error)

    # A thread of its own, which a program can end without: one that waits for input cannot be told to stop.
    Thread(target=read, daemon=True).start()
    while block := _next(arrived):
        together = [block]
        while block and len(together) < BLOCKS_AHEAD and not arrived.empty():
            together.append(block := _next(arrived))
        yield b"".join(together)
        if not block:
            return


def _next(arrived: "Queue[bytes | OSError]") -> bytes:
    block = arrived.get()
    if isinstance(block, OSError):
        raise click.UsageError(f"standard input cannot be read: {block.strerror}")
    return block


def as_text(item: bytes, name: str, number: int) -> str:
    """Return an item that has to be text, the `number`th of the command. Raises a usage error."""
    try:
        return item.decode()
    except UnicodeDecodeError as error:
        text = f"a message is UTF-8 text, this is not (message {number}, byte {error.start})"
        raise click.BadParameter(text, param_hint=name) from error
