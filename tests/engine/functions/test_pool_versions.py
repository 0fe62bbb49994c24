"""Versions and aliases of functions that come, change and go. Real processes, on the virtual loop."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engine.clock import Clock
from engine.errors import ResourceNotFound
from engine.feed import EnvironmentStopped, Fact, Feed, InvocationStarted
from engine.functions.definition import FunctionDefinition
from engine.functions.invocation import Invocation, InvocationResult, Throttled
from engine.functions.pool import Functions
from engine.functions.routing import Routing
from tests.fakes.real_functions import function, invoke

SAYING = """
    import time
    def handler(event, context):
        time.sleep(event.get("sleep", 0))
        return "{}"
"""
SLOWLY = json.dumps({"sleep": 0.3}).encode()


@pytest.fixture
async def functions(clock: Clock, feed: Feed) -> AsyncIterator[Functions]:
    async with Functions([], clock=clock, feed=feed, chance=Random(1)) as functions:
        yield functions


@pytest.fixture
def stopped(feed: Feed) -> list[str]:
    reasons: list[str] = []

    def take(fact: Fact) -> None:
        if isinstance(fact, EnvironmentStopped):
            reasons.append(fact.reason)

    feed.tap(take)
    return reasons


@pytest.fixture
async def begun(feed: Feed) -> asyncio.Event:
    """Set once an invocation runs."""
    event = asyncio.Event()

    def take(fact: Fact) -> None:
        if isinstance(fact, InvocationStarted):
            event.set()

    feed.tap(take)
    return event


def saying(folder: Path, word: str, version: str = "$LATEST") -> FunctionDefinition:
    made = function(folder / word, SAYING.replace("{}", word))
    return replace(made, version=version)


async def said(functions: Functions, qualifier: str | None = None, payload: bytes = b"{}") -> str:
    return str(json.loads((await invoke(functions, payload, qualifier=qualifier)).payload))


async def test_versions_run_side_by_side(functions: Functions, tmp_path: Path) -> None:
    functions.put(saying(tmp_path, "latest"))
    functions.put(saying(tmp_path, "first", "1"))
    assert [await said(functions, qualifier) for qualifier in (None, "$LATEST", "1")] == [
        "latest",
        "latest",
        "first",
    ]
    assert (await invoke(functions, qualifier="1")).executed_version == "1"
    with pytest.raises(ResourceNotFound, match=r"fn:2$"):
        await functions.invoke("fn", Invocation("1", b"{}", qualifier="2"))
    assert functions.figures("fn")["environments"] == 2


async def test_a_changed_version_finishes_what_it_runs_and_begins_anew(
    functions: Functions, tmp_path: Path, begun: asyncio.Event, stopped: list[str]
) -> None:
    functions.put(saying(tmp_path, "before"))
    running = asyncio.create_task(said(functions, payload=SLOWLY))
    await begun.wait()
    functions.put(saying(tmp_path, "after"))
    assert await said(functions) == "after"
    assert await running == "before"
    await functions.gone(tmp_path / "before/fn")
    assert stopped == ["code change"]


async def test_a_removed_function_ends_what_it_runs_and_is_gone(
    functions: Functions, tmp_path: Path, begun: asyncio.Event, stopped: list[str]
) -> None:
    functions.put(saying(tmp_path, "word"))
    running = asyncio.create_task(said(functions, payload=SLOWLY))
    await begun.wait()
    functions.remove("fn")
    with pytest.raises(ResourceNotFound):
        await functions.invoke("fn", Invocation("1", b"{}"))
    assert await running == "word"
    await functions.gone(tmp_path / "word/fn")
    assert stopped == ["removed"]
    functions.put(saying(tmp_path, "again"))
    assert await said(functions) == "again"
    assert functions.figures("fn") == {"environments": 1, "running": 0}


async def test_an_alias_shares_invocations_by_chance(functions: Functions, tmp_path: Path) -> None:
    functions.put(saying(tmp_path, "first", "1"))
    functions.put(saying(tmp_path, "second", "2"))
    functions.versions.route("fn", "live", Routing("1", {"2": 0.3}))
    words = [await said(functions, "live") for _ in range(40)]
    assert 4 <= words.count("second") <= 20
    assert words.count("first") + words.count("second") == 40
    functions.versions.route("fn", "live", Routing("2"))
    assert await said(functions, "live") == "second"
    functions.versions.route("fn", "live", None)
    with pytest.raises(ResourceNotFound):
        await functions.invoke("fn", Invocation("1", b"{}", qualifier="live"))


async def test_versions_share_the_reserved_concurrency(functions: Functions, tmp_path: Path) -> None:
    functions.put(replace(saying(tmp_path, "latest"), reserved_concurrency=1))
    functions.put(saying(tmp_path, "first", "1"))
    answers = await asyncio.gather(
        *(functions.invoke("fn", Invocation("1", SLOWLY, qualifier=qualifier)) for qualifier in (None, "1"))
    )
    assert [type(answer) for answer in answers] == [InvocationResult, Throttled]
    functions.versions.concurrency_of("fn").reserved = None
    answers = await asyncio.gather(
        *(functions.invoke("fn", Invocation("1", b"{}", qualifier=qualifier)) for qualifier in (None, "1"))
    )
    assert [type(answer) for answer in answers] == [InvocationResult, InvocationResult]


async def test_the_timeout_of_an_alias_is_that_of_its_main_version(
    functions: Functions, tmp_path: Path
) -> None:
    functions.put(replace(saying(tmp_path, "first", "1"), timeout=7))
    functions.versions.route("fn", "live", Routing("1"))
    timeouts = [functions.versions.timeout_of("fn", qualifier) for qualifier in ("1", "live", None, "2")]
    assert [None if each is None else each.total_seconds() for each in timeouts] == [7, 7, None, None]
