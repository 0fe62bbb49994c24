"""What a simulator that is idle has before it: retries, hidden messages, windows, files being written."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.clock import iso_millis
from engine.duration import duration_text
from engine.invocation.event_table import postponed_by_function
from engine.value import dataclass

if TYPE_CHECKING:
    from headrace.region import Region
    from headrace.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many things of one kind that wait at a resource, the first of them until a moment.

    `until` is None for what is in somebody else's hands; `function` is who gets them, where that is certain.
    A `resource` of another region than the configured one begins with its name.
    """

    resource: str
    kind: str  # in the singular: event, message, record, file, run
    count: int
    reason: str
    until: datetime | None = None
    function: str | None = None

    def document(self, now: datetime) -> dict[str, Any]:
        """Return it as JSON values; `in_seconds` counts from `now`."""
        until = self.until
        return {
            "resource": self.resource,
            "kind": self.kind,
            "count": self.count,
            "reason": self.reason,
            "function": self.function,
            "until": None if until is None else iso_millis(until),
            "in_seconds": None if until is None else max(0.0, (until - now).total_seconds()),
        }

    def text(self, now: datetime) -> str:
        """Return it in a few words."""
        counted = f"{self.count} {self.kind}{'s'[: self.count != 1]}"
        place = self.resource if self.function is None else f"{self.resource} → {self.function}"
        words = f"{counted} at {place}" if self.count else place
        if self.until is None:
            return f"{words} ({self.reason})"
        return f"{words} ({self.reason}, in {_rounded(self.until, now)})"


async def what_waits(simulator: "Simulator") -> list[Waiting]:
    """Return what waits for its time now, the soonest first, in all regions."""
    now = simulator.clock.now()
    found = [each for region in simulator.regions for each in await _waits_in(region, now)]
    return sorted(found, key=lambda waiting: (waiting.until is None, waiting.until or now, waiting.resource))


async def _waits_in(region: "Region", now: datetime) -> list[Waiting]:
    found = await region.store.read(lambda connection: _stored(connection, now))
    if region.mappings is not None:
        for source, function, wait in region.mappings.waits():
            kind = "message" if source.startswith("queues.") else "record"
            found.append(Waiting(source, kind, wait.count, wait.reason, wait.until, function))
    for name, bucket in region.sources.buckets.items():
        if held_up := bucket.held_up():
            found.append(Waiting(f"buckets.{name}", "file", len(held_up), "being written"))
    return [replace(each, resource=region.prefix + each.resource) for each in found]


def what_comes_next(simulator: "Simulator", waiting: Sequence[Waiting]) -> Waiting | None:
    """Return what happens by itself next: the soonest of what waits and of the schedules."""
    coming = [each for each in waiting if each.until is not None]
    coming += [
        Waiting(f"{region.prefix}schedules.{name}", "run", 1, "schedule", moment)
        for region in simulator.regions
        for name, moment in region.event_services.next_runs().items()
        if moment is not None
    ]
    return min(coming, key=lambda each: (each.until, each.resource), default=None)


def words_for(waiting: Sequence[Waiting], now: datetime) -> str:
    """Return in one line that all is done, and what waits."""
    if not waiting:
        return "idle: nothing is left to do"
    return f"idle; what waits for its time: {', '.join(each.text(now) for each in waiting)}"


def _stored(connection: sqlite3.Connection, now: datetime) -> list[Waiting]:
    found = [
        Waiting(f"functions.{function}", "event", count, "retry", due_at)
        for function, count, due_at in postponed_by_function(connection, now)
    ]
    # Imported for whoever asks: a simulator that has no queue need not load what they are made of.
    from triggers.delivery.delivery_table import waiting_by_sender
    from triggers.schedule.position import windows_by_schedule
    from triggers.sqs.message_table import hidden_by_queue

    found += [
        Waiting(f"queues.{queue}", "message", count, "hidden", visible_at)
        for queue, count, visible_at in hidden_by_queue(connection, now)
    ]
    found += [
        Waiting(sender, "event", count, "retry", due_at)
        for sender, count, due_at in waiting_by_sender(connection)
    ]
    found += [
        Waiting(f"schedules.{name}", "run", count, "flexible window", fires_at)
        for name, count, fires_at in windows_by_schedule(connection)
    ]
    return found


def _rounded(until: datetime, now: datetime) -> str:
    """Return how far away a moment is, to the second unless it is near."""
    left = until - now
    seconds = left.total_seconds()
    return duration_text(type(left)(seconds=round(seconds))) if seconds >= 1 else duration_text(left)
