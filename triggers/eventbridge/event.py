"""An event on a bus: the envelope that rules look at and targets get.

Source: EventBridge user guide, "AWS service event metadata"; order of keys as recorded.
"""

from datetime import datetime
from functools import cached_property
from typing import Any

import orjson

from engine.clock import iso_seconds
from engine.mapping.json_number import read_json
from engine.random_uuid import random_uuid


class BusEvent:
    """An event as a bus has it. `text` is its JSON; numbers in it stay as they were written."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def members(self) -> dict[str, Any]:
        """The event with numbers as patterns compare them."""
        parsed: dict[str, Any] = read_json(self.text.decode())
        return parsed

    def has(self, *names: str) -> bool:
        """Say whether the text is a JSON object that has all of these members."""
        try:
            return set(names) <= set(self.members)
        except (ValueError, TypeError):
            return False

    @property
    def id(self) -> str:
        """The event's id."""
        return str(self.members["id"])

    @property
    def detail_type(self) -> str:
        """What kind of event it is."""
        return str(self.members["detail-type"])


def build_event(
    *,
    source: str,
    detail_type: str,
    detail: bytes,
    account_id: str,
    region: str,
    time: datetime,
    resources: tuple[str, ...] = (),
    event_id: str | None = None,
) -> BusEvent:
    """Return an event; `detail` is the JSON text of an object."""
    return BusEvent(
        orjson.dumps(
            {
                "version": "0",
                "id": event_id or random_uuid(),
                "detail-type": detail_type,
                "source": source,
                "account": account_id,
                "time": iso_seconds(time),
                "region": region,
                "resources": resources,
                "detail": orjson.Fragment(detail),
            }
        )
    )


def replayed(event: BusEvent, replay: str) -> BusEvent:
    """Return an event as a replay sends it: named by `replay-name`, which stands before `resources`."""
    head, mark, tail = event.text.partition(b',"resources":')
    return BusEvent(head + b',"replay-name":' + orjson.dumps(replay) + mark + tail)
