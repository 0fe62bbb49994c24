"""What to say of an option that does not exist: the one that was meant, or all that there are."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel

LIKE, ALMOST = 0.7, 0.8  # how alike an option must be, of 1, here and in the tables below
SHORTEST_WORD = 3  # letters of a word that says something
FEW = 3  # as many proposals are still advice


def options_of(table: type[BaseModel]) -> list[str]:
    """Return what may be set in a table; what may only be absent is named there to be refused."""
    return [name for name, field in table.model_fields.items() if field.annotation is not NoneType]


def options_below(table: type[BaseModel]) -> list[str]:
    """Return what may be set in the tables of a table, such as `scaling_config.maximum_concurrency`."""
    return [
        f"{name}.{option}"
        for name in options_of(table)
        for model in _models_in(table.model_fields[name].annotation)
        for option in options_of(model)
    ]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def unknown_option(name: str, known: Iterable[str], below: Iterable[str] = ()) -> str:
    """Return the advice on a name that is none of those known at its place, nor in the tables below it."""
    names, deeper = sorted(known), sorted(below)
    meant = (
        get_close_matches(name, names, n=1, cutoff=LIKE)
        or _alike(name, deeper)
        or _with_words_of(name, names + deeper)
    )
    if meant and len(meant) <= FEW:
        return f"there is no such option; did you mean {' or '.join(map(repr, meant))}?"
    return "there is no such option" + (f"; there are {', '.join(names)}" if names else "")


def _alike(name: str, paths: list[str]) -> list[str]:
    """Return the paths whose last part is nearly the name."""
    last = [path.rpartition(".")[2] for path in paths]
    near = get_close_matches(name, last, n=1, cutoff=ALMOST)
    return [path for path, part in zip(paths, last, strict=True) if part in near]


def _with_words_of(name: str, paths: list[str]) -> list[str]:
    """Return the paths in which most words of the name begin a word, if any do."""
    words = [word for word in name.lower().split("_") if len(word) >= SHORTEST_WORD]
    begun = {
        path: sum(any(part.startswith(word) for part in re.split(r"[_.]", path)) for word in words)
        for path in paths
    }
    most = max(begun.values(), default=0)
    return [path for path in paths if most and begun[path] == most]
