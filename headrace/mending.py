"""What else is wrong with a resource whose options are: the options that were told of are left out.

Only what holds whatever those should be may be said then: that code, an interpreter or a folder is not there.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.errors import CodeError
from engine.functions.definition import define
from engine.functions.package import Package
from engine.functions.settings import FunctionSettings
from engine.value import dataclass
from headrace.settings_models import resource_type

MOST_ROUNDS = 10
WHAT_RUNS = frozenset({"code", "command", "handler", "python", "runtime"})
LOOKED_AT_TOGETHER = {"functions": WHAT_RUNS | {"log_format", "application_log_level"}}


@dataclass(frozen=True, slots=True)
class Mended:
    """A resource without the options `left_out`, None when it cannot be without them.

    `further` is what was found wrong in the tables of those options once other things in them were gone, and
    with the resource as a whole.
    """

    resource: Any
    left_out: frozenset[str]
    further: Sequence[ErrorDetails]


def mend(table: str, raw: object) -> Mended:
    """Leave out what is wrong with a resource of a table until the rest is valid."""
    adapter, together = resource_type(table), LOOKED_AT_TOGETHER.get(table)
    left_out = set[str]()
    further: list[ErrorDetails] = []
    for number in range(MOST_ROUNDS):
        try:
            return Mended(adapter.validate_python(raw), frozenset(left_out), further)
        except ValidationError as error:
            details = error.errors()
        if number:
            is_whole = together is not None and not together & left_out
            further += [
                each
                for each in details
                if each["type"] != "missing" and (each["loc"][0] in left_out if each["loc"] else is_whole)
            ]
        if any(each["type"] == "missing" or not each["loc"] for each in details):
            break
        for each in details:
            left_out.add(str(each["loc"][0]))
            raw = _without(raw, each["loc"])
    return Mended(None, frozenset(left_out), further)


def _without(raw: Any, place: Sequence[str | int]) -> Any:
    """Return a table without what is at a place, or without the list that it is in."""
    if not isinstance(raw, dict) or place[0] not in raw:
        return raw
    inner = raw[place[0]]
    if isinstance(inner, dict) and len(place) > 1 and place[1] in inner:
        return raw | {place[0]: _without(inner, place[1:])}
    return {name: value for name, value in raw.items() if name != place[0]}


def problems_of_code(
    name: str, raw: object, mended: Mended, folder: Path, pythons: Mapping[str, Path]
) -> Iterator[str]:
    """Yield what is wrong with the code of a function of which some options are; the rest as for `define`."""
    settings = mended.resource
    if "code" in mended.left_out or not isinstance(raw, dict):
        return
    try:
        if isinstance(settings, FunctionSettings) and not mended.left_out & WHAT_RUNS:
            define(name, settings, folder, pythons)
        elif isinstance(code := raw.get("code"), str):
            Package(name, folder / Path(code).expanduser()).check()
    except CodeError as error:
        yield str(error)
