"""Filter criteria of an event source mapping: which records reach the function.

A filter is an event pattern; a record is kept when one of the filters matches. What a pattern sees is not
quite what the function gets:

    sqs       the message, with `body` read as JSON when it holds an object or an array, as text otherwise
    kinesis   the outer fields and those of `kinesis` side by side; `data` decoded and read likewise
    dynamodb  the record

A pattern that goes into the data (`{"body": {"a": [1]}}`) needs JSON, one that compares it as a whole
(`{"body": ["text"]}`) needs text; otherwise it does not match, whatever it says. The record delivered stays
as it is.
Source: Lambda developer guide, "Control which events Lambda sends to your function" and the pages on
filtering with SQS, Kinesis and DynamoDB.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.mapping.event_pattern import EventPattern, Explanation, InvalidPattern, compile_pattern
from engine.mapping.json_number import read_json

__all__ = ["INVALID_FILTER", "FilterCriteria", "InvalidFilter", "Source", "Verdict", "compile_criteria"]

Source = Literal["sqs", "kinesis", "dynamodb"]
Form = Literal["JSON", "text", "neither"]  # what the data of a record is

INVALID_FILTER = "Invalid filter pattern definition."  # Lambda's one message, whatever is wrong
DATA_KEYS: Mapping[Source, str | None] = {"sqs": "body", "kinesis": "data", "dynamodb": None}


class InvalidFilter(ValueError):
    """A filter that Lambda refuses: its place in the list, and what is wrong with its pattern."""

    def __init__(self, index: int, problem: InvalidPattern) -> None:
        super().__init__(INVALID_FILTER)
        self.index, self.problem = index, problem


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a record.

    `filter_index` is the filter that keeps it, None when no filter does or there is none. `reasons` has one
    explanation for each filter looked at; None where the filter wants the data in another `form`.
    """

    kept: bool
    filter_index: int | None
    form: Form
    reasons: tuple[Explanation | None, ...]


class FilterCriteria:
    """The compiled filters of one mapping; without any, every record is kept."""

    def __init__(self, source: Source, patterns: Sequence[EventPattern]) -> None:
        self._source = source
        self._key = DATA_KEYS[source]
        self._by_form: dict[Form, list[EventPattern]] = {
            form: [_readable(pattern, self._key, form) for pattern in patterns]
            for form in ("JSON", "text", "neither")
        }
        self._reads_data = self._key is not None and any(
            _forms_needed(pattern.paths, self._key) for pattern in patterns
        )

    def keeps(self, record: Mapping[str, Any]) -> bool:
        """Tell whether the function should see a record, given as it would be delivered."""
        if not self._by_form["JSON"]:
            return True
        event, form = self._seen(record)
        return any(pattern.matches(event) for pattern in self._by_form[form])

    def verdict(self, record: Mapping[str, Any]) -> Verdict:
        """Tell what becomes of a record, and why."""
        event, form = self._seen(record)
        reasons: list[Explanation | None] = []
        for index, pattern in enumerate(self._by_form[form]):
            reason = pattern.explain(event)
            reasons.append(reason if reason.findings else None)
            if reason.matches:
                return Verdict(True, index, form, tuple(reasons))
        return Verdict(not reasons, None, form, tuple(reasons))

    def _seen(self, record: Mapping[str, Any]) -> tuple[dict[str, Any], Form]:
        """Return a record as patterns see it, and the form of its data."""
        event = dict(record)
        if self._source == "kinesis":
            inner = event.pop("kinesis", None)
            event |= inner if isinstance(inner, dict) else {}
        if self._key is None or not self._reads_data:
            return event, "neither"
        text = _decoded(event.get(self._key)) if self._source == "kinesis" else event.get(self._key)
        if not isinstance(text, str):
            event.pop(self._key, None)
            return event, "neither"
        event[self._key], form = _read_data(text)
        return event, form


def compile_criteria(source: Source, patterns: Sequence[str]) -> FilterCriteria:
    """Compile the texts of `Filters[].Pattern`. Raises InvalidFilter for the first that Lambda refuses."""
    compiled = []
    for index, text in enumerate(patterns):
        try:
            compiled.append(compile_pattern(text))
        except InvalidPattern as problem:
            raise InvalidFilter(index, problem) from problem
    return FilterCriteria(source, compiled)


def _readable(pattern: EventPattern, key: str | None, form: Form) -> EventPattern:
    """Keep of a pattern what can be compared with data of this form."""
    if key is None:
        return pattern
    return pattern.only(lambda paths: _forms_needed(paths, key) <= {form})


def _forms_needed(paths: frozenset[str], key: str) -> set[Form]:
    forms: set[Form] = {"text"} if key in paths else set()
    if any(path.startswith(f"{key}.") for path in paths):
        forms.add("JSON")
    return forms


def _read_data(text: str) -> tuple[Any, Form]:
    if text.lstrip(" \t\r\n")[:1] in ("{", "["):
        try:
            return read_json(text), "JSON"
        except ValueError:
            pass
    return text, "text"


def _decoded(data: object) -> str | None:
    """Return the text in base64 data; None when it is none."""
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
