"""One execution environment: a runtime process, its TMPDIR and its log stream.

The process may come and go (after a timeout or a crash the next invocation starts another), the rest stays.
Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle".
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from engine.clock import to_millis
from engine.errors import CodeError, ServiceFailure
from engine.feed import EnvironmentStarted, EnvironmentStopped, InvocationFinished, InvocationStarted
from engine.functions import faults
from engine.functions.definition import FunctionDefinition
from engine.functions.faults import Fault
from engine.functions.handler_clock import HandlerClock
from engine.functions.invocation import Invocation, InvocationResult
from engine.functions.log_lines import JsonLines, Phase, Report, TextLines
from engine.functions.logs import LogStream
from engine.functions.memory_meter import MemoryMeter
from engine.functions.pace import Stint
from engine.functions.package import folders_of, is_executable
from engine.functions.runtime import Exited, NotStarted, OutOfMemory, Runtime, Signal, TimedOut
from engine.functions.runtime_api import Answered, Failed, Ready
from engine.functions.spares import SpareProcess
from engine.functions.surroundings import LOOK_AFTER_SECONDS, Surroundings
from engine.functions.tracing import trace_header
from engine.functions.variables import runtime_variables
from engine.functions.written_files import WriteReports

if TYPE_CHECKING:
    from engine.functions.spoiling import Spoiled

MEMORY_AGE_SECONDS = 0.25  # an older figure for Max Memory Used is taken again


class Environment:
    """Runs one invocation at a time. After `stop()` it must not be used again."""

    def __init__(
        self,
        function: FunctionDefinition,
        surroundings: Surroundings,
        on_started: Callable[[], None] = lambda: None,
        spare: SpareProcess | None = None,
    ) -> None:
        """`on_started` is called once, when the first initialisation has ended, well or badly.

        Its first process is the `spare` one, if that can be taken up.
        """
        self.function = function
        self._on_started = on_started
        self.retired: str | None = None  # why it must not take another invocation
        self._around = surroundings
        self._clock = surroundings.clock
        self._spare = spare
        self._log = LogStream(
            function.name,
            surroundings.logs,
            surroundings.clock,
            surroundings.feed,
            function.version,
            None if spare is None else spare.name,
        )
        self.name = self._log.environment
        self._lines = (JsonLines if function.log_format == "JSON" else TextLines)(function.version)
        self._runtime = Runtime(surroundings.clock, surroundings.guard, self._log.write)
        self._temporary = surroundings.temporary / self.name
        self._reports: WriteReports | None = None
        self._folder: Path | None = None
        self._refusal: str | None = None  # of code that cannot be unpacked
        self._layers: tuple[Path, ...] = ()
        self._fresh = True
        self._began = float("inf")
        self._memory = MemoryMeter(surroundings.clock, function.memory_mb, self._takes_too_much)
        self._handler_clock: HandlerClock | None = None

    async def invoke(self, invocation: Invocation, root: str) -> InvocationResult:
        """Run one invocation to its end, whatever that is. `root` is its trace id.

        Cancelled, it kills the runtime process; the environment can be used again unless it is `retired`.
        Raises ServiceFailure when the machine has no room for another environment, or when the code is not
        there at the moment.
        """
        cold_start = self._fresh
        self._began = self._clock.stopwatch()
        try:
            self._log.begin()
            init_ms = None
            if cold_start:
                try:
                    init_ms = await self._first_init()
                finally:
                    self._on_started()
            self._fresh = False
            if self._reports is None:
                return await self._invoke(invocation, root, init_ms, cold_start)
            self._reports.begin((*invocation.lineage, self.function.name))
            try:
                return await self._invoke(invocation, root, init_ms, cold_start)
            finally:
                self._reports.end()
        except BaseException:
            self._runtime.kill()
            if self._fresh:
                self.retired = "not initialised"
            raise

    async def stop(self, reason: str) -> None:
        """End the process, SIGTERM first, and remove what the environment had; the feed is told `reason`."""
        if self._spare is not None:
            self._spare.close()
            await self._spare.gone()
        await self._runtime.stop(self._around.stop_grace_seconds)
        self._around.guard.sweep(self.name)
        self._log.close()
        if self._reports is not None:
            self._reports.close()
        if self._handler_clock is not None:
            self._handler_clock.close()
        await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)
        self._around.feed.publish(
            EnvironmentStopped(self._clock.now(), self.function.name, self.name, reason)
        )

    def look_after(self) -> None:
        """Do what a long invocation needs from time to time, `LOOK_AFTER_SECONDS` apart."""
        self._log.flush()
        pid = self._runtime.pid
        if pid is not None and self._clock.stopwatch() - self._began > LOOK_AFTER_SECONDS:
            self._memory.measure(pid)

    def _takes_too_much(self, pid: int) -> None:
        if pid == self._runtime.pid and self._runtime.awaited:
            self._runtime.signal(OutOfMemory())

    async def _first_init(self) -> float | None:
        """Initialise a new environment; return how many milliseconds it took, None when it failed."""
        try:
            await self._runtime.open()
            self._around.guard.prepare()
            self._temporary.mkdir()
            if self.function.python is not None:
                self._reports = self._around.written.open(self._temporary.with_suffix(".writes"))
                self._handler_clock = self._around.pace.handler_clock(
                    partial(HandlerClock, self._temporary.with_suffix(".clock"))
                )
        except OSError as error:
            raise ServiceFailure(f"no execution environment can be made: {error}") from error
        try:
            package = self.function.package
            self._folder = (
                await asyncio.to_thread(package.folder, self._around.unpacked)
                if package.zipped
                else package.path
            )
            if self.function.layers:
                self._layers = await asyncio.to_thread(
                    folders_of, self.function.layers, self._around.unpacked
                )
        except CodeError as error:
            self._refusal = str(error)
            self._log.write([self._refusal.encode()])
        async with self._stint(self._around.init_seconds) as stint:
            signal, init_ms = await stint.ended(await self._init("init", stint))
        return init_ms + await self._start_slowly() if isinstance(signal, Ready) else None

    async def _start_slowly(self) -> float:
        """Let the start take longer, if a fault has it so; return by how many milliseconds."""
        declared = self._around.faults
        longer = timedelta(0) if declared is None else declared.slow_start(self.function.name)
        if longer:
            await self._around.pace.pass_time(longer.total_seconds())
        return longer / timedelta(milliseconds=1)

    def _stint(self, limit_seconds: float, root: str | None = None) -> AbstractAsyncContextManager[Stint]:
        pace, drain = self._around.pace, self._runtime.drain
        return pace.stint(self.function, self._handler_clock, limit_seconds, drain, root=root)

    async def _init(self, phase: Phase, stint: Stint) -> Signal:
        """Start a runtime process and wait until it asks for an event; when that fails, end it."""
        began_ms = stint.lasted_ms()
        now = self._clock.now()
        self._log.write(
            [self._lines.init_start(now, self.function.runtime_version, self._around.account.region)]
        )
        try:
            self._start_process()
        except OSError as error:
            signal: Signal = NotStarted(self._refusal or f"fork/exec {error.filename}: {error.strerror}")
        else:
            if phase == "init":
                pid = (self._runtime.pid or 0) if self._around.pace.is_real else 0
                self._around.feed.publish(EnvironmentStarted(now, self.function.name, self.name, pid))
            signal = await self._runtime.next_signal(stint.deadline)
        if not isinstance(signal, Ready):
            self._runtime.kill()
            self._insist_on_code()
            fault = self._fault("", signal)
            init_ms = stint.lasted_ms() - began_ms
            error_type = fault.error_type if fault.status == "error" else None
            now = self._clock.now()
            self._log.write(self._lines.init_report(now, init_ms, phase, fault.status or "error", error_type))
        return signal

    def _insist_on_code(self) -> None:
        """Raise ServiceFailure when the code is gone, perhaps for the moment in which it is replaced.

        Lambda always has the code, so no error of the function would be true.
        """
        package = self.function.package
        if not package.path.exists():
            raise ServiceFailure(f"functions.{self.function.name}: code: {package.path} does not exist")

    def _start_process(self) -> None:
        function, folder = self.function, self._folder
        if folder is None or self._refusal is not None:
            raise FileNotFoundError(2, "No such file or directory", str(function.package.path))
        if function.program is None and function.python is None and not is_executable(folder / "bootstrap"):
            raise PermissionError(13, "no executable file", str(folder / "bootstrap"))
        variables = runtime_variables(
            function,
            os.environ,
            region=self._around.account.region,
            folder=folder,
            layers=self._layers,
            temporary=self._temporary,
            api=self._runtime.address,
            log_group=self._log.group,
            log_stream=self._log.name,
            endpoint=self._around.endpoint(),
            keys=self._around.keys,
        )
        reporting = () if self._reports is None else (str(self._reports.path), *self._around.written.folders)
        clock = ""
        if self._handler_clock is not None:
            clock = str(self._handler_clock.path)
            variables |= self._handler_clock.variables()
        spare, self._spare = self._spare, None
        self._runtime.start(function.command(folder, os.getpid(), reporting, clock), folder, variables, spare)

    async def _invoke(
        self, invocation: Invocation, root: str, init_ms: float | None, cold_start: bool
    ) -> InvocationResult:
        async with self._stint(self.function.timeout, root) as stint:
            started = self._clock.now()
            signal: Signal = Ready()
            if not self._runtime.is_running():
                signal = await self._init("invoke", stint)
            self._log.hold([self._lines.start(started, invocation.request_id)])
            self._tell_of_start(invocation, started, cold_start)
            spoiled = self._spoiled(invocation)
            if isinstance(signal, Ready):
                if spoiled is not None and spoiled.is_not_run:
                    signal = spoiled.not_run()
                else:
                    signal = await self._run(invocation, root, stint)
            signal, duration_ms = await stint.ended(signal)
            if spoiled is not None:
                signal, duration_ms = await spoiled.after_work(signal, duration_ms, self._around.pace)
        fault = None if isinstance(signal, Answered) else self._fault(invocation.request_id, signal)
        if fault is not None and fault.status is not None:
            self._runtime.kill()
        elif self._around.pace.is_real:
            await self._measure_memory()
        payload = signal.payload if isinstance(signal, Answered) else b"" if fault is None else fault.payload
        return self._conclude(invocation, payload, fault, started, duration_ms, init_ms)

    def _spoiled(self, invocation: Invocation) -> "Spoiled | None":
        declared = self._around.faults
        kind = None if declared is None else declared.spoils(self.function.name)
        if declared is None or kind is None:
            return None
        from engine.functions.spoiling import Spoiled

        timeout_ms = self.function.timeout * 1000
        return Spoiled(declared, kind, self.function.name, invocation.request_id, timeout_ms)

    async def _measure_memory(self) -> None:
        """Take the figure for the report again when it is old."""
        pid = self._runtime.pid
        if pid is not None and self._clock.stopwatch() - self._memory.measured_at > MEMORY_AGE_SECONDS:
            self._memory.measure(pid)
            await self._memory.settled()

    async def _run(self, invocation: Invocation, root: str, stint: Stint) -> Signal:
        """Hand the event out and wait for what comes of it."""
        while True:
            self._offer(invocation, root, stint)
            signal = await self._runtime.next_signal(stint.deadline)
            while isinstance(signal, Ready):
                signal = await self._runtime.next_signal(stint.deadline)
            if not isinstance(signal, Exited) or signal.at_work:
                return signal
            # The process ended after its last answer and has not seen this event.
            signal = await self._init("invoke", stint)
            if not isinstance(signal, Ready):
                return signal

    def _offer(self, invocation: Invocation, root: str, stint: Stint) -> None:
        name = self.function.name
        head = (
            f"Lambda-Runtime-Deadline-Ms: {to_millis(stint.deadline_of_handler())}\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: "
            f"{self._around.account.function(name, invocation.qualifier)}\r\n"
            f"Lambda-Runtime-Trace-Id: {trace_header(root, (*invocation.lineage, name))}\r\n"
        )
        if invocation.client_context is not None:
            head += f"Lambda-Runtime-Client-Context: {_one_line(invocation.client_context)}\r\n"
        self._runtime.offer(invocation.request_id, head.encode(), invocation.payload)

    def _tell_of_start(self, invocation: Invocation, started: datetime, cold_start: bool) -> None:
        self._around.feed.publish(
            InvocationStarted(
                started,
                self.function.name,
                invocation.request_id,
                invocation.source,
                invocation.attempt,
                self.name,
                cold_start,
            )
        )

    def _memory_used_mb(self) -> int:
        """Return the figure for the report: none in simulated time, as no two runs would have the same."""
        return self._memory.used_mb if self._around.pace.is_real else 0

    def _fault(self, request_id: str, signal: Signal) -> Fault:
        match signal:
            case Failed(payload, error_type, in_init):
                return faults.reported_by_runtime(payload, error_type, "error" if in_init else None)
            case Exited(returncode, _):
                return faults.exited(request_id, returncode)
            case TimedOut():
                return faults.timed_out(request_id, self.function.timeout)
            case OutOfMemory():
                return faults.out_of_memory(request_id)
            case NotStarted(reason):
                return faults.not_started(request_id, reason)
            case _:
                return faults.response_too_large()

    def _conclude(
        self,
        invocation: Invocation,
        payload: bytes,
        fault: Fault | None,
        started: datetime,
        duration_ms: float,
        init_ms: float | None,
    ) -> InvocationResult:
        now = self._clock.now()
        report = Report(
            invocation.request_id,
            duration_ms,
            self.function.memory_mb,
            self._memory_used_mb(),
            init_ms,
            None if fault is None else fault.status,
            fault.error_type if fault is not None and fault.status == "error" else None,
        )
        self._log.write(self._lines.end(now, report))
        result = InvocationResult(
            payload=payload,
            function_error=None if fault is None else "Unhandled",
            error_type=None if fault is None else fault.error_type,
            error_message=None if fault is None else fault.message,
            log_tail=self._log.tail(),
            duration_ms=duration_ms,
            billed_ms=report.billed_ms,
            memory_used_mb=report.memory_used_mb,
            init_ms=init_ms,
            environment=self.name,
            executed_version=self.function.version,
        )
        self._around.feed.publish(
            InvocationFinished(
                time=now,
                function=self.function.name,
                request_id=invocation.request_id,
                source=invocation.source,
                attempt=invocation.attempt,
                environment=self.name,
                started=started,
                duration_ms=duration_ms,
                billed_ms=result.billed_ms,
                memory_used_mb=result.memory_used_mb,
                init_ms=init_ms,
                function_error=result.function_error,
                error_type=result.error_type,
                error_message=result.error_message,
                event=invocation.payload,
                payload=payload,
            )
        )
        return result


def _one_line(client_context: str) -> str:
    """Return JSON text as a header can hold it; what is not JSON is left for the runtime to refuse."""
    if client_context.isascii() and client_context.isprintable():
        return client_context
    try:
        value = orjson.loads(client_context)
    except orjson.JSONDecodeError:
        return "".join(character for character in client_context if character.isprintable())
    return orjson.dumps(value).decode()
