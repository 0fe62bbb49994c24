"""What a child process writes: a pipe read by the loop, cut into events at line ends."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence

PIPE_BYTES = 65_536  # one read; also what a pipe holds at most, so what was written before now is in one read
EVENT_LIMIT_BYTES = 262_144  # a longer line is cut into several events, as CloudWatch Logs does


class LineSplitter:
    """Cuts a byte stream into events at `\\n`; `\\r` stays inside [recorded: test_multi_line_prints]."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, data: bytes) -> list[bytes]:
        """Return the events that `data` completes, without their line ends."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > EVENT_LIMIT_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return lines

    def flush(self) -> list[bytes]:
        """Return the unfinished event, if there is one."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class OutputPipe:
    """The pipe that is a child's stdout and stderr. `sink`, which may be exchanged, gets its events in order,
    at most a pipe full at once.

    A child that floods fills the pipe and waits: each turn of the loop reads it once, so all else has its
    turn too.
    """

    def __init__(self, sink: Callable[[Sequence[bytes]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.sink = sink
        self._splitter = LineSplitter()
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._open = True
        self._loop.add_reader(self._read_end, self._readable)

    def started(self) -> None:
        """Leave the writing end to the child."""
        os.close(self.write_end)

    def drain(self) -> None:
        """Pass on what was written until now; an unfinished line too."""
        if self._open:
            self._readable()
        if rest := self._splitter.flush():
            self.sink(rest)

    def close(self) -> None:
        """Pass on the rest and close; who still writes gets SIGPIPE."""
        self.drain()
        self._close()

    def _readable(self) -> None:
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._read_end, PIPE_BYTES)
            if not data:
                self._close()
        if data and (lines := self._splitter.split(data)):
            self.sink(lines)

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_end)
            os.close(self._read_end)
