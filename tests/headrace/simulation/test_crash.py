"""A simulator that crashes in the middle of a simulation, and the next one that goes on."""

import asyncio
import shutil
import textwrap
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine import clock
from engine.clock import running_clock
from engine.fault_settings import FaultSettings
from engine.faults import Faults
from engine.feed import Fact, Feed, InvocationFinished, Notice, SimulatorCrashed, SimulatorReady
from engine.store.database import Store
from headrace.config import load
from headrace.simulation.crash import crash_now, survive
from headrace.simulation.figures import Figures
from headrace.simulation.performance import Levers, perform, restore
from headrace.simulation.run import Companion, Plan, declared_faults, simulate
from headrace.simulation.script import load_script
from headrace.simulator import Simulator

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def lived(live: Any, faults: Faults, feed: Feed) -> Any:
    return clock.simulate(survive(live, faults, feed), BEGAN)


def test_a_life_without_a_crash_is_the_only_one() -> None:
    feed, lives = Feed(), list[bool]()

    async def live(told: Feed, is_first: bool) -> str:
        lives.append(is_first)
        return "ended"

    assert lived(live, Faults(FaultSettings(), 1, feed), feed) == "ended"
    assert lives == [True]


def test_what_a_life_raises_is_raised() -> None:
    async def live(told: Feed, is_first: bool) -> None:
        raise ValueError("no")

    feed = Feed()
    with pytest.raises(ValueError, match="no"):
        lived(live, Faults(FaultSettings(), 1, feed), feed)


def test_nothing_of_a_life_has_an_effect_after_its_crash(tmp_path: Path) -> None:
    feed, facts, after = Feed(), list[Fact](), list[str]()
    feed.tap(facts.append)
    faults = Faults(FaultSettings(), 1, feed)

    def notice(told: Feed, text: str) -> None:
        told.publish(Notice(running_clock().now(), "info", "test", text))

    async def insists(told: Feed, store: Store) -> None:
        """Go on at the first cancellation, as what settles a batch does."""
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        notice(told, "heard by nobody")
        await store.write(lambda connection: connection.execute("INSERT INTO numbers VALUES (2)").fetchall())
        after.append("stored")

    async def live(told: Feed, is_first: bool) -> list[Any]:
        async with Store(tmp_path / "s.db", running_clock(), faults) as store, asyncio.TaskGroup() as group:
            if not is_first:
                return await store.read(
                    lambda connection: connection.execute("SELECT * FROM numbers").fetchall()
                )
            await store.write(lambda connection: connection.execute("CREATE TABLE numbers (n)").fetchall())
            await store.write(
                lambda connection: connection.execute("INSERT INTO numbers VALUES (1)").fetchall()
            )
            group.create_task(insists(told, store))
            await asyncio.sleep(60)
            notice(told, "before")
            crash_now(faults, "as the test says")
        raise AssertionError("nobody goes on after a crash")

    assert lived(live, faults, feed) == [(1,)]
    assert after == []
    assert [fact.text for fact in facts if isinstance(fact, Notice)] == ["before"]
    (crashed,) = [fact for fact in facts if isinstance(fact, SimulatorCrashed)]
    assert crashed.time == BEGAN + timedelta(seconds=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration of a queue and a function that writes down what it sees."""
    (tmp_path / "headrace.toml").write_text(
        textwrap.dedent(
            f"""
            [functions.work]
            handler = "app.handler"
            code = "code"
            simulated_duration = "100ms"
            environment = {{ SEEN = "{tmp_path / "seen"}" }}

            [queues.jobs]

            [[event_source_mappings]]
            source = "queues.jobs"
            function = "work"
            batch_size = 1
            """
        )
    )
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").write_text(
        textwrap.dedent(
            """
            import os

            def handler(event, context):
                with open(os.environ["SEEN"], "a") as file:
                    file.writelines(record["body"] + "\\n" for record in event["Records"])
            """
        )
    )
    return tmp_path


def simulated(folder: Path, faults: str, actions: str) -> tuple[list[Fact], tuple[str, ...]]:
    """Simulate ten minutes; return the facts, and what went wrong with the script."""
    with (folder / "headrace.toml").open("a") as file:
        file.write(f"\n[faults]\n{faults}\n")
    (folder / "script.toml").write_text(actions)
    configuration, feed, facts = load(folder / "headrace.toml"), Feed(), list[Fact]()
    feed.tap(facts.append)
    script = load_script(
        folder / "script.toml", configuration, began=BEGAN, faults=FaultSettings, can_crash=True
    )
    plan = Plan(BEGAN, timedelta(minutes=10), until_idle=False, seed=1)
    declared = declared_faults(configuration, plan.seed, feed)
    assert declared is not None
    levers = Levers(declared.change, partial(crash_now, declared, "as the script says"))
    figures = Figures(feed, BEGAN)
    companions = [
        Companion(
            partial(perform, script, figures, levers),
            lambda: script.is_done,
            script.has_due,
            partial(restore, script, levers),
        )
    ]
    clock.simulate(simulate(configuration, plan, feed, companions, declared), BEGAN)
    return facts, script.report().failures


SEND = '[[actions]]\nat = "1m"\nsend = { queue = "jobs", body = "m{{n}}" }\nevery = "10s"\ncount = 6\n'


def test_a_simulation_goes_on_after_crashes_at_commits_and_by_the_script(folder: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    facts, failures = simulated(
        folder,
        "simulator_crash_before_commits = [2, 30]\nsimulator_crash_after_commits = [20]",
        f'{SEND}[[actions]]\nat = "3m"\ncrash = {{}}\n'
        '[[actions]]\nat = "10m"\nexpect = { queue = "jobs", messages = 0 }\n',
    )
    assert failures == ()
    assert set((folder / "seen").read_text().split()) == {f"m{number}" for number in range(1, 7)}
    kinds = [type(fact) for fact in facts if isinstance(fact, SimulatorCrashed | SimulatorReady)]
    assert kinds == [SimulatorCrashed, SimulatorReady] * 4  # the first one while it starts
    reasons = [fact.reason for fact in facts if isinstance(fact, SimulatorCrashed)]
    assert reasons == ["before commit 2", "after commit 20", "before commit 30", "as the script says"]
    assert [fact.time for fact in facts] == sorted(fact.time for fact in facts)
    assert set(psutil.Process().children(recursive=True)) <= before  # those of other tests


def test_an_action_that_a_crash_breaks_off_is_done_again(folder: Path) -> None:
    configuration, commits = load(folder / "headrace.toml"), list[int]()
    faults = Faults(FaultSettings(), 1, Feed())

    async def count(simulator: Simulator) -> None:
        commits.append(faults.commits)

    plan = Plan(BEGAN, timedelta(seconds=59), until_idle=False, seed=1)
    clock.simulate(simulate(configuration, plan, Feed(), [Companion(count)], faults), BEGAN)
    shutil.rmtree(configuration.state)

    facts, failures = simulated(folder, f"simulator_crash_before_commits = [{commits[0] + 1}]", SEND)
    assert failures == ()
    (crashed,) = [fact for fact in facts if isinstance(fact, SimulatorCrashed)]
    assert crashed.time == BEGAN + timedelta(minutes=1)
    assert (folder / "seen").read_text().split() == [f"m{number}" for number in range(1, 7)]


def test_an_action_that_the_store_refuses_is_done_again(folder: Path) -> None:
    facts, failures = simulated(folder, "store_busy_rate = 0.3\nstore_full_rate = 0.2", SEND)
    assert failures == ()
    assert sum(isinstance(fact, InvocationFinished) for fact in facts) >= 6
    assert set((folder / "seen").read_text().split()) == {f"m{number}" for number in range(1, 7)}
