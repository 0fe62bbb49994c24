"""`headrace filter`: does an event match a pattern, and which field decides."""

import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from engine.mapping.event_pattern import Explanation, InvalidPattern, compile_pattern
from engine.mapping.filter_criteria import INVALID_FILTER, InvalidFilter, Source, compile_criteria
from headrace.cli.json_argument import read_argument, read_event
from headrace.cli.options import json_option
from headrace.cli.verdicts import dump, judge_records, records_of, sentence


@click.command("filter")
@click.argument("pattern")
@click.argument("event")
@click.option(
    "--source",
    type=click.Choice(["sqs", "kinesis", "dynamodb"]),
    help="Filter the Records of EVENT as an event source mapping does.",
)
@json_option
def filter_events(pattern: str, event: str, source: Source | None, as_json: bool) -> None:
    """Tell whether EVENT matches PATTERN, and which field decides.

    Each is JSON, a file, @FILE, or - for standard input. With --source, PATTERN may also be filter criteria:
    {"Filters": [{"Pattern": "..."}]}.

    Exit status 0: it matches (a record is kept). 1: it does not. 2: the pattern is invalid, or the event is
    not JSON.
    """
    if pattern == event == "-":
        raise click.UsageError("only one of PATTERN and EVENT can come from standard input")
    pattern_place, pattern_text = read_argument(pattern, "PATTERN")
    event_place, event_text = read_argument(event, "EVENT")
    value = read_event(event_place, event_text, "EVENT")
    if source is None:
        _print_match(pattern_place, pattern_text, value, as_json=as_json)
    else:
        _print_records(source, pattern_place, pattern_text, records_of(value, event_place), as_json=as_json)


def _print_match(place: str, text: str, event: Any, *, as_json: bool) -> NoReturn:
    try:
        explanation = compile_pattern(text).explain(event)
    except InvalidPattern as problem:
        _refuse(problem.message, place, problem)
    if as_json:
        click.echo(dump({"match": explanation.matches, "leaves": _leaves(explanation)}))
    else:
        click.echo("match" if explanation.matches else "no match")
        if not isinstance(event, dict):
            click.echo("  the event is not an object")
        for finding in explanation.findings if isinstance(event, dict) else ():
            click.echo(f"  {sentence(finding)}")
    sys.exit(0 if explanation.matches else 1)


def _print_records(
    source: Source, place: str, text: str, records: Sequence[dict[str, Any]], *, as_json: bool
) -> NoReturn:
    patterns = _patterns(text)
    try:
        criteria = compile_criteria(source, [text] if patterns is None else patterns)
    except InvalidFilter as invalid:
        filter_place = place if patterns is None else f"{place}: Filters[{invalid.index}].Pattern"
        click.echo(INVALID_FILTER, err=True)
        _refuse(invalid.problem.reason, filter_place, invalid.problem)
    judge_records(criteria, source, records, as_json=as_json)


def _leaves(explanation: Explanation) -> list[dict[str, Any]]:
    return [
        {
            "path": finding.path,
            "matches": finding.matches,
            "allowed": finding.allowed,
            "found": finding.found,
            "in_another_element": finding.elsewhere,
        }
        for finding in explanation.findings
    ]


def _patterns(text: str) -> list[str] | None:
    """Return the patterns of filter criteria; None when the text is a pattern itself."""
    try:
        criteria = json.loads(text)
    except (ValueError, RecursionError):
        return None
    filters = criteria.get("Filters") if isinstance(criteria, dict) else None
    if not isinstance(filters, list) or len(criteria) > 1:
        return None
    patterns = [each["Pattern"] for each in filters if isinstance(each, dict) and list(each) == ["Pattern"]]
    if len(patterns) < len(filters) or not all(isinstance(pattern, str) for pattern in patterns):
        return None
    return patterns


def _refuse(message: str, place: str, problem: InvalidPattern) -> NoReturn:
    click.echo(message, err=True)
    click.echo(f"{place}:{problem.line}:{problem.column}", err=True)
    sys.exit(2)
