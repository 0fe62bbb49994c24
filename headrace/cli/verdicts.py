"""What filter criteria did with the records of an event, record by record: for `filter` and `explain`."""

import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from engine.mapping.event_pattern import Explanation, Finding
from engine.mapping.filter_criteria import DATA_KEYS, FilterCriteria, Source, Verdict
from engine.mapping.json_number import InexactNumber, Scalar

SHOWN_VALUES = 4
SHOWN_CHARACTERS = 100


def judge_records(
    criteria: FilterCriteria, source: Source, records: Sequence[dict[str, Any]], *, as_json: bool
) -> NoReturn:
    """Print what becomes of each record and why; exit with 0 when one is kept, else with 1."""
    if not records:
        click.echo("the event has no records", err=True)
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
        click.echo(dump({"kept": kept, "dropped": len(verdicts) - kept, "records": lines}))
    else:
        width = len(str(max(len(verdicts) - 1, 0)))
        for number, verdict in enumerate(verdicts):
            state = "kept   " if verdict.kept else "dropped"
            click.echo(f"{number:>{width}}  {state}  {_why(verdict, source)}")
    sys.exit(0 if kept else 1)


def records_of(event: Any, place: str) -> list[dict[str, Any]]:
    """Return the records of an event of a queue or a stream, or of a list of them."""
    records = event.get("Records") if isinstance(event, dict) else event
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise click.BadParameter(
            f"{place} is no event of a queue or a stream: it has no list of Records", param_hint="EVENT"
        )
    return records


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
    return "; ".join(sentence(finding) for finding in reason.findings)


def sentence(finding: Finding) -> str:
    """Say in one line how a field of the event decides."""
    values = ", ".join(_short(value) for value in finding.found[:SHOWN_VALUES])
    if len(finding.found) > SHOWN_VALUES:
        values += f" and {len(finding.found) - SHOWN_VALUES} more"
    there = f"is {values}" if finding.found else "has no value"
    if finding.elsewhere:
        return f"{finding.path} {there}, but in another element of the array than the fields before it"
    allowed = "allowed" if finding.matches else "not allowed"
    return f"{finding.path} {there}, {allowed} by {finding.allowed}"


def _short(value: Scalar) -> str:
    text = dump(value, indent=None)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def dump(value: Any, *, indent: int | None = 2) -> str:
    """Return JSON text, with numbers as they were spelled."""

    def spell(number: InexactNumber) -> str:
        return number.text

    text = json.dumps(value, indent=indent, ensure_ascii=False, default=spell)
    return text.encode("utf-8", "replace").decode()
