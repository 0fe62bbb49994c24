"""Real Python handlers in simulated time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from engine.clock import VIRTUAL_START, Clock
from engine.feed import Feed
from engine.functions.pool import Functions
from engine.functions.simulated_pace import SimulatedPace
from engine.functions.turns import Turn
from tests.fakes.real_functions import bare_python, function, invoke, log_events

Run = Callable[..., AbstractAsyncContextManager[Functions]]


@pytest.fixture
def run(tmp_path: Path, clock: Clock, feed: Feed) -> Run:
    """Enter the pool of one function `fn`, made from the source of its module."""

    @asynccontextmanager
    async def enter(source: str, *, seed: int = 1, **settings: Any) -> AsyncIterator[Functions]:
        pace = SimulatedPace(clock, Random(seed))
        definition = function(tmp_path, source, **settings)
        async with Functions([definition], clock=clock, feed=feed, state=tmp_path, pace=pace) as functions:
            yield functions

    return enter


TELLS_THE_TIME = """
    import time
    from datetime import datetime, timezone

    def handler(event, context):
        begin = [time.time(), datetime.now(timezone.utc).isoformat(), context.get_remaining_time_in_millis()]
        time.sleep(event["sleep"])
        return begin + [time.time(), time.time_ns(), context.get_remaining_time_in_millis()]
"""


async def test_the_handlers_clock_is_the_simulated_one(run: Run, clock: Clock) -> None:
    async with run(TELLS_THE_TIME, timeout=60, simulated_duration="120ms") as functions:
        for began in (VIRTUAL_START, VIRTUAL_START + timedelta(days=400)):
            await clock.sleep_until(began)
            result = await invoke(functions, b'{"sleep": 12.5}')
            init = timedelta(milliseconds=200 if result.init_ms is not None else 0)
            now = (began + init).timestamp()
            answer = orjson.loads(result.payload)
            assert answer == [
                now,
                (began + init)
                .isoformat(timespec="milliseconds" if init else "seconds")
                .replace(".200", ".200000"),
                60_000,
                now + 12.5,
                round((now + 12.5) * 1e9),
                47_500,
            ]
            assert result.duration_ms == 12_620
            assert clock.now() == began + init + timedelta(seconds=12.62)


async def test_sleeping_takes_no_real_time(run: Run, clock: Clock) -> None:
    watch = clock.stopwatch()
    async with run(TELLS_THE_TIME, timeout=900) as functions:
        await invoke(functions, b'{"sleep": 890}')
    assert clock.stopwatch() - watch < 60


async def test_a_handler_that_sleeps_too_long_is_stopped_at_its_timeout(
    run: Run, clock: Clock, tmp_path: Path
) -> None:
    source = """
        import pathlib, time

        def handler(event, context):
            print("before")
            time.sleep(10)
            print("after")
    """
    async with run(source, timeout=3) as functions:
        began = clock.now()
        result = await invoke(functions)
        assert result.error_type == "Sandbox.Timedout"
        assert result.duration_ms == 3000
        assert clock.now() == began + timedelta(seconds=3.2)
        assert "before" in log_events(tmp_path)
        assert "after" not in log_events(tmp_path)
        assert (await invoke(functions)).environment == result.environment


async def test_a_simulated_duration_beyond_the_timeout_is_a_timeout(run: Run) -> None:
    async with run("def handler(event, context): return 1", timeout=3, simulated_duration="4s") as functions:
        assert (await invoke(functions)).error_type == "Sandbox.Timedout"


async def test_invocations_overlap_in_simulated_time(run: Run, clock: Clock) -> None:
    async with run("def handler(event, context): return 1", simulated_duration="1s") as functions:
        began = clock.now()
        results = await asyncio.gather(*(invoke(functions) for _ in range(3)))
        assert len({result.environment for result in results}) == 3
        assert clock.now() == began + timedelta(seconds=1.2)


async def test_an_invocation_waits_for_an_environment_in_simulated_time(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    definition = function(tmp_path, "def handler(event, context): return 1", simulated_duration="1s")
    pace = SimulatedPace(clock, Random(1))
    async with Functions([definition], clock=clock, feed=feed, max_environments=2, pace=pace) as functions:
        began = clock.now()
        await asyncio.gather(*(invoke(functions) for _ in range(6)))
        assert clock.now() == began + timedelta(seconds=3.2)


async def test_drawn_durations_follow_from_the_seed(run: Run) -> None:
    async def durations(seed: int) -> list[float]:
        settings = {"simulated_duration": "lognormal(median=80ms, p99=900ms)"}
        async with run("def handler(event, context): return 1", seed=seed, **settings) as functions:
            return [(await invoke(functions)).duration_ms for _ in range(4)]

    assert await durations(1) == await durations(1)
    assert await durations(1) != await durations(2)


@pytest.mark.parametrize(
    "drawing",
    [
        pytest.param("random.random()", id="random"),
        pytest.param("random.Random().random()", id="a generator of its own"),
        pytest.param("str(uuid.uuid4())", id="a UUID"),
        pytest.param("secrets.token_hex(8)", id="secrets"),
        pytest.param("os.urandom(8).hex()", id="the random numbers of the operating system"),
        pytest.param("os.path.basename(tempfile.mktemp())", id="the name of a temporary file"),
        pytest.param("str(set('abcdefgh')) + str(random.random())", id="the order of a set"),
    ],
)
async def test_what_a_handler_draws_follows_from_the_seed(run: Run, drawing: str) -> None:
    async def drawn(seed: int) -> list[bytes]:
        source = f"import os, random, secrets, tempfile, uuid\ndef handler(event, context): return {drawing}"
        async with run(source, seed=seed) as functions:
            return [(await invoke(functions)).payload for _ in range(2)]

    first, second = await drawn(1)
    assert first != second
    assert await drawn(1) == [first, second]
    assert await drawn(2) != [first, second]


async def test_processes_that_a_handler_forks_do_not_draw_the_same(run: Run) -> None:
    source = """
        import multiprocessing, uuid

        def draw(pipe):
            pipe.send(str(uuid.uuid4()))

        def handler(event, context):
            drawn, fork = [], multiprocessing.get_context("fork")
            for _ in range(2):
                ours, theirs = fork.Pipe()
                process = fork.Process(target=draw, args=(theirs,))
                process.start()
                drawn.append(ours.recv())
                process.join()
            return drawn
    """
    async with run(source, timeout=60) as functions:
        first, second = orjson.loads((await invoke(functions)).payload)
        assert first != second


async def test_other_threads_really_sleep(run: Run, clock: Clock) -> None:
    source = """
        import threading, time

        def handler(event, context):
            thread = threading.Thread(target=time.sleep, args=(0.01,))
            thread.start()
            thread.join()
            return time.time()
    """
    async with run(source, simulated_duration="1s") as functions:
        result = await invoke(functions)
        assert result.duration_ms == 1000


async def test_a_runtime_without_time_machine_says_so_and_works(
    run: Run, clock: Clock, tmp_path: Path
) -> None:
    source = "import time\ndef handler(event, context): return time.time()"
    async with run(source, python=bare_python() / "bin/python") as functions:
        result = await invoke(functions)
        assert abs(float(result.payload) - clock.real_now().timestamp()) < 60
        assert any("no time-machine" in line for line in log_events(tmp_path))


async def test_the_python_client_of_our_own_follows_too(
    run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where AWS's client is missing."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/awslambdaric.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    settings = {"environment": {"PYTHONPATH": str(tmp_path / "hidden")}}
    async with run(TELLS_THE_TIME, timeout=60, **settings) as functions:
        await clock.sleep_until(VIRTUAL_START + timedelta(days=1))
        answer = orjson.loads((await invoke(functions, b'{"sleep": 5}')).payload)
        assert answer[0] == (VIRTUAL_START + timedelta(days=1, seconds=0.2)).timestamp()
        assert answer[3] - answer[0] == 5


async def test_a_request_is_of_the_invocation_that_its_trace_names(tmp_path: Path, clock: Clock) -> None:
    definition = function(tmp_path, "def handler(event, context): return 1")
    pace = SimulatedPace(clock, Random(1))
    began = clock.now()

    def at_work() -> Turn | None:
        return pace.turns.current

    async def ask_for_a_while(asked: asyncio.Event) -> None:
        async with pace.request("Root=1-first;Parent=1;Sampled=0"), pace.waiting():
            asked.set()
            await asyncio.sleep(20)

    async with asyncio.TaskGroup() as group, pace.stint(definition, None, 60, lambda: None, root="1-first"):
        asked = asyncio.Event()
        group.create_task(ask_for_a_while(asked))
        await asked.wait()
        async with pace.stint(definition, None, 60, lambda: None, root="1-second") as second:
            async with pace.request("Root=1-first"), pace.waiting():
                assert at_work() is second.turn
            async with pace.request("Root=1-second"), pace.waiting():
                assert at_work() is None
            async with pace.request(), pace.waiting():
                assert at_work() is None
            assert at_work() is second.turn
            assert clock.now() == began
    assert clock.now() == began + timedelta(seconds=20)
