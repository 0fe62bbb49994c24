"""Processes that are started ahead: what they become is what one that is started in time would be."""

import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.clock import Clock
from engine.feed import Feed
from engine.functions import spares
from engine.functions.definition import FunctionDefinition
from engine.functions.pool import Functions
from tests.end_to_end.headrace_process import HeadraceProcess, wait_until, write_function
from tests.fakes.real_functions import bare_python, function, invoke, log_events
from tests.fakes.waiting import until

TELLING = """
    import os, signal, sys

    def handler(event, context):
        return {
            "variables": dict(os.environ),
            "at the start": open("/proc/self/environ").read() if sys.platform == "linux" else "",
            "folder": os.getcwd(),
            "path": sys.path,
            "arguments": sys.argv,
            "modules": sorted(sys.modules),
            "input": sys.stdin.read(),
            "session": os.getsid(0) == os.getpid(),
            "ignored": [number for number in signal.valid_signals() if signal.getsignal(number) == 1],
            "pid": os.getpid(),
        }
"""
OWN_TO_EACH = ("TMPDIR", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID")
QUIET = "def handler(event, context): return event"
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.fn]
handler = "handler.handler"
code = "functions/fn"
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spares, "DELAY_SECONDS", 0)


@pytest.fixture
async def running(clock: Clock, feed: Feed, tmp_path: Path) -> AsyncIterator[list[Functions]]:
    started: list[Functions] = []
    yield started
    for functions in started:
        await functions.__aexit__(None, None, None)


async def start(
    running: list[Functions], definition: FunctionDefinition, clock: Clock, feed: Feed
) -> Functions:
    functions = Functions(
        [definition], clock=clock, feed=feed, state=definition.package.path.parent / "state"
    )
    running.append(functions)
    return await functions.__aenter__()


def waiting() -> list[int]:
    """The spare processes of this process."""
    return [each.pid for each in psutil.Process().children() if "spare" in _command(each)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def told(functions: Functions) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await invoke(functions)).payload)
    return answer


@pytest.mark.parametrize("client", ["awslambdaric", "python_runtime"])
@pytest.mark.skipif(sys.platform == "win32", reason="there are no sessions")
async def test_a_handler_sees_no_difference(
    running: list[Functions], tmp_path: Path, clock: Clock, feed: Feed, client: str
) -> None:
    definition = function(
        tmp_path,
        TELLING,
        python=None if client == "awslambdaric" else bare_python(),
        environment={"STAGE": "test", "NOTE": "\u20ac and\nanother line"},
        log_format="JSON",
    )
    functions = await start(running, definition, clock, feed)
    fresh = await told(functions)
    await until(lambda: len(waiting()) == 1)
    (spare,) = waiting()
    functions.retire("fn")
    ahead = await told(functions)
    assert ahead.pop("pid") == spare != fresh.pop("pid")
    assert f"TMPDIR={ahead['variables']['TMPDIR']}\0" in ahead.pop("at the start")  # the guard looks there
    del fresh["at the start"]
    for name in OWN_TO_EACH:
        assert ahead["variables"].pop(name) != fresh["variables"].pop(name)
    assert ahead == fresh


async def test_the_next_one_is_started_when_one_was_taken(
    running: list[Functions], tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    functions = await start(running, function(tmp_path, TELLING), clock, feed)
    functions.prepare()
    seen = set()
    for _ in range(3):
        await until(lambda: len(waiting()) == 1)
        seen.update(waiting())
        assert (await told(functions))["pid"] in seen
        functions.retire("fn")
    await until(lambda: len(waiting()) == 1)
    assert len(seen) == 3


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "LC_ALL", "TZ"])
async def test_what_counts_at_the_start_of_python_is_there_at_its_start(
    running: list[Functions], tmp_path: Path, clock: Clock, feed: Feed, name: str
) -> None:
    plain = function(tmp_path, TELLING)
    functions = await start(running, plain, clock, feed)
    functions.prepare()
    await until(lambda: len(waiting()) == 1)
    functions.put(function(tmp_path, TELLING, environment={name: "0"}))
    answer = await told(functions)
    assert answer["pid"] not in waiting()
    assert answer["variables"][name] == "0"
    assert len(waiting()) == 1


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="its end is noticed a little later there")
async def test_one_that_was_killed_is_not_missed(
    running: list[Functions], tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    functions = await start(running, function(tmp_path, QUIET), clock, feed)
    functions.prepare()
    await until(lambda: len(waiting()) == 1)
    spare = psutil.Process(waiting()[0])
    spare.kill()
    while spare.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)  # the loop must not hear of it before
    assert (await invoke(functions, b"[1]")).payload == b"[1]"
    log = log_events(tmp_path / "state")
    assert [line.split(" ")[0] for line in log] == ["INIT_START", "START", "END", "REPORT"]


async def test_one_that_was_killed_has_a_successor(
    running: list[Functions], tmp_path: Path, clock: Clock, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spares, "YOUNG_SECONDS", 0)
    functions = await start(running, function(tmp_path, QUIET), clock, feed)
    functions.prepare()
    await until(lambda: len(waiting()) == 1)
    (killed,) = waiting()
    psutil.Process(killed).kill()
    await until(lambda: not psutil.pid_exists(killed))  # the loop has heard of it
    await invoke(functions)
    await until(lambda: len(waiting()) == 1)
    assert waiting() != [killed]


async def test_a_python_that_cannot_be_started_ahead_is_tried_once(
    running: list[Functions], tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    calls = tmp_path / "calls"
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} "$@"\necho called >> {calls}\nexit 3\n'
    )
    python.chmod(0o755)
    functions = await start(running, function(tmp_path, TELLING, python=python), clock, feed)
    functions.prepare()
    await until(lambda: calls.exists() and not waiting())
    functions.prepare()
    result = await invoke(functions)
    assert result.error_type == "Runtime.ExitError"
    assert calls.read_text().count("called") == 3  # ahead, for the initialisation, for the invocation


async def test_none_is_started_once_the_pool_is_left(
    running: list[Functions], tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    left = await start(running, function(tmp_path, QUIET), clock, feed)
    await left.__aexit__(None, None, None)
    left.prepare()
    other = await start([], function(tmp_path, QUIET, "other"), clock, feed)
    async with other:
        other.prepare()
        await until(lambda: len(waiting()) > 0)
        assert len(waiting()) == 1
    running.clear()


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_simulator_leaves_none_behind(tmp_path: Path, end: str) -> None:
    write_function(tmp_path, "fn", QUIET)
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    with HeadraceProcess(tmp_path) as simulator:
        process = psutil.Process(simulator.process.pid)

        def spare() -> list[psutil.Process]:
            return [each for each in process.children() if "spare" in _command(each)]

        wait_until(spare, "a process is started ahead")
        (found,) = spare()
        getattr(process, end)()
        wait_until(lambda: not found.is_running() or found.status() == psutil.STATUS_ZOMBIE, "it has ended")
