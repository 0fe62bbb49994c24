"""`headrace filter`: does an event match a pattern, and which field decides."""

import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from engine.mapping.event_pattern import Explanation, Finding, InvalidPattern, compile_pattern
from engine.mapping.filter_criteria import (
    DATA_KEYS,
    INVALID_FILTER,
    InvalidFilter,
    Source,
    Verdict,
    compile_criteria,
)
from engine.mapping.json_number import InexactNumber, Scalar
from headrace.cli.json_argument import read_argument, read_event
from headrace.cli.options import json_option

SHOWN_VALUES = 4
SHOWN_CHARACTERS = 100


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
        _print_records(source, pattern_place, pattern_text, _records(value, event_place), as_json=as_json)


def _print_match(place: str, text: str, event: Any, *, as_json: bool) -> NoReturn:
    try:
        explanation = compile_pattern(text).explain(event)
    except InvalidPattern as problem:
        _refuse(problem.message, place, problem)
    if as_json:
        click.echo(_dump({"match": explanation.matches, "leaves": _leaves(explanation)}))
    else:
        click.echo("match" if explanation.matches else "no match")
        if not isinstance(event, dict):
            click.echo("  the event is not an object")
        for finding in explanation.findings if isinstance(event, dict) else ():
            click.echo(f"  {_sentence(finding)}")
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
    verdicts = [criteria.verdict(record) for record in records]
    kept = sum(verdict.kept for verdict in verdicts)
    if as_json:
        lines = [
            {
                "record": number,
                "kept": verdict.kept,
                "filter": verdict.filter_index,
                "why": _why(verdict, source),
            }
            for number, verdict in enumerate(verdicts)
        ]
        click.echo(_dump({"kept": kept, "dropped": len(verdicts) - kept, "records": lines}))
    else:
        width = len(str(max(len(verdicts) - 1, 0)))
        for number, verdict in enumerate(verdicts):
            state = "kept   " if verdict.kept else "dropped"
            click.echo(f"{number:>{width}}  {state}  {_why(verdict, source)}")
    sys.exit(0 if kept else 1)


def _why(verdict: Verdict, source: Source) -> str:
    """Say in one line why a record is kept or dropped."""
    if not verdict.reasons:
        return "there is no filter"
    if verdict.kept:
        deciding = verdict.reasons[-1]
        which = f"Filters[{verdict.filter_index}]: " if len(verdict.reasons) > 1 else ""
        return which + _sentences(deciding, verdict, source)
    return "; ".join(dict.fromkeys(_sentences(reason, verdict, source) for reason in verdict.reasons))


def _sentences(reason: Explanation | None, verdict: Verdict, source: Source) -> str:
    if reason is None:
        wanted = {"JSON": "text", "text": "JSON", "neither": "JSON or text"}[verdict.form]
        form = "neither JSON nor text" if verdict.form == "neither" else verdict.form
        return f"{DATA_KEYS[source]} is {form}, the filter wants {wanted}"
    return "; ".join(_sentence(finding) for finding in reason.findings)


def _sentence(finding: Finding) -> str:
    values = ", ".join(_short(value) for value in finding.found[:SHOWN_VALUES])
    if len(finding.found) > SHOWN_VALUES:
        values += f" and {len(finding.found) - SHOWN_VALUES} more"
    there = f"is {values}" if finding.found else "has no value"
    if finding.elsewhere:
        return f"{finding.path} {there}, but in another element of the array than the fields before it"
    allowed = "allowed" if finding.matches else "not allowed"
    return f"{finding.path} {there}, {allowed} by {finding.allowed}"


def _short(value: Scalar) -> str:
    text = _dump(value, indent=None)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


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


def _records(event: Any, place: str) -> list[dict[str, Any]]:
    records = event.get("Records") if isinstance(event, dict) else event
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise click.BadParameter(
            f"{place} is no event of a queue or a stream: it has no list of Records", param_hint="EVENT"
        )
    return records


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


def _dump(value: Any, *, indent: int | None = 2) -> str:
    def spell(number: InexactNumber) -> str:
        return number.text

    text = json.dumps(value, indent=indent, ensure_ascii=False, default=spell)
    return text.encode("utf-8", "replace").decode()
