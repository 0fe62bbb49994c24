"""All execution environments: which one takes an invocation, when a new one is made, when one has to go.

Source: Lambda developer guide, "Understanding Lambda function scaling".
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import TYPE_CHECKING, Self

from engine.arn import Account
from engine.clock import Clock, Timer, to_millis
from engine.errors import ResourceNotFound
from engine.feed import Feed, Notice
from engine.functions.code_watch import CodeWatch
from engine.functions.definition import LATEST, FunctionDefinition
from engine.functions.guard import Guard
from engine.functions.idle_environments import IdleEnvironments
from engine.functions.invocation import Invocation, InvocationResult, Throttled
from engine.functions.pace import Pace, RealPace
from engine.functions.surroundings import LOOK_AFTER_SECONDS, Surroundings
from engine.functions.tracing import trace_root
from engine.functions.variables import MADE_UP, KeyPair
from engine.functions.versions import Version, Versions
from engine.functions.written_files import WrittenFiles
from engine.value import dataclass
from engine.watching import FolderWatcher

if TYPE_CHECKING:
    from engine.faults import Faults
    from engine.functions.environment import Environment
    from engine.functions.spares import Spares

# By then the first process has been started and is busy with its own imports; a watch begins with one too.
WATCH_DELAY_SECONDS = 0.01
FOLDER_PREFIX = "headrace-"
INIT_LIMIT = timedelta(seconds=10)
STOP_GRACE = timedelta(milliseconds=500)
MAX_ENVIRONMENTS = 10
LONGEST_START_SECONDS = 0.25
# A function that has an environment for every processor gets another one when an invocation has waited this
# long for one of them: less than a start takes, and enough for a dozen short invocations to be through.
PATIENCE_SECONDS = 0.02

STOPPING = "the simulator is stopping"
RESERVED_LIMIT_REACHED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_LIMIT_REACHED = "ConcurrentInvocationLimitExceeded"
ENDING = "an environment ends"  # the name of the tasks that see to it


@dataclass(slots=True, eq=False)
class _Waiter:
    """An invocation that waits its turn. It gets an environment, or None: it may make one.

    `needs_room` is False for one whose caller waits for it; `since` is on the stopwatch.
    """

    function: Version
    needs_room: bool
    turn: "asyncio.Future[Environment | None]"
    since: float


class Functions:
    """Runs functions by name. Enter it before use; leaving it ends every environment."""

    def __init__(
        self,
        definitions: Iterable[FunctionDefinition],
        *,
        clock: Clock,
        feed: Feed,
        account: Account | None = None,
        state: Path | None = None,
        endpoint: Callable[[], str | None] = lambda: None,
        max_environments: int = MAX_ENVIRONMENTS,
        init_limit: timedelta = INIT_LIMIT,
        stop_grace: timedelta = STOP_GRACE,
        watcher: FolderWatcher | None = None,
        not_code: Sequence[Path] = (),
        reported: Sequence[Path] = (),
        chance: Random | None = None,
        pace: Pace | None = None,
        temporary: Path | None = None,
        faults: "Faults | None" = None,
        keys: KeyPair = MADE_UP,
    ) -> None:
        """`state` is the state folder, for logs and unpacked code; without one, both end with the simulator.

        `endpoint` gives the URL that a handler's AWS clients use; it is asked whenever a process is started.
        With a `watcher`, a function's environments are renewed when its code changes; `not_code` are
        folders and files whose changes are none of its code's: buckets, databases, the state folder. Of
        files in the `reported` folders, `writers_of` knows which of them a handler has written. Aliases
        choose between versions by `chance`. Time passes at the `pace`, the real one unless given.
        `temporary` is the folder that environments have their own in; it is made, and removed in the end.
        Declared `faults` strike where there are any. Handlers' credentials are `keys`.
        """
        self.versions = Versions(definitions, chance or Random())  # noqa: S311 - draws versions, not secrets
        self._present: dict[Environment, Version] = {}  # until their processes have ended
        self._clock = clock
        self._pace = pace or RealPace(clock)
        self._temporary = temporary or Path(tempfile.gettempdir()) / (
            f"{FOLDER_PREFIX}{os.getpid()}-{token_hex(4)}"
        )
        self._around = Surroundings(
            clock=clock,
            pace=self._pace,
            guard=Guard(self._temporary),
            feed=feed,
            account=account or Account(),
            endpoint=endpoint,
            logs=None if state is None else state / "logs",
            unpacked=(self._temporary if state is None else state) / "code",
            written=WrittenFiles(reported, clock),
            temporary=self._temporary,
            init_seconds=init_limit.total_seconds(),
            stop_grace_seconds=stop_grace.total_seconds(),
            keys=keys,
            faults=faults,
        )
        self._alive: dict[Environment, float] = {}  # and when they were made, by the loop's time
        self._working: set[Environment] = set()
        self._idle = IdleEnvironments(clock, partial(self._stop_later, reason="idle"))
        self._waiting: deque[_Waiter] = deque()
        self._lineages: dict[str, tuple[str, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._look_after_timer: Timer | None = None
        self._patience_timer: Timer | None = None
        self._spares: Spares | None = None  # once one may be of use
        self._room = max_environments  # below 0 while callers wait for functions that they have called
        self._starting = 0
        self._watcher = watcher
        self._not_code = tuple(not_code)
        self._closed = False
        self._one_ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._idle.close()
        for timer in (self._look_after_timer, self._patience_timer):
            if timer is not None:
                timer.cancel()
        for state in self.versions:
            if state.watch is not None:
                state.watch.close()
        for waiter in self._waiting:
            waiter.turn.set_exception(RuntimeError(STOPPING))
        self._waiting.clear()
        for environment in tuple(self._alive):
            self._stop_later(environment, "shutdown")
        with self._pace.outside():
            await asyncio.gather(*self._tasks)
        if self._spares is not None:
            await self._spares.close()
        await asyncio.to_thread(self._around.guard.close)
        await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)

    async def invoke(self, function: str, invocation: Invocation) -> InvocationResult | Throttled:
        """Run one attempt to its end. Over the reserved concurrency it is throttled at once.

        When there are `max_environments` at work, or as many being started as there are processors, it waits
        for one to be free. With `caller_waits` it waits for no room: its caller, who is one of those at
        work, would never end. Raises ResourceNotFound when no function goes by this name, ServiceFailure
        when the machine has no room for another environment, and RuntimeError once the pool is being left.
        """
        if self._closed:
            raise RuntimeError(STOPPING)
        state = self.versions.choose(function, invocation.qualifier)
        if state is None:
            arn = self._around.account.function(function, invocation.qualifier or LATEST)
            raise ResourceNotFound("Function", arn)
        concurrency = state.concurrency
        if concurrency.reserved is not None and concurrency.running >= concurrency.reserved:
            return Throttled(RESERVED_LIMIT_REACHED)
        faults = self._around.faults
        if faults is not None and faults.throttles(function, invocation.request_id):
            is_reserved = concurrency.reserved is not None
            return Throttled(RESERVED_LIMIT_REACHED if is_reserved else ACCOUNT_LIMIT_REACHED)
        root = trace_root(to_millis(self._clock.now()) // 1000)
        self._lineages[root] = (*invocation.lineage, function)
        concurrency.running += 1
        self.versions.begun += 1
        try:
            if not invocation.caller_waits:
                return await self._run(state, invocation, root)
            async with self._pace.waiting():
                return await self._run(state, invocation, root)
        finally:
            concurrency.running -= 1
            del self._lineages[root]
            self._one_ended.set()

    async def _run(self, state: Version, invocation: Invocation, root: str) -> InvocationResult:
        """Run one attempt in an environment of its function's, as soon as one may have it."""
        with self._pace.outside():
            environment = state.idle.pop() if state.idle else await self._obtain(state, invocation)
            self._idle.discard(environment)
            self._working.add(environment)
            if self._look_after_timer is None:
                self._look_after_timer = self._clock.after_real(LOOK_AFTER_SECONDS, self._look_after)
            try:
                return await environment.invoke(invocation, root)
            finally:
                self._working.remove(environment)
                if not self._working:
                    self._look_after_timer.cancel()
                    self._look_after_timer = None
                self._release(state, environment)

    async def at_rest(self) -> None:
        """Return once no invocation is running or waiting for its turn."""
        while self.versions.running():
            self._one_ended.clear()
            await self._one_ended.wait()

    def figures(self, function: str) -> dict[str, int]:
        """Return how many environments a function has, and how many invocations are running."""
        environments = sum(state.environments for state in self.versions if state.definition.name == function)
        return {"environments": environments, "running": self.versions.concurrency_of(function).running}

    def put(self, definition: FunctionDefinition) -> None:
        """Add a version of a function, or change it: invocations that run end in environments as they are."""
        state = self.versions.get(definition.name, definition.version)
        if state is None:
            self.versions.add(definition)
        else:
            self._retire_all(state, "code change")
            state.definition = definition

    def remove(self, function: str, version: str = LATEST) -> None:
        """Forget a version of a function; invocations that run there go on to their end."""
        state = self.versions.remove(function, version)
        self._retire_all(state, "removed")
        if state.watch is not None:
            state.watch.close()

    async def gone(self, code: Path) -> None:
        """Return once no environment has the code at this path, as its own or as a layer's."""
        while any(code in each.function.code_paths for each in self._present):
            self._one_ended.clear()
            await self._one_ended.wait()

    def lineage_of(self, root: str) -> tuple[str, ...] | None:
        """Return the functions that led to a running invocation, itself last; None for another trace id."""
        return self._lineages.get(root)

    def writers_of(self, path: str) -> tuple[str, ...]:
        """Return the functions that led to a file of a reported folder, its writer last; empty for others."""
        return self._around.written.lineage_of(path)

    def retire(self, function: str, made_before: float = float("inf")) -> None:
        """Let the function's next invocations run in environments made since. Those at work finish first."""
        state = self.versions.get(function)
        assert state is not None, "what is watched is there"
        if state.watch is not None and not state.definition.package.path.exists():
            state.watch.close()  # and watch it again when it is back
            state.watch, state.to_be_watched = None, True
        self._retire_all(state, "code change", made_before)

    def _retire_all(self, state: Version, reason: str, made_before: float = float("inf")) -> None:
        for environment, made_at in self._alive.items():
            if self._present[environment] is state and made_at <= made_before:
                environment.retired = environment.retired or reason
        for environment in tuple(state.idle):
            if environment.retired is not None:
                self._stop_later(environment, environment.retired)

    async def _obtain(self, state: Version, invocation: Invocation) -> "Environment":
        """Return an environment once there may be one; an idle one of another function makes room."""
        if self._room <= 0 and (oldest := self._idle.oldest()) is not None:
            self._stop_later(oldest, "room for another function")
        turn: asyncio.Future[Environment | None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(state, not invocation.caller_waits, turn, self._clock.stopwatch())
        self._waiting.append(waiter)
        if self._patience_timer is None or not self._patient_until(waiter):
            self._let_start()
        try:
            environment = await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif (given := waiter.turn.result()) is not None:
                self._release(state, given)
            else:
                self._room += 1
                self._one_has_started()
            raise
        return self._new_environment(state) if environment is None else environment

    def _new_environment(self, state: Version) -> "Environment":
        # Loaded with the first environment: a simulator is ready before anything runs.
        from engine.functions.environment import Environment

        definition = state.definition
        spare = None if self._spares is None else self._spares.take(definition)
        environment = Environment(definition, self._around, self._start_slot(state), spare)
        state.environments += 1
        if self._watcher is not None and state.to_be_watched:
            self._clock.world.call_after(WATCH_DELAY_SECONDS, partial(self._watch_code, state))
        self._alive[environment] = asyncio.get_running_loop().time()
        self._present[environment] = state
        return environment

    def _release(self, state: Version, environment: "Environment") -> None:
        """Pass an environment on, when it is still good, to who has waited longest."""
        if self._closed:
            return  # whoever closes stops it
        if environment.retired is not None:
            self._stop_later(environment, environment.retired)
        elif (waiter := self._next_for(state)) is not None:
            self._waiting.remove(waiter)
            waiter.turn.set_result(environment)
        elif self._room < 0 or (self._waiting and self._room == 0):
            self._stop_later(environment, "room for another function")
        else:
            state.idle.append(environment)
            self._idle.add(environment)

    def prepare(self) -> None:
        """Start ahead what the first environment will need."""
        for state in self.versions:
            self._prepare_spare(state.definition)

    def _prepare_spare(self, definition: FunctionDefinition) -> None:
        if self._closed:
            return  # a start that has been given up ends late
        if self._spares is None and self._pace.is_real and not self._clock.is_steered:
            from engine.functions.spares import Spares

            self._spares = Spares(self._clock, self._around.guard, self._temporary)
        if self._spares is not None:
            self._spares.prepare(definition)

    def _next_for(self, state: Version) -> _Waiter | None:
        """Return who may have an environment of this function; without room, only the very first may."""
        candidates = self._waiting if self._room > 0 else itertools.islice(self._waiting, 1)
        return next((waiter for waiter in candidates if waiter.function is state), None)

    def _watch_code(self, state: Version) -> None:
        definition = state.definition
        if self._watcher is None or self._closed or not state.to_be_watched:
            return
        state.to_be_watched = False
        if any(definition.package.path.is_relative_to(folder) for folder in self._not_code):
            return  # deployed code, which nobody changes
        try:
            state.watch = CodeWatch(
                self._watcher, definition.package, self._not_code, partial(self.retire, definition.name)
            )
        except OSError as error:
            text = f"changes of its code will not be noticed: {error}"
            place = f"functions.{definition.name}"
            self._around.feed.publish(Notice(self._clock.now(), "warning", place, text))

    def _start_slot(self, state: Version) -> Callable[[], None]:
        """Return what frees the slot that a start has taken; a long start frees it by itself.

        Who takes long waits for something else than a processor, and must not hold up others.
        """
        is_free = False

        def free() -> None:
            nonlocal is_free
            if not is_free:
                is_free = True
                state.started_at = self._clock.stopwatch()
                timer.cancel()
                self._one_has_started()
                self._prepare_spare(state.definition)

        timer = self._clock.after_real(LONGEST_START_SECONDS, free)
        return free

    def _one_has_started(self) -> None:
        """Take note that an environment has been initialised, or could not be."""
        self._starting -= 1
        self._let_start()

    def _let_start(self) -> None:
        """Let those who have waited longest make environments, as far as there is room and sense in it."""
        now = self._clock.stopwatch()
        while self._starting < self._pace.starts_at_once:
            ready = (
                waiter
                for waiter in self._waiting
                if (self._room > 0 or not waiter.needs_room) and self._patient_until(waiter) <= now
            )
            if (waiter := next(ready, None)) is None:
                break
            self._waiting.remove(waiter)
            self._room -= 1
            self._starting += 1
            waiter.turn.set_result(None)
        if self._waiting and self._patience_timer is None:
            soonest = min(self._patient_until(waiter) for waiter in self._waiting)
            if soonest > now:
                self._patience_timer = self._clock.after_real(soonest - now, self._lose_patience)

    def _patient_until(self, waiter: _Waiter) -> float:
        """Return until when, on the stopwatch, it is better off with an environment that is at work now."""
        if waiter.function.environments < self._pace.starts_at_once:
            return 0.0
        return max(waiter.since, waiter.function.started_at) + PATIENCE_SECONDS

    def _lose_patience(self) -> None:
        self._patience_timer = None
        self._let_start()

    def _stop_later(self, environment: "Environment", reason: str) -> None:
        """Take an environment out of use now, and end it in a task of its own; then there is room again."""
        state = self._present[environment]
        if self._idle.discard(environment):
            state.idle.remove(environment)
        if self._alive.pop(environment, None) is not None:
            state.environments -= 1
        task = asyncio.get_running_loop().create_task(self._stop(environment, reason), name=ENDING)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self, environment: "Environment", reason: str) -> None:
        with self._pace.outside():
            async with self._pace.alone():
                await environment.stop(reason)
        del self._present[environment]
        self._one_ended.set()
        self._room += 1
        self._let_start()

    def _look_after(self) -> None:
        self._look_after_timer = self._clock.after_real(LOOK_AFTER_SECONDS, self._look_after)
        for environment in tuple(self._working):
            environment.look_after()
