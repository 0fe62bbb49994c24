"""Arguments that are JSON: written out, in a file, or on standard input."""

import sys
from pathlib import Path
from typing import Any

import click

from engine.mapping.json_number import read_json
from triggers.replay.json_text import Malformed, decode, parse


def read_argument(argument: str, name: str) -> tuple[str, str]:
    """Return what to call an argument in messages, and its text.

    It is JSON, a file, @FILE, or - for standard input. Raises a usage error for what is neither a file
    nor JSON; whether text that begins with a bracket is JSON is for the caller to see.
    """
    if argument == "-":
        return "standard input", _text("standard input", sys.stdin.buffer.read(), name)
    if argument.startswith("@") or _is_file(argument):
        place = argument.removeprefix("@")
        try:
            return place, _text(place, Path(place).read_bytes(), name)
        except OSError as error:
            raise click.BadParameter(f"{place} cannot be read: {error.strerror}", param_hint=name) from error
    if argument.lstrip()[:1] not in ("{", "["):
        try:
            parse(argument)
        except Malformed:
            raise click.BadParameter(
                f"there is no file {argument}, and it is not JSON", param_hint=name
            ) from None
    return name, argument


def read_event(place: str, text: str, name: str) -> Any:
    """Return the value of a JSON text. Raises a usage error with the place of the first mistake."""
    try:
        parse(text)
        return read_json(text)
    except Malformed as problem:
        raise _not_json(place, problem, name) from problem


def _is_file(argument: str) -> bool:
    try:
        return Path(argument).exists()
    except (OSError, ValueError):  # JSON is often too long for a path
        return False


def _text(place: str, raw: bytes, name: str) -> str:
    try:
        return decode(raw)
    except Malformed as problem:
        raise _not_json(place, problem, name) from problem


def _not_json(place: str, problem: Malformed, name: str) -> click.BadParameter:
    where = f"{place}:{problem.line}:{problem.column}"
    return click.BadParameter(f"{where}: not JSON: {problem.reason}", param_hint=name)
