"""A rule of a bus: which events it is for, and the parcels it makes of one.

Source: EventBridge API reference, PutRule; the service model events 2015-10-07.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.mapping.event_pattern import EventPattern, InvalidPattern, compile_pattern
from engine.random_uuid import random_uuid
from engine.value import dataclass
from triggers.delivery.target import Parcel
from triggers.eventbridge.errors import InvalidEventPattern, InvalidParameter
from triggers.eventbridge.event import BusEvent
from triggers.eventbridge.json_path import MISSING, follow
from triggers.eventbridge.target import RuleTarget
from triggers.eventbridge.target_input import Sender
from triggers.schedule.expression import InvalidExpression, parse

DEFAULT_BUS = "default"
ABOUT_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `properties` are the members that PutRule was given; a fixed one belongs to headrace.toml."""

    bus: str
    name: str
    arn: str
    properties: Mapping[str, Any]
    pattern: EventPattern | None
    targets: Mapping[str, RuleTarget]
    is_fixed: bool = False

    @property
    def is_enabled(self) -> bool:
        """Whether it sends anything."""
        return bool(self.properties.get("State", "ENABLED") != "DISABLED")

    @property
    def schedule(self) -> str | None:
        """Its schedule expression."""
        return self.properties.get("ScheduleExpression")

    def matches(self, event: BusEvent) -> bool:
        """Say whether an event of its bus is for its targets."""
        return self.pattern is not None and self.is_enabled and self.pattern.matches(event.members)

    def parcels(self, event: BusEvent, now: datetime, hops: int = 0) -> list[Parcel]:
        """Return what its targets get of an event that the bus took at `now`."""
        sender = Sender(self.name, self.arn, now)
        return [self._parcel(target, event, sender, hops) for target in self.targets.values()]

    def _parcel(self, target: RuleTarget, event: BusEvent, sender: Sender, hops: int) -> Parcel:
        return Parcel(
            sender=f"rules.{self.name}",
            target=target.arn,
            body=target.input.body(event, sender),
            request_id=random_uuid(),
            name=event.detail_type,
            about=_about(event),
            group_id=target.group_id,
            partition_key=_partition_key(target, event),
            retry=target.retry,
            dead_letter=target.dead_letter,
            labels={"RULE_ARN": self.arn},
            hops=hops,
        )


def read_pattern(text: str) -> EventPattern:
    """Return a compiled pattern. Raises InvalidEventPattern with AWS's text."""
    try:
        return compile_pattern(text)
    except InvalidPattern as error:
        place = f'\n at [Source: (String)"{text}"; line: {error.line}, column: {error.column}]'
        raise InvalidEventPattern(error.message + place) from None


def check_rule(properties: Mapping[str, Any], bus: str) -> EventPattern | None:
    """Return a rule's pattern. Raises EventsError for what PutRule refuses."""
    pattern, expression = properties.get("EventPattern"), properties.get("ScheduleExpression")
    if not pattern and not expression:
        raise InvalidParameter("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if expression and bus != DEFAULT_BUS:
        raise InvalidParameter("ScheduleExpression is supported only on the default event bus.")
    if expression:
        try:
            parse(expression, "rule")
        except InvalidExpression as error:
            raise InvalidParameter(error.message) from None
    return read_pattern(pattern) if pattern else None


def _partition_key(target: RuleTarget, event: BusEvent) -> str:
    if target.partition_key_path is None:
        return event.id
    found = follow(event.members, target.partition_key_path)
    return event.id if found is MISSING else str(found)


def _about(event: BusEvent) -> str:
    text = str(event.members.get("source", ""))
    return text[:ABOUT_CHARACTERS]
