"""`headrace explain`: which records of an event a configured mapping would hand to its function, and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from headrace.cli.options import config_option, json_option

if TYPE_CHECKING:
    from engine.mapping.filter_criteria import Source
    from engine.mapping.settings import MappingSettings

SOURCES: "dict[str, Source]" = {"queues": "sqs", "streams": "kinesis", "tables": "dynamodb"}


@click.command()
@click.argument("event")
@click.option(
    "--mapping",
    help="Its number in the configuration, from 0, or its source or function, such as queues.jobs.",
)
@json_option
@config_option
def explain(event: str, mapping: str | None, as_json: bool, config_path: Path) -> None:
    """Tell which records of EVENT a mapping's filter criteria keep, and which field decides.

    EVENT is an event as the function would get it without filters: JSON, a file, @FILE, or - for standard
    input. Nothing is invoked.

    Exit status 0: a record is kept. 1: none is. 2: usage or configuration.
    """
    from engine.mapping.filter_criteria import compile_criteria
    from headrace.cli.json_argument import read_argument, read_event
    from headrace.cli.verdicts import judge_records, records_of
    from headrace.config import load
    from headrace.references import resolve

    mappings = load(config_path, with_code=False).file.event_source_mappings
    chosen = _choose(mapping, mappings)
    source = SOURCES[resolve(chosen.source, tuple(SOURCES))[0]]
    patterns = [each.pattern for each in chosen.filter_criteria.filters] if chosen.filter_criteria else []
    place, text = read_argument(event, "EVENT")
    records = records_of(read_event(place, text, "EVENT"), place)
    _check_source(records, f"aws:{source}", chosen, place)
    judge_records(compile_criteria(source, patterns), source, records, as_json=as_json)


def _check_source(
    records: "Sequence[dict[str, Any]]", wanted: str, mapping: "MappingSettings", place: str
) -> None:
    """Refuse an event that this mapping would never see. Records that do not say whose they are may be."""
    if not records:
        raise click.BadParameter(f"{place} has no records", param_hint="EVENT")
    for number, record in enumerate(records):
        found = record.get("eventSource", wanted)
        if found != wanted:
            raise click.BadParameter(
                f"{place}: Records[{number}].eventSource is {found!r}, "
                f"but {mapping.source} has records of {wanted!r}",
                param_hint="EVENT",
            )


def _choose(wanted: str | None, mappings: "Sequence[MappingSettings]") -> "MappingSettings":
    if not mappings:
        raise click.UsageError("the configuration has no event source mapping")
    if wanted is None:
        found = list(mappings)
    elif wanted.isdecimal() and int(wanted) < len(mappings):
        found = [mappings[int(wanted)]]
    else:
        found = [each for each in mappings if wanted in _names(each)]
    if len(found) != 1:
        several = wanted is None or found
        _ask("which mapping?" if several else f"there is no mapping {wanted!r}.", mappings)
    return found[0]


def _names(mapping: "MappingSettings") -> set[str]:
    """Return what a mapping can be called by: its source and its function, with and without the kind."""
    from headrace.references import resolve

    kind, source = resolve(mapping.source, tuple(SOURCES))
    _, function = resolve(mapping.function, ("functions",))
    return {mapping.source, f"{kind}.{source}", source, mapping.function, f"functions.{function}", function}


def _ask(question: str, mappings: "Sequence[MappingSettings]") -> NoReturn:
    there = "\n".join(f"  {number}  {each.source} → {each.function}" for number, each in enumerate(mappings))
    raise click.BadParameter(f"{question} There are:\n{there}", param_hint="--mapping")
