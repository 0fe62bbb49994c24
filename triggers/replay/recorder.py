"""Writes a recording while the simulator runs.

Each line is handed to the operating system whole, in one append, when an attempt has finished or an event has
ended without one: after `kill -9` all of them are there. Only the line that is being written at that moment
may be torn, as the system ends such a write between two pages of the file; a replay notices that and leaves
it out. A full disk ends the recording, never the simulator.
"""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.clock import Clock
from engine.errors import HeadraceError
from engine.feed import EventNeverRan, Fact, Feed, InvocationFinished, Notice
from triggers.replay.recording import format_line


class CannotRecord(HeadraceError):
    """The recording cannot be begun; nothing was written."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"cannot record into {path}: {problem}")
        self.path, self.problem = path, problem


class Recorder:
    """Records every attempt that finishes, and every event that ends without one, while it is entered.

    `recorded` counts its lines.
    """

    def __init__(self, path: Path, feed: Feed, clock: Clock) -> None:
        self.path = path
        self.recorded = 0
        self._feed = feed
        self._clock = clock
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Open the file. Raises CannotRecord; an earlier recording is never overwritten."""
        self._descriptor = _open_new(self.path)
        self._started = self._clock.now()
        self._untap = self._feed.tap(self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _take(self, fact: Fact) -> None:
        if not isinstance(fact, InvocationFinished | EventNeverRan) or self._descriptor < 0:
            return
        line = format_line(fact, self._started)
        whole_bytes = os.fstat(self._descriptor).st_size
        problem = _append(self._descriptor, line)
        if problem is None:
            self.recorded += 1
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, whole_bytes)  # what did fit of the line goes again
        self._close()
        text = f"the recording ended after {self.recorded} lines: {problem}"
        self._feed.publish(Notice(self._clock.now(), "error", str(self.path), text))

    def _close(self) -> None:
        if self._descriptor >= 0:
            self._untap()
            os.close(self._descriptor)
            self._descriptor = -1


def _open_new(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        raise CannotRecord(path, (error.strerror or str(error)).lower()) from error
    if os.fstat(descriptor).st_size:
        os.close(descriptor)
        raise CannotRecord(path, "it holds something already; choose another name or remove it")
    return descriptor


def _append(descriptor: int, line: bytes) -> str | None:
    """Write a line with one call; return why it did not fit, if it did not."""
    try:
        written = os.write(descriptor, line)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None if written == len(line) else "no space left on device"
