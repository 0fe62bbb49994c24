"""Which files of some folders the running handlers have written, as their own processes say.

A Python runtime process reports, before it opens a file of these folders for writing or moves one there, the
file's path on a pipe of its environment's. Only what the process itself says counts, and only for a file that
was changed while an invocation ran there: a file that somebody else puts into the folder is never taken for
the function's. What libraries write past Python, or a process that the handler starts, is not reported.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from engine.clock import Clock

PIPE_BYTES = 65_536
MOST_FILES = 10_000
TOLERANCE_NS = 20_000_000  # the kernel stamps files with a clock that may be a tick behind
HAS_FIFOS = hasattr(os, "mkfifo")


class Run:
    """An invocation that has written files. Times are of the real clock, in nanoseconds.

    `lineage` has the functions that led to the invocation, its own last.
    """

    def __init__(self, lineage: tuple[str, ...], began_ns: int) -> None:
        self.lineage = lineage
        self.began_ns = began_ns
        self.ended_ns: int | None = None

    def covers(self, changed_ns: int) -> bool:
        """Say whether a file that was last changed at this moment was changed during the invocation."""
        if changed_ns < self.began_ns - TOLERANCE_NS:
            return False
        return self.ended_ns is None or changed_ns <= self.ended_ns + TOLERANCE_NS


class WrittenFiles:
    """The files that were written below `folders`, and by which invocation, newest last."""

    def __init__(self, folders: Sequence[Path], clock: Clock) -> None:
        """Without folders, or where there are no named pipes, nothing is reported."""
        self.folders = tuple(os.path.realpath(folder) for folder in folders) if HAS_FIFOS else ()
        self._clock = clock
        self._reports: set[WriteReports] = set()
        self._runs: dict[str, Run] = {}

    def open(self, fifo: Path) -> "WriteReports | None":
        """Make the pipe of one environment; None when there is nothing to report. Raises OSError."""
        if not self.folders:
            return None
        reports = WriteReports(fifo, self, self._clock)
        self._reports.add(reports)
        return reports

    def lineage_of(self, path: str) -> tuple[str, ...]:
        """Return the functions that led to the present content of a file; empty when no handler wrote it."""
        for reports in self._reports:
            reports.read()
        if not self._runs:
            return ()
        folder, name = os.path.split(path)
        run = self._runs.get(os.path.join(os.path.realpath(folder), name))  # noqa: PTH118 - as it was reported
        if run is None:
            return ()
        try:
            changed_ns = os.lstat(path).st_ctime_ns
        except OSError:
            return ()
        return run.lineage if run.covers(changed_ns) else ()

    def note(self, path: str, run: Run) -> None:
        """Take note that a file is about to be written."""
        self._runs.pop(path, None)
        self._runs[path] = run
        if len(self._runs) > MOST_FILES:
            del self._runs[next(iter(self._runs))]

    def forget(self, reports: "WriteReports") -> None:
        """Listen to an environment no more; what it has written stays its own."""
        self._reports.discard(reports)


class WriteReports:
    """The pipe on which one environment reports. `begin` and `end` enclose each invocation."""

    def __init__(self, fifo: Path, written: WrittenFiles, clock: Clock) -> None:
        self.path = fifo
        self._written = written
        self._clock = clock
        self._lineage: tuple[str, ...] | None = None  # of the invocation that runs
        self._began = 0.0  # on the stopwatch
        self._run: Run | None = None  # once it has written something
        self._rest = b""
        os.mkfifo(fifo, 0o600)
        self._descriptor = os.open(
            fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
        )  # both ends: never at its end
        asyncio.get_running_loop().add_reader(self._descriptor, self.read)

    def begin(self, lineage: tuple[str, ...]) -> None:
        """Take what is reported from now on for the doing of an invocation with this lineage."""
        self._lineage, self._began, self._run = lineage, self._clock.stopwatch(), None

    def end(self) -> None:
        """The invocation has ended."""
        self.read()
        if self._run is not None:
            self._run.ended_ns = self._now_ns()
        self._lineage = None

    def read(self) -> None:
        """Take note of what has been reported until now."""
        try:
            data = os.read(self._descriptor, PIPE_BYTES)
        except BlockingIOError:
            return
        *paths, self._rest = (self._rest + data).split(b"\0")
        if self._lineage is None:
            return
        if self._run is None:
            lasted = self._clock.stopwatch() - self._began
            self._run = Run(self._lineage, self._now_ns() - int(lasted * 1e9))
        for path in paths:
            self._written.note(os.fsdecode(path), self._run)

    def close(self) -> None:
        """Remove the pipe."""
        self._written.forget(self)
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _now_ns(self) -> int:
        return int(self._clock.real_now().timestamp() * 1e9)
