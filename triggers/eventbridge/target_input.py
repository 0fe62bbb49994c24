"""What a target gets of an event: all of it, a part, a constant, or what a template makes of it.

In a template, `<name>` stands for a value. Where it stands by itself it is written as JSON; within a string
only its text is put there, and of an object or a list its JSON without the quotes. A path that finds nothing
is an empty string.
Source: EventBridge user guide, "Amazon EventBridge input transformation"; the odd cases as recorded on AWS by
LocalStack's test_events_inputs.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from engine.clock import iso_seconds
from engine.value import dataclass
from triggers.eventbridge.event import BusEvent
from triggers.eventbridge.json_path import MISSING, Step, follow

PLACEHOLDER = re.compile(r"<([^<>\s]+)>")
RESERVED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)
_EVENT_KEYS = ("id", "account", "detailType", "time", "source", "region", "resources", "version")


@dataclass(frozen=True, slots=True)
class Sender:
    """The rule that a template may name, and when the bus took the event."""

    rule_name: str
    rule_arn: str
    ingested: datetime


class TargetInput(Protocol):
    """Makes what a target gets."""

    def body(self, event: BusEvent, sender: Sender) -> bytes:
        """Return the text that the target gets, mostly JSON."""


@dataclass(frozen=True, slots=True)
class WholeEvent:
    """The event as it is."""

    def body(self, event: BusEvent, sender: Sender) -> bytes:  # noqa: ARG002 - as all of them
        return event.text


@dataclass(frozen=True, slots=True)
class Constant:
    """`Input`: always the same."""

    text: str

    def body(self, event: BusEvent, sender: Sender) -> bytes:  # noqa: ARG002 - as all of them
        return self.text.encode()


@dataclass(frozen=True, slots=True)
class Part:
    """`InputPath`: what a path leads to; null where it leads nowhere."""

    path: tuple[Step, ...]

    def body(self, event: BusEvent, sender: Sender) -> bytes:  # noqa: ARG002 - as all of them
        if not self.path:
            return event.text
        found = follow(json.loads(event.text), self.path)
        return _json(None if found is MISSING else found).encode()


@dataclass(frozen=True, slots=True)
class Transformed:
    """`InputTransformer`: a template, and the paths of its values."""

    paths: Mapping[str, tuple[Step, ...]]
    template: str

    def body(self, event: BusEvent, sender: Sender) -> bytes:
        members = json.loads(event.text)
        values = {name: follow(members, path) for name, path in self.paths.items()}
        values |= _reserved(members, sender)
        return render(self.template, values).encode()


def unknown_placeholders(template: str, names: Mapping[str, object]) -> list[str]:
    """Return the placeholders of a template that have no value, in their order."""
    return [name for name in PLACEHOLDER.findall(template) if name not in names and name not in RESERVED]


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a template with its values put in."""
    written: list[str] = []
    position = 0
    in_string = False
    for matched in PLACEHOLDER.finditer(template):
        between = template[position : matched.start()]
        in_string ^= len(re.findall(r'(?<!\\)"', between)) % 2 == 1
        value = values.get(matched[1], MISSING)
        written += [between, _in_string(value) if in_string else _json("" if value is MISSING else value)]
        position = matched.end()
    return "".join([*written, template[position:]])


def _in_string(value: Any) -> str:
    if value is MISSING:
        return ""
    if isinstance(value, str):
        return _json(value)[1:-1]
    return _json(value).replace('"', "")


def _reserved(members: Mapping[str, Any], sender: Sender) -> dict[str, Any]:
    renamed = {**members, "detailType": members.get("detail-type")}
    return {
        "aws.events.rule-arn": sender.rule_arn,
        "aws.events.rule-name": sender.rule_name,
        "aws.events.event.ingestion-time": iso_seconds(sender.ingested),
        "aws.events.event": {key: renamed[key] for key in _EVENT_KEYS if key in renamed},
        "aws.events.event.json": members,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
