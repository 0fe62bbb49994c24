"""The runtime process of an execution environment with all that talks to it: its API, its output, its exit.

Whatever the process does arrives as a signal, one at a time, in the order it happened.
"""

import asyncio
import errno
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.clock import Clock, Timer
from engine.functions.guard import Guard
from engine.functions.output import OutputPipe
from engine.functions.process import ChildProcess
from engine.functions.runtime_api import Answered, Failed, Ready, RuntimeApi, TooLarge
from engine.functions.spares import SpareProcess
from engine.value import dataclass

ALARM_TOLERANCE_SECONDS = 0.001  # a timer may come a hair early


@dataclass(frozen=True, slots=True)
class Exited:
    """The process ended by itself; `returncode` as subprocess gives it.

    `at_work`: it had taken an event and had not answered.
    """

    returncode: int
    at_work: bool


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The time allowed is over."""


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The process tree took more memory than the function has."""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The program could not be run, for `reason`."""

    reason: str


Signal = Ready | Answered | TooLarge | Failed | Exited | TimedOut | OutOfMemory | NotStarted


class Runtime:
    """Runs one process after another on one Runtime API. `log` gets what they write, cut into events."""

    def __init__(self, clock: Clock, guard: Guard, log: Callable[[Sequence[bytes]], None]) -> None:
        self._clock = clock
        self._guard = guard
        self._log = log
        self._api = RuntimeApi(self.signal)
        self._waiter: asyncio.Future[Signal] | None = None
        self._deadline = 0.0
        self._alarm: Timer | None = None
        self._alarm_at = 0.0
        self._process: ChildProcess | None = None
        self._output: OutputPipe | None = None
        self._ending: set[ChildProcess] = set()
        self._stopped = False

    @property
    def address(self) -> str:
        """The Runtime API's `host:port`."""
        return self._api.address

    @property
    def pid(self) -> int | None:
        """The process that is running, None when there is none."""
        return None if self._process is None else self._process.pid

    def is_running(self) -> bool:
        """Look whether there is a process that can take an event."""
        if self._process is not None and self._process.has_ended():
            self.kill()  # the loop has not heard of it yet
        return self._process is not None

    @property
    def awaited(self) -> bool:
        """Whether something is expected of the process at this moment."""
        return self._waiter is not None

    async def open(self) -> None:
        """Open the Runtime API."""
        await self._api.open()

    def start(
        self,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        spare: SpareProcess | None = None,
    ) -> None:
        """Start a process, or take a spare one up; there must be none. Raises OSError when it cannot be
        started.
        """
        if self._stopped:
            raise OSError(errno.ESHUTDOWN, "its environment has been stopped", command[0])
        self._api.reset()
        taken = None if spare is None else spare.take_up(command, folder, variables, self._log, self._exited)
        if taken is not None:
            self._process, self._output = taken
            return
        output = OutputPipe(self._log)
        try:
            process = ChildProcess(
                command, folder=folder, variables=variables, output=output.write_end, on_exit=self._exited
            )
        except OSError:
            output.started()
            output.close()
            raise
        output.started()
        self._guard.add(process.pid)
        self._process, self._output = process, output

    def offer(self, request_id: str, head: bytes, payload: bytes) -> None:
        """Give the process its next event."""
        self._api.offer(request_id, head, payload)

    async def next_signal(self, deadline: float) -> Signal:
        """Wait for what the process does next; TimedOut when nothing comes by `deadline` on the stopwatch."""
        waiter: asyncio.Future[Signal] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        self._deadline = deadline
        if self._alarm is None or self._alarm_at > deadline:
            self._set_alarm()
        try:
            return await waiter
        finally:
            self._waiter = None

    def drain(self) -> None:
        """Log what was written until now."""
        if self._output is not None:
            self._output.drain()

    def signal(self, signal: Signal) -> None:
        """Tell whoever waits. What was written until now comes first in the log."""
        self.drain()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(signal)

    def kill(self) -> None:
        """End the process now, if there is one; it does nothing visible any more."""
        process, output = self._process, self._output
        self._process = self._output = None
        self._api.reset()
        if output is not None:
            output.close()
        if process is not None:
            self._ending.add(process)
            process.kill()

    async def stop(self, grace_seconds: float) -> None:
        """Ask the process to end, kill it after the grace period, and close everything. Nothing is left."""
        self._stopped = True
        if (process := self._process) is not None:
            process.terminate()
            timer = self._clock.after_real(grace_seconds, process.kill)
            try:
                await process.gone.wait()
            finally:
                timer.cancel()
                process.kill()
        self._api.close()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._output is not None:
            self._output.close()
        for process in tuple(self._ending):
            await process.gone.wait()

    def _set_alarm(self) -> None:
        """Be called at the deadline. An alarm set for an earlier one stays: most are never needed."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = self._deadline
        left = max(0.0, self._deadline - self._clock.stopwatch())
        self._alarm = self._clock.after_real(left, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        if self._clock.stopwatch() >= self._deadline - ALARM_TOLERANCE_SECONDS:
            self.signal(TimedOut())
        else:
            self._set_alarm()

    def _exited(self, process: ChildProcess, returncode: int) -> None:
        self._guard.remove(process.pid)
        self._ending.discard(process)
        if process is self._process:
            self._process = None
            if self._output is not None:
                self._output.close()
                self._output = None
            self.signal(Exited(returncode, self._api.handed_out))
