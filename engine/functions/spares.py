"""Runtime processes of Python that are started before somebody needs them.

Most of a cold start is the start of Python itself and the import of what every runtime client needs. A spare
process has that behind it, and waits for what it is to be: the arguments, folder and variables of an
environment. See docs/decisions/0015.
"""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from engine.clock import Clock, Timer
from engine.functions.definition import FIRST_PYTHON_ARGUMENT, LAUNCHER, FunctionDefinition
from engine.functions.guard import Guard
from engine.functions.output import OutputPipe
from engine.functions.process import ChildProcess
from engine.functions.variables import python_variables
from engine.random_uuid import random_hex

# What a program looks at when it starts: a function that sets one of these needs a process of its own start.
AT_THE_START = re.compile(
    r"(PYTHON|LD_|DYLD_|LC_|LANG|MALLOC_|GLIBC_|OPENSSL_).*|HOME|TZ|AWS_LAMBDA_EXEC_WRAPPER"
)
DELAY_SECONDS = 0.1  # after the last environment has come to rest
YOUNG_SECONDS = 5.0  # whoever ends so soon would do so again
WARNING_LINES = 100  # that Python may write when it starts


class SpareProcess:
    """A process that waits. It is taken up once, or closed; `name` is for the environment that it will be."""

    def __init__(self, program: str, temporary: Path, guard: Guard, on_death: Callable[[], None]) -> None:
        """`on_death` is called when it ends by itself. Raises OSError."""
        self.name = random_hex(32)
        self._guard = guard
        self._on_death = on_death
        self._written: list[bytes] = []
        reads, self._orders = os.pipe()
        try:
            self._output = OutputPipe(self._keep)
            try:
                self._process = ChildProcess(
                    [program, str(LAUNCHER), str(os.getpid()), "spare"],
                    folder=temporary,
                    variables=python_variables(os.environ, temporary / self.name),
                    output=self._output.write_end,
                    on_exit=self._ended,
                    reads=reads,
                )
            finally:
                self._output.started()
        except OSError:
            os.close(self._orders)
            raise
        finally:
            os.close(reads)
        guard.add(self._process.pid)

    def take_up(
        self,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        log: Callable[[Sequence[bytes]], None],
        on_exit: Callable[[ChildProcess, int], None],
    ) -> tuple[ChildProcess, OutputPipe] | None:
        """Let it be what `command` would have started; None when it cannot, and is of no use to anybody."""
        if self._process.has_ended() or not folder.is_dir():
            self.close()
            return None
        arguments = command[FIRST_PYTHON_ARGUMENT:]
        order = {"arguments": arguments, "folder": str(folder), "variables": dict(variables)}
        try:
            self._tell(json.dumps(order).encode() + b"\n")
        except OSError:  # it ends at this very moment
            self.close()
            return None
        os.close(self._orders)
        if self._written:
            log(self._written)
        self._process.on_exit, self._output.sink = on_exit, log
        return self._process, self._output

    def close(self) -> None:
        """End it."""
        self._on_death = _nothing
        self._process.kill()

    async def gone(self) -> None:
        """Return once it has ended."""
        await self._process.gone.wait()

    def _tell(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._orders, line) :]

    def _keep(self, lines: Sequence[bytes]) -> None:
        self._written += lines[: WARNING_LINES - len(self._written)]

    def _ended(self, process: ChildProcess, _: int) -> None:
        self._guard.remove(process.pid)
        self._output.close()
        os.close(self._orders)
        self._on_death()


class Spares:
    """Keeps one spare process for each Python that is in use."""

    def __init__(self, clock: Clock, guard: Guard, temporary: Path) -> None:
        self._clock = clock
        self._guard = guard
        self._temporary = temporary
        self._waiting: dict[str, SpareProcess] = {}
        self._timers: dict[str, Timer] = {}
        self._useless: set[str] = set()  # programs that end by themselves before they are asked for anything

    def prepare(self, function: FunctionDefinition) -> None:
        """Start one a little later, for the next environment of this function or of one like it."""
        program = _program(function)
        if program is None or program in self._waiting or program in self._timers or program in self._useless:
            return
        self._timers[program] = self._clock.after_real(DELAY_SECONDS, partial(self._start, program))

    def take(self, function: FunctionDefinition) -> SpareProcess | None:
        """Return a process that can become an environment of this function; None when there is none."""
        program = _program(function)
        return None if program is None else self._waiting.pop(program, None)

    async def close(self) -> None:
        """End all."""
        for timer in self._timers.values():
            timer.cancel()
        left, self._waiting = list(self._waiting.values()), {}
        for spare in left:
            spare.close()
        for spare in left:
            await spare.gone()

    def _start(self, program: str) -> None:
        del self._timers[program]
        try:
            self._guard.prepare()
            self._waiting[program] = SpareProcess(
                program, self._temporary, self._guard, partial(self._forget, program, self._clock.stopwatch())
            )
        except OSError:
            self._useless.add(program)  # who needs a process for an environment is told what is wrong

    def _forget(self, program: str, started: float) -> None:
        """One has ended that nobody asked for anything: it cannot wait, or somebody has killed it."""
        if self._clock.stopwatch() - started < YOUNG_SECONDS:
            self._useless.add(program)
        self._waiting.pop(program, None)


def _program(function: FunctionDefinition) -> str | None:
    """Return the Python that can be started ahead for a function; None when it has to be started for it."""
    if function.python is None or function.layers or any(map(AT_THE_START.fullmatch, function.variables)):
        return None
    return function.python.program


def _nothing() -> None:
    pass
