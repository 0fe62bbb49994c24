"""The log streams of functions, read from the files that their environments write.

A file's lines are events in the order of their moments (engine/functions/logs.py), so that what is asked for
is found by bisection, however long the file is. Nothing here changes a file but deleting it.
"""

import contextlib
import mmap
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from engine.clock import to_millis
from engine.value import dataclass

FUNCTION_GROUP = re.compile(r"/aws/lambda/([a-zA-Z0-9-_]{1,64})")
STREAM = re.compile(r"\d{4}/\d\d/\d\d/\[[^/\[\]]+\][0-9a-f]{32}")
STAMP_BYTES = len("2026-01-02T03:04:05.678Z ")
EVENT_BYTES = 26  # what CloudWatch counts for an event beside its text
PAGE_BYTES = 1_048_576

Position = tuple[int, int]  # of an event in its stream: its moment in milliseconds, and its place there


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event. `moment` and `ingested` are in milliseconds from 1970."""

    moment: int
    place: int
    message: str
    ingested: int

    @property
    def position(self) -> Position:
        """Where it is in its stream."""
        return self.moment, self.place


@dataclass(frozen=True, slots=True)
class Span:
    """The events asked for: from `begin` to before `end`, in milliseconds, and beyond a position, if any.

    Forwards they come from the oldest on, else from the newest back.
    """

    begin: int
    end: int
    forwards: bool
    beyond: Position | None = None

    def holds(self, event: LogEvent) -> bool:
        """Say whether an event is one of these."""
        if not self.begin <= event.moment < self.end:
            return False
        if self.beyond is None:
            return True
        return event.position > self.beyond if self.forwards else event.position < self.beyond


@dataclass(frozen=True, slots=True)
class StreamFile:
    """A log stream with its first and last moment."""

    name: str
    path: Path
    first: int
    last: int
    size: int


def function_groups(logs: Path) -> list[str]:
    """Return the log groups below the folder of all logs."""
    return [
        name
        for folder in _children(logs / "aws" / "lambda")
        if FUNCTION_GROUP.fullmatch(name := f"/aws/lambda/{folder.name}")
        and next(folder.rglob("*.log"), None)
    ]


def stream_files(logs: Path, group: str) -> list[StreamFile]:
    """Return the streams of a group that have events; none for a group that is no function's."""
    return [found for path in _paths(logs, group) if (found := _described(logs, group, path)) is not None]


def delete_streams(logs: Path, group: str, stream: str | None = None) -> None:
    """Delete a group's streams, or one of them. Raises OSError."""
    for path in _paths(logs, group):
        if stream is None or _name(logs, group, path) == stream:
            path.unlink(missing_ok=True)
            for folder in list(path.parents)[:4]:  # day, month, year, function
                with contextlib.suppress(OSError):
                    folder.rmdir()


def read_events(path: Path, span: Span, most: int) -> list[LogEvent]:
    """Return at most so many events, and at most a megabyte of them, in the order of the span."""
    found: list[LogEvent] = []
    size = 0
    with _mapped(path) as content:
        for event in _events(content, span):
            size += len(event.message.encode()) + EVENT_BYTES
            if len(found) == most or (found and size > PAGE_BYTES):
                break
            found.append(event)
    return found


def _events(content: bytes | mmap.mmap, span: Span) -> Iterator[LogEvent]:
    if span.forwards:
        begin = span.begin if span.beyond is None else max(span.begin, span.beyond[0])
        place = _first_at(content, begin)
        while (end := content.find(b"\n", place)) >= 0:
            event = _event(content, place, end)
            place = end + 1
            if event is not None and event.moment >= span.end:
                return
            if event is not None and span.holds(event):
                yield event
        return
    end = span.end if span.beyond is None else min(span.end, span.beyond[0] + 1)
    place = _first_at(content, end)
    while place > 0:
        end, place = place - 1, _line_start(content, place - 1)
        event = _event(content, place, end)
        if event is not None and event.moment < span.begin:
            return
        if event is not None and span.holds(event):
            yield event


def _first_at(content: bytes | mmap.mmap, moment: int) -> int:
    """Return where the first line is that is not earlier than `moment`; the end of the lines if none is."""
    low, high = 0, content.rfind(b"\n") + 1
    while low < high:
        start = _line_start(content, (low + high) // 2)
        end = content.find(b"\n", start)
        event = _event(content, start, end)
        if event is not None and event.moment >= moment:
            high = start
        else:
            low = end + 1
    return low


def _line_start(content: bytes | mmap.mmap, place: int) -> int:
    return content.rfind(b"\n", 0, place) + 1


def _event(content: bytes | mmap.mmap, start: int, end: int) -> LogEvent | None:
    """Return the event of a line; None for a line that is none."""
    stamp = content[start : min(start + STAMP_BYTES, end)].decode("ascii", "replace")
    try:
        moment = to_millis(datetime.fromisoformat(stamp.rstrip(" ")))
    except (ValueError, TypeError):
        return None
    message = content[start + STAMP_BYTES : end].decode("utf-8", "replace")
    if message.startswith("[ERROR]"):
        message = message.replace("\r", "\n")  # a traceback, whose lines are one event
    return LogEvent(moment, start, f"{message}\n", moment)


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
    except (ValueError, FileNotFoundError):  # it is empty, or was deleted
        yield b""


def _described(logs: Path, group: str, path: Path) -> StreamFile | None:
    with _mapped(path) as content:
        everything = Span(-(2**62), 2**62, forwards=True)
        first = next(_events(content, everything), None)
        last = next(_events(content, Span(everything.begin, everything.end, forwards=False)), None)
        if first is None or last is None:
            return None
        return StreamFile(_name(logs, group, path), path, first.moment, last.moment, len(content))


def _paths(logs: Path, group: str) -> list[Path]:
    found = FUNCTION_GROUP.fullmatch(group)
    if found is None:
        return []
    paths = sorted((logs / "aws" / "lambda" / found[1]).rglob("*.log"))
    return [path for path in paths if STREAM.fullmatch(_name(logs, group, path))]


def _name(logs: Path, group: str, path: Path) -> str:
    return path.relative_to(logs / group.lstrip("/")).as_posix().removesuffix(".log")


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
