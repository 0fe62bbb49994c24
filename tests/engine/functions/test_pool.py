"""Which environment takes an invocation. Real processes, on the virtual loop."""

import asyncio
import json
import os
import resource
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.clock import Clock
from engine.errors import ResourceNotFound, ServiceFailure
from engine.feed import (
    EnvironmentStarted,
    EnvironmentStopped,
    Fact,
    Feed,
    InvocationFinished,
    InvocationStarted,
)
from engine.functions import pool
from engine.functions.definition import define
from engine.functions.invocation import Invocation, InvocationResult, Throttled
from engine.functions.pace import RealPace
from engine.functions.pool import Functions
from engine.functions.settings import FunctionSettings
from tests.fakes.real_functions import function, invoke, write_code

COUNTING = """
    import os, time
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        time.sleep(event.get("sleep", 0))
        return {"calls": calls, "pid": os.getpid()}
"""

Start = Callable[..., Any]


@pytest.fixture
def facts(feed: Feed) -> list[Fact]:
    facts: list[Fact] = []
    feed.tap(facts.append)
    return facts


@pytest.fixture
async def start(tmp_path: Path, clock: Clock, feed: Feed) -> AsyncIterator[Start]:
    started: list[Functions] = []

    async def start(*sources: str, names: tuple[str, ...] = ("fn", "other"), **options: Any) -> Functions:
        settings = {
            key: options.pop(key) for key in ("reserved_concurrency", "idle_timeout") if key in options
        }
        definitions = [
            function(tmp_path, source, name, **settings)
            for name, source in zip(names, sources or (COUNTING,), strict=False)
        ]
        functions = Functions(definitions, clock=clock, feed=feed, **options)
        started.append(functions)
        return await functions.__aenter__()

    yield start
    for functions in started:
        await functions.__aexit__(None, None, None)


def slowly(seconds: float) -> bytes:
    return json.dumps({"sleep": seconds}).encode()


def is_alive(pid: int) -> bool:
    """A stranger's child that nobody has collected yet is dead all the same."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def reasons(facts: list[Fact]) -> list[str]:
    return [fact.reason for fact in facts if isinstance(fact, EnvironmentStopped)]


async def test_an_unknown_function_is_not_found(start: Start) -> None:
    functions = await start()
    with pytest.raises(ResourceNotFound, match=r"function:nobody:\$LATEST$"):
        await functions.invoke("nobody", Invocation("1", b"{}"))


async def test_a_warm_environment_keeps_its_module_state(start: Start, facts: list[Fact]) -> None:
    functions = await start()
    first, second = await invoke(functions), await invoke(functions)
    assert [json.loads(result.payload)["calls"] for result in (first, second)] == [1, 2]
    assert first.environment == second.environment
    assert first.init_ms is not None
    assert first.init_ms > 0
    assert second.init_ms is None
    assert first.billed_ms >= first.init_ms
    assert [type(fact) for fact in facts] == [
        EnvironmentStarted,
        InvocationStarted,
        InvocationFinished,
        InvocationStarted,
        InvocationFinished,
    ]
    assert [fact.cold_start for fact in facts if isinstance(fact, InvocationStarted)] == [True, False]


async def test_there_are_as_many_environments_as_invocations_at_once(start: Start, facts: list[Fact]) -> None:
    functions = await start()
    await asyncio.gather(*(invoke(functions, slowly(0.2)) for _ in range(3)))
    for _ in range(6):
        await invoke(functions)
    assert len([fact for fact in facts if isinstance(fact, EnvironmentStarted)]) == 3


async def test_the_most_recently_used_environment_is_used_first(start: Start) -> None:
    functions = await start()
    slow, quick = await asyncio.gather(invoke(functions, slowly(0.3)), invoke(functions, slowly(0.0)))
    assert {(await invoke(functions)).environment for _ in range(3)} == {slow.environment}
    assert slow.environment != quick.environment


async def test_over_its_reserved_concurrency_a_function_is_throttled_at_once(start: Start) -> None:
    functions = await start(reserved_concurrency=1)
    running = asyncio.create_task(invoke(functions, slowly(0.2)))
    await asyncio.sleep(0)
    refused = await functions.invoke("fn", Invocation("2", b"{}"))
    assert refused == Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
    await running
    assert isinstance(await functions.invoke("fn", Invocation("3", b"{}")), InvocationResult)


async def test_a_reserved_concurrency_of_none_at_all_throttles_everything(
    start: Start, facts: list[Fact]
) -> None:
    functions = await start(reserved_concurrency=0)
    assert isinstance(await functions.invoke("fn", Invocation("1", b"{}")), Throttled)
    assert facts == []


async def test_beyond_max_environments_invocations_wait_their_turn(start: Start) -> None:
    functions = await start(max_environments=1)
    finished: list[int] = []

    async def one(number: int) -> str:
        result = await invoke(functions, slowly(0.02))
        finished.append(number)
        return result.environment

    environments = await asyncio.gather(*(one(number) for number in range(5)))
    assert len(set(environments)) == 1
    assert finished == [0, 1, 2, 3, 4]


STARTING = """
    import os, time
    with open({file!r}, "a") as file:
        file.write("begins ")
    time.sleep({seconds})
    with open({file!r}, "a") as file:
        file.write("ends ")
    def handler(event, context):
        time.sleep(0.3)
        return os.getpid()
"""


async def test_no_more_environments_start_at_once_than_there_are_processors(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RealPace, "starts_at_once", 1)
    file = tmp_path / "starts"
    functions = await start(STARTING.format(file=str(file), seconds=0.05))
    results = await asyncio.gather(*(invoke(functions) for _ in range(3)))
    assert len({result.payload for result in results}) == 3
    assert file.read_text() == "begins ends " * 3


async def test_a_start_that_waits_for_something_else_does_not_hold_up_others(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RealPace, "starts_at_once", 1)
    file = tmp_path / "starts"
    functions = await start(STARTING.format(file=str(file), seconds=1.0))
    await asyncio.gather(*(invoke(functions) for _ in range(2)))
    assert file.read_text() == "begins begins ends ends "


async def test_who_waits_for_a_start_takes_a_warm_environment_that_is_free_sooner(
    start: Start, facts: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RealPace, "starts_at_once", 1)
    functions = await start()
    await asyncio.gather(*(invoke(functions) for _ in range(50)))
    assert sum(isinstance(fact, EnvironmentStarted) for fact in facts) < 10


@pytest.mark.parametrize(
    ("seconds", "patience", "environments"),
    [
        pytest.param(0.0, 5.0, 2, id="short invocations take turns"),
        pytest.param(1.5, 0.02, 6, id="long ones have an environment each"),
    ],
)
async def test_there_are_more_environments_than_processors_only_when_that_saves_time(
    start: Start, monkeypatch: pytest.MonkeyPatch, seconds: float, patience: float, environments: int
) -> None:
    monkeypatch.setattr(RealPace, "starts_at_once", 2)
    monkeypatch.setattr(pool, "PATIENCE_SECONDS", patience)
    functions = await start(max_environments=8)
    await asyncio.gather(*(invoke(functions, slowly(seconds)) for _ in range(6)))
    assert functions.figures("fn")["environments"] == environments


async def test_an_idle_environment_of_another_function_makes_room(start: Start, facts: list[Fact]) -> None:
    functions = await start(COUNTING, COUNTING, max_environments=1)
    await invoke(functions)
    await invoke(functions, name="other")
    assert reasons(facts) == ["room for another function"]
    await asyncio.gather(*(invoke(functions, slowly(0.01), name=name) for name in ("fn", "other") * 3))


@pytest.mark.parametrize(("starts", "environments"), [(1, 2), (8, 3)])
async def test_who_is_waited_for_by_a_caller_needs_no_room(
    start: Start, feed: Feed, monkeypatch: pytest.MonkeyPatch, starts: int, environments: int
) -> None:
    monkeypatch.setattr(RealPace, "starts_at_once", starts)
    functions = await start(COUNTING, COUNTING, max_environments=1)
    calls: list[asyncio.Task[InvocationResult]] = []
    alive = 0
    most = 0

    def call(fact: Fact) -> None:
        nonlocal alive, most
        alive += isinstance(fact, EnvironmentStarted)
        alive -= isinstance(fact, EnvironmentStopped)
        most = max(most, alive)
        if isinstance(fact, InvocationStarted) and not calls:
            # Those before it in the queue need room, which there will not be before the caller has ended.
            waiting = [asyncio.create_task(invoke(functions)) for _ in range(2)]
            calls.extend(
                asyncio.create_task(invoke(functions, name="other", lineage=("fn",), caller_waits=True))
                for _ in range(2)
            )
            calls.extend(waiting)

    feed.tap(call)
    caller = await invoke(functions, slowly(1.0))
    assert [call.done() for call in calls] == [True, True, False, False]
    assert most == environments
    assert {(await call).environment for call in calls[2:]} == {caller.environment}
    await asyncio.sleep(1)
    assert functions.figures("fn")["environments"] + functions.figures("other")["environments"] == 1


async def test_a_cancelled_wait_for_a_turn_gives_the_turn_on(start: Start) -> None:
    functions = await start(COUNTING, COUNTING, max_environments=1)
    running = asyncio.create_task(invoke(functions, slowly(0.2)))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(invoke(functions, name=name)) for name in ("fn", "other", "fn")]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()
    await asyncio.gather(running, *waiting, return_exceptions=True)
    assert json.loads(waiting[2].result().payload)["calls"] == 2


@pytest.mark.parametrize("next_name", ["fn", "other"])
async def test_a_turn_that_came_too_late_for_a_cancelled_invocation_is_given_on(
    start: Start, feed: Feed, next_name: str
) -> None:
    functions = await start(COUNTING, COUNTING, max_environments=1)
    running = asyncio.create_task(invoke(functions, slowly(0.1)))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(invoke(functions, name=name)) for name in (next_name, "fn")]
    await asyncio.sleep(0)
    # Runs after the turn was given, and before the invocation that waited for it resumes.
    happens = InvocationFinished if next_name == "fn" else EnvironmentStopped

    def cancel_the_first(fact: Fact) -> None:
        if isinstance(fact, happens):
            asyncio.get_running_loop().call_soon(waiting[0].cancel)

    untap = feed.tap(cancel_the_first)
    await running
    assert (await waiting[1]).function_error is None
    untap()
    assert waiting[0].cancelled()


async def test_a_cancelled_invocation_leaves_an_environment_that_works(start: Start) -> None:
    functions = await start(max_environments=1)
    first = await invoke(functions)
    running = asyncio.create_task(invoke(functions, slowly(60)))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    again = await invoke(functions)
    assert again.environment == first.environment
    assert json.loads(again.payload)["calls"] == 1


async def test_an_invocation_cancelled_in_the_initialisation_makes_way_for_a_new_environment(
    start: Start, tmp_path: Path, facts: list[Fact]
) -> None:
    marker = tmp_path / "started"
    slow = f"""
        import os, time
        if not os.path.exists({str(marker)!r}):
            open({str(marker)!r}, "w").close()
            time.sleep(60)
        def handler(event, context): return 1
    """
    functions = await start(slow, max_environments=1)
    running = asyncio.create_task(invoke(functions))
    while not any(isinstance(fact, EnvironmentStarted) for fact in facts):  # noqa: ASYNC110 - a process
        await asyncio.sleep(0)
    while not marker.exists():
        os.sched_yield()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await invoke(functions)).payload == b"1"
    assert reasons(facts) == ["not initialised"]


async def test_a_machine_without_room_is_a_service_failure(
    start: Start,
) -> None:
    functions = await start()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        with pytest.raises(
            ServiceFailure, match=r"no execution environment can be made: .*Too many open files"
        ):
            await invoke(functions)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (await invoke(functions)).function_error is None


@pytest.mark.parametrize("warm", [False, True])
async def test_code_that_is_gone_for_a_moment_is_no_error_of_the_function(
    start: Start, tmp_path: Path, facts: list[Fact], warm: bool
) -> None:
    functions = await start("import os\ndef handler(event, context): return os._exit(1) if event else 1")
    if warm:
        assert (await invoke(functions, b'{"exit": true}')).error_type == "Runtime.ExitError"
    facts.clear()
    (tmp_path / "fn").rename(tmp_path / "elsewhere")
    for _ in range(2):
        with pytest.raises(ServiceFailure, match=rf"^functions\.fn: code: {tmp_path}/fn does not exist$"):
            await invoke(functions)
    assert not any(isinstance(fact, InvocationStarted) for fact in facts)
    (tmp_path / "elsewhere").rename(tmp_path / "fn")
    assert (await invoke(functions)).payload == b"1"


async def test_a_zip_that_is_gone_for_a_moment_is_no_error_of_the_function(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    package = tmp_path / "code.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return 1")
    definition = define("fn", FunctionSettings(handler="app.handler", code=package), tmp_path)
    async with Functions([definition], clock=clock, feed=feed) as functions:
        package.rename(tmp_path / "elsewhere")
        with pytest.raises(ServiceFailure, match=r"code\.zip does not exist"):
            await invoke(functions)
        (tmp_path / "elsewhere").rename(package)
        assert (await invoke(functions)).payload == b"1"


async def test_idle_environments_are_reclaimed_after_their_time(
    start: Start, facts: list[Fact], clock: Clock
) -> None:
    functions = await start(idle_timeout=60)
    pid = json.loads((await invoke(functions)).payload)["pid"]
    await asyncio.sleep(59)
    await invoke(functions)
    await asyncio.sleep(59)
    assert reasons(facts) == []
    await asyncio.sleep(2)
    await clock.idle()
    assert reasons(facts) == ["idle"]
    assert not psutil.pid_exists(pid)  # not even as a zombie


async def test_new_code_runs_in_new_environments_and_a_running_invocation_ends_in_the_old(
    start: Start, tmp_path: Path, facts: list[Fact]
) -> None:
    functions = await start()
    await asyncio.gather(invoke(functions, slowly(0.1)), invoke(functions, slowly(0.1)))
    running = asyncio.create_task(invoke(functions, slowly(0.3)))
    other = await invoke(functions)
    write_code(tmp_path / "fn", "def handler(event, context): return 'new'")
    functions.retire("fn")
    assert (await invoke(functions)).payload == b'"new"'
    assert json.loads((await running).payload)["calls"] == 2
    assert (await invoke(functions)).payload == b'"new"'
    await asyncio.sleep(1)
    assert reasons(facts) == ["code change", "code change"]
    assert other.environment != (await running).environment


async def test_nothing_is_left_when_the_pool_is_left(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    stubborn = """
        import os, signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        def handler(event, context):
            child = subprocess.Popen(["sleep", "1000"])
            away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            return [os.getpid(), child.pid, away.pid, os.environ["TMPDIR"]]
    """
    watch = clock.stopwatch()
    async with Functions([function(tmp_path, stubborn)], clock=clock, feed=feed) as functions:
        *pids, temporary = json.loads((await invoke(functions)).payload)
        assert Path(temporary).is_dir()
    assert clock.stopwatch() - watch < 5
    assert not psutil.pid_exists(pids[0])
    assert [pid for pid in pids if is_alive(pid)] == []
    assert not Path(temporary).parent.exists()


async def test_the_lineage_of_a_running_invocation_is_known_by_its_trace_id(
    start: Start, tmp_path: Path
) -> None:
    source = f"""
        import os, time
        def handler(event, context):
            with open({str(tmp_path / "trace")!r}, "w") as file:
                file.write(os.environ["_X_AMZN_TRACE_ID"])
            while not os.path.exists({str(tmp_path / "go on")!r}):
                time.sleep(0.01)
            return os.environ["_X_AMZN_TRACE_ID"]
    """
    functions = await start(source)
    seen: list[tuple[str, ...] | None] = []

    def look() -> None:
        root = (tmp_path / "trace").read_text().split(";")[0].removeprefix("Root=")
        seen.append(functions.lineage_of(root))
        (tmp_path / "go on").touch()

    functions._clock.after_real(1.0, look)
    result = await invoke(functions, lineage=("first", "second"))
    root = json.loads(result.payload).split(";")[0].removeprefix("Root=")
    assert seen == [("first", "second", "fn")]
    assert functions.lineage_of(root) is None


async def test_virtual_time_stands_still_while_a_function_runs(start: Start, clock: Clock) -> None:
    functions = await start()
    before = clock.now()
    await invoke(functions, slowly(0.1))
    assert clock.now() == before


async def test_a_process_that_ends_between_invocations_is_replaced_unnoticed(start: Start) -> None:
    functions = await start()
    first = await invoke(functions)
    pid = json.loads(first.payload)["pid"]
    os.kill(pid, 9)
    while is_alive(pid):
        os.sched_yield()
    second = await invoke(functions)
    assert (second.function_error, second.environment) == (None, first.environment)
    assert json.loads(second.payload)["calls"] == 1
