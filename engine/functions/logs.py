"""Log streams: one file per execution environment, below `logs` in the state folder, named as in
CloudWatch Logs.

A line of the file is one log event: its moment (`2026-01-02T03:04:05.678Z`), a space, and its text as
UTF-8. Nothing that goes wrong with the file reaches the invocation: the log is told about once and the
function goes on.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from engine.clock import Clock, iso_millis
from engine.feed import Feed, LogLine, Notice
from engine.random_uuid import random_hex

TAIL_BYTES = 4096  # what LogType Tail returns


class LogStream:
    """The log of one environment, and the tail of what it wrote during the present invocation."""

    def __init__(
        self,
        function: str,
        logs: Path | None,
        clock: Clock,
        feed: Feed,
        version: str = "$LATEST",
        environment: str | None = None,
    ) -> None:
        """`logs` is the folder of all logs; without one, only the feed and the tail get the events.

        `environment` is the name that it has already.
        """
        self.environment = environment or random_hex(32)
        self.name = f"{clock.now():%Y/%m/%d}/[{version}]{self.environment}"
        self.group = f"/aws/lambda/{function}"
        self._function = function
        self._path = None if logs is None else log_file(logs, self.group, self.name)
        self._clock = clock
        self._feed = feed
        self._file: int | None = None
        self._held: list[bytes] = []
        self._tail: list[bytes] = []
        self._tail_bytes = 0

    def begin(self) -> None:
        """Start the tail of a new invocation."""
        self._tail.clear()
        self._tail_bytes = 0

    def write(self, events: Sequence[bytes]) -> None:
        """Append events, none of which holds a line feed."""
        self.hold(events)
        self.flush()

    def hold(self, events: Sequence[bytes]) -> None:
        """Take events that may reach the file a little later: with what comes next, or at `flush`."""
        now = self._clock.now()
        events = [event if event.isascii() else _valid(event) for event in events]
        self._keep_tail(events)
        if self._path is not None:
            stamp = iso_millis(now).encode() + b" "
            self._held += [b"%b%b\n" % (stamp, event) for event in events]
        if self._feed.wants_log_lines:
            for event in events:
                self._feed.publish(LogLine(now, self._function, self.environment, event.decode()))

    def flush(self) -> None:
        """Write to the file what is held."""
        if self._held:
            text = b"".join(self._held)
            self._held.clear()
            self._append(text)

    def tail(self) -> bytes:
        """Return the last 4 KB written since `begin()`."""
        return b"".join(self._tail)[-TAIL_BYTES:]

    def close(self) -> None:
        """Write what is held and close the file."""
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _keep_tail(self, events: Sequence[bytes]) -> None:
        for event in events:
            self._tail += (event, b"\n")
            self._tail_bytes += len(event) + 1
        if self._tail_bytes > 16 * TAIL_BYTES:
            self._tail[:] = [self.tail()]
            self._tail_bytes = len(self._tail[0])

    def _append(self, text: bytes) -> None:
        if self._path is None:
            return
        try:
            if self._file is not None and os.fstat(self._file).st_nlink == 0:
                self.close()  # somebody has deleted it: what comes now is the beginning of another
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            os.write(self._file, text)
        except OSError as error:
            text_of = f"its log is no longer written to {self._path}: {error.strerror}"
            self._path = None
            self.close()
            self._feed.publish(Notice(self._clock.now(), "warning", f"functions.{self._function}", text_of))


def log_file(logs: Path, group: str, stream: str) -> Path:
    """Return the file of a log stream below the folder of all logs."""
    return logs / group.lstrip("/") / f"{stream}.log"


def _valid(event: bytes) -> bytes:
    return event.decode("utf-8", "replace").encode()
