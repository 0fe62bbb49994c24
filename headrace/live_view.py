"""What `headrace run` shows: one line an event and one an invocation, for people."""

from collections.abc import Callable
from datetime import date, datetime, tzinfo

import click

from engine.feed import (
    BatchClosed,
    DeadLettered,
    DestinationSent,
    EventDropped,
    EventEmitted,
    EventSent,
    Fact,
    FactsLost,
    FaultInjected,
    InvocationFinished,
    InvocationThrottled,
    LogLine,
    MessageRedriven,
    Notice,
    RecordsFiltered,
    RecordsReturned,
    RecursionStopped,
    RetryScheduled,
    SimulatorCrashed,
)
from headrace.printable import printable
from headrace.references import KINDS

NAME_WIDTH = 14  # columns for the name of a function or a source; longer ones push the rest along
WORD_WIDTH = 7
LOG_CONTINUES = "\n" + " " * 38  # a traceback is one log event, its lines end in carriage returns
MESSAGE_WIDTH = 100  # columns of an error message
RETRY_REASONS = {
    "function_error": "as it failed",
    "throttled": "as its concurrency was taken",
    "system_error": "as it could not be run",
    "batch_item_failures": "from the record on that it named",
    "senseless_answer": "as its answer made no sense",
    "bisect": "halved, as it failed",
}
NOTICE_COLOURS = {"info": "blue", "warning": "yellow", "error": "red"}


class LiveView:
    """Turns facts into lines, with the time of day in the zone of the reader."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._day: date | None = None

    def line(self, fact: Fact) -> str | None:
        """Return the line of a fact a user would ask about, below a new date; most inner steps have none."""
        if self._day is None:
            self._day = fact.time.astimezone(self._zone).date()
        text = describe(fact, self._time_of_day)
        if text is None:
            return None
        return f"{self._new_date(fact.time)}{click.style(self._time_of_day(fact.time), dim=True)}  {text}"

    def _new_date(self, moment: datetime) -> str:
        day = moment.astimezone(self._zone).date()
        if self._day is not None and day <= self._day:
            return ""
        self._day = day
        return click.style(f"{day:%a %Y-%m-%d}\n", dim=True)

    def _time_of_day(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime("%H:%M:%S.%f")[:-3]


def describe(fact: Fact, time_of_day: Callable[[datetime], str]) -> str | None:
    """Return the line of a fact without its time, or None for a fact that is not shown."""
    match fact:
        case EventEmitted():
            arrow = click.style("→", dim=True)
            return _line(
                fact.source,
                "event",
                "blue",
                f"{fact.name}  {printable(fact.detail)} {arrow} {fact.function}",
            )
        case EventSent():
            arrow = click.style("→", dim=True)
            return _line(fact.source, "sent", "cyan", f"{fact.name}  {fact.detail} {arrow} {fact.target}")
        case InvocationFinished(function_error=None):
            return _line(fact.function, "ok", "green", _figures(fact))
        case InvocationFinished():
            error = click.style(f"{fact.error_type}: {_shortened(fact.error_message or '')}", fg="red")
            return _line(fact.function, "failed", "red", f"{_figures(fact)}  {error}")
        case InvocationThrottled():
            text = f"no concurrency left for {fact.source}: {fact.reason}"
            return _line(fact.function, "busy", "yellow", text)
        case RetryScheduled():
            why = RETRY_REASONS.get(fact.reason, fact.reason)
            text = f"attempt {fact.attempt} at {time_of_day(fact.at)[:-4]}, {why}"
            return _line(fact.function, "retry", "yellow", text)
        case DestinationSent():
            return _line(fact.function, "sent", "cyan", f"record to {fact.target} ({fact.condition})")
        case DeadLettered():
            return _line(fact.function, "dead", "red", f"event to {fact.target} ({fact.condition})")
        case EventDropped(source=None):
            text = f"{fact.condition}: set on_failure or dead_letter to keep such events"
            return _line(fact.function, "dropped", "red", text)
        case RecursionStopped():
            text = (
                f"{fact.detail} comes from {fact.function} itself and is not sent to it again; {fact.remedy}"
            )
            return _line(fact.source, "stopped", "yellow", text)
        case FaultInjected():
            return _line(fact.place, "fault", "magenta", f"{fact.kind}: {fact.detail}".rstrip(": "))
        case SimulatorCrashed():
            return _line("simulator", "crashed", "magenta", f"{fact.reason}; another one goes on")
        case Notice():
            return _line(fact.place, fact.level, NOTICE_COLOURS[fact.level], fact.text)
        case LogLine():
            return _line(
                fact.function, "log", None, printable(fact.text.rstrip()).replace("\r", LOG_CONTINUES)
            )
        case FactsLost():
            return click.style(
                f"{fact.count} lines were left out: they came faster than they could be written", dim=True
            )
        case _:
            return _describe_records(fact, time_of_day)


def _describe_records(fact: Fact, time_of_day: Callable[[datetime], str]) -> str | None:
    """As `describe`, for what becomes of the records that mappings read."""
    match fact:
        case BatchClosed():
            arrow = click.style("→", dim=True)
            return _line(fact.source, "batch", "blue", f"{_records(fact.records)} {arrow} {fact.function}")
        case RecordsFiltered():
            text = f"{_records(fact.records)} filtered out for {fact.function}"
            return _line(fact.source, "filter", None, text)
        case RecordsReturned():
            moment = time_of_day(fact.visible_at)[:-4]
            verb = "shows" if fact.records == 1 else "show"
            why = "" if fact.reason is None else f": {printable(fact.reason)}"
            text = f"{_records(fact.records)} of {fact.function} {verb} again at {moment}{why}"
            return _line(fact.source, "back", "yellow", text)
        case MessageRedriven():
            times = f"{fact.receive_count} time{'s'[: fact.receive_count != 1]}"
            text = f"message {fact.message_id} to {fact.target}, received {times}"
            return _line(fact.source, "dead", "red", text)
        case EventDropped():
            text = (
                f"{_records(fact.records)} of {fact.source} ({fact.condition}): "
                "set the mapping's destination_config to keep them"
            )
            return _line(fact.function, "dropped", "red", text)
        case _:
            return None


def _records(count: int) -> str:
    return f"{count} record{'s'[: count != 1]}"


def _line(resource: str, word: str, colour: str | None, text: str) -> str:
    """Lay out name, word and text; a resource shows its own name: `buckets.inbox` -> `inbox`."""
    kind, _, own = resource.partition(".")
    name = own if kind in KINDS else resource
    styled = click.style(f"{word:<{WORD_WIDTH}}", fg=colour, dim=colour is None)
    return f"{click.style(f'{name:<{NAME_WIDTH}}', bold=True)} {styled} {text}"


def _figures(fact: InvocationFinished) -> str:
    text = f"{_duration(fact.duration_ms):>8}  {fact.memory_used_mb:>4} MB"
    if fact.init_ms is not None:
        text += click.style(f"  cold start {_duration(fact.init_ms)}", dim=True)
    if fact.attempt > 1:
        text += f"  attempt {fact.attempt}"
    return text


def _shortened(message: str) -> str:
    words = " ".join(message.split())
    return words if len(words) <= MESSAGE_WIDTH else words[: MESSAGE_WIDTH - 1] + "…"


def _duration(millis: float) -> str:
    if millis < 10:
        return f"{millis:.1f} ms"
    return f"{millis:.0f} ms" if millis < 10_000 else f"{millis / 1000:.1f} s"
