"""What there is to replay: the events of files, folders and recordings, found before the first one is sent.

A plan holds where each event is, never the event: a recording may be larger than memory. Files of a folder
are taken in the order of their paths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import BinaryIO

from engine.errors import HeadraceError
from engine.value import dataclass
from triggers.replay.json_text import EVENT_LIMIT_BYTES, Malformed, event_payload
from triggers.replay.recording import Outline, RecordedEvent, outline_line, parse_line

RECORDING_SUFFIXES = (".jsonl", ".ndjson")
FOLDER_SUFFIXES = (".json", *RECORDING_SUFFIXES)
LINE_LIMIT_BYTES = 4 * EVENT_LIMIT_BYTES  # an event and a result, either of them perhaps in base64


class CannotReplay(HeadraceError):
    """A file that was named cannot be replayed; nothing was sent."""


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file that is one event."""

    path: Path

    def __len__(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of recorded events: offset in seconds and byte position of each, in the order of time."""

    path: Path
    entries: Sequence[tuple[float, int]]

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that cannot be played. `place` is `file:line:column`."""

    place: str
    reason: str


@dataclass(slots=True)
class Plan:
    """What will be played, in order. `retries` counts recorded retries, which are left out."""

    tracks: list[EventFile | Recording] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    retries: int = 0

    @property
    def total(self) -> int:
        """The number of events to send."""
        return sum(len(track) for track in self.tracks)

    @property
    def has_plain_events(self) -> bool:
        """Whether there are events that do not say which function they are for."""
        return any(isinstance(track, EventFile) for track in self.tracks)


def make_plan(paths: Sequence[Path]) -> Plan:
    """Look at every file. A bad file in a folder is skipped; raises CannotReplay for one named by itself."""
    plan = Plan()
    for path in paths:
        if path.is_dir():
            _add_folder(plan, path)
        else:
            _add_named_file(plan, path)
    return plan


def read_event(path: Path) -> bytes:
    """Return an event file's payload. Raises Malformed or OSError."""
    size = path.stat().st_size
    if size > EVENT_LIMIT_BYTES:
        raise Malformed(1, 1, f"it has {size:,} bytes, an event has at most {EVENT_LIMIT_BYTES:,}")
    return event_payload(path.read_bytes())


def read_entry(file: BinaryIO, position: int) -> RecordedEvent:
    """Return the recorded event of the line that begins at `position`. Raises Malformed."""
    file.seek(position)
    return parse_line(file.readline(LINE_LIMIT_BYTES))


def _add_folder(plan: Plan, folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.suffix in FOLDER_SUFFIXES and path.is_file())
    if not files:
        raise CannotReplay(f"{folder}: there is no *.json or *.jsonl file in this folder")
    for path in files:
        try:
            _add_file(plan, path)
        except Malformed as problem:
            plan.skipped.append(Skipped(f"{path}:{problem.line}:{problem.column}", problem.reason))
        except OSError as error:
            plan.skipped.append(Skipped(str(path), error.strerror or str(error)))


def _add_named_file(plan: Plan, path: Path) -> None:
    try:
        _add_file(plan, path)
    except Malformed as problem:
        raise CannotReplay(f"{path}:{problem.line}:{problem.column}: {problem.reason}") from None
    except FileNotFoundError:
        raise CannotReplay(f"{path}: there is no such file or folder") from None
    except OSError as error:
        raise CannotReplay(f"{path}: {error.strerror or error}") from error


def _add_file(plan: Plan, path: Path) -> None:
    if path.suffix in RECORDING_SUFFIXES:
        _add_recording(plan, path)
        return
    read_event(path)
    plan.tracks.append(EventFile(path))


def _add_recording(plan: Plan, path: Path) -> None:
    entries: list[tuple[float, int]] = []
    found = 0
    with path.open("rb") as file:
        for number, (position, line) in enumerate(_lines(file), start=1):
            if not line.strip():
                continue
            found += 1
            try:
                event = _checked(line)
            except Malformed as problem:
                torn = not line.endswith(b"\n") and len(line) <= LINE_LIMIT_BYTES
                reason = "the last line was not written to its end" if torn else problem.reason
                plan.skipped.append(Skipped(f"{path}:{number}:{problem.column}", reason))
                continue
            if event.attempt > 1:
                plan.retries += 1
            else:
                entries.append((event.offset, position))
    if not found:
        raise Malformed(1, 1, "it is empty")
    if not entries and len(plan.skipped) >= found:
        problem_here = plan.skipped[-1]
        del plan.skipped[-found:]
        raise Malformed(1, 1, f"no line of it is part of a recording: {problem_here.reason}")
    entries.sort()  # lines are in the order in which attempts ended, not in which they began
    plan.tracks.append(Recording(path, entries))


def _checked(line: bytes) -> Outline:
    if len(line) > LINE_LIMIT_BYTES:
        raise Malformed(1, 1, f"the line has more than {LINE_LIMIT_BYTES:,} bytes")
    return outline_line(line)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its position; of a line beyond the limit only a part that shows that it is."""
    position = 0
    while line := file.readline(LINE_LIMIT_BYTES + 1):
        start = position
        position += len(line)
        rest = line
        while len(rest) > LINE_LIMIT_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(LINE_LIMIT_BYTES + 1)
            position += len(rest)
        yield start, line
