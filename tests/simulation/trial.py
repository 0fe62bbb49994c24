"""Runs the scenario of one seed on a real simulator in virtual time, and says which promises it broke."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from engine import clock
from engine.clock import running_clock
from engine.faults import Faults
from engine.feed import EnvironmentStarted, EnvironmentStopped, Fact, Feed, SimulatorCrashed
from headrace.config import load
from headrace.simulation.run import Companion, Plan, simulate
from tests.simulation.clients import DATABASE, INBOX, TABLE, Clients
from tests.simulation.drawing import draw
from tests.simulation.journal import Broken, Journal, Left, LeftMessage
from tests.simulation.promises import broken_promises
from tests.simulation.real_processes import use_real_handlers
from tests.simulation.records import Tokens
from tests.simulation.scenario import Scenario
from tests.simulation.scripted_runtime import Handlers, ScriptedRuntime
from tests.simulation.toml_text import toml_text

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
LONGEST = timedelta(days=2)  # by then every scenario has come to its end
SHOWN_FACTS = 40

Planting = Callable[[], AbstractContextManager[Any]]


class Trial:
    """What came of one seed."""

    def __init__(self, journal: Journal, broken: Sequence[Broken]) -> None:
        self.journal = journal
        self.broken = broken

    def explanation(self) -> str:
        """Return what a reader needs to find the cause: promises, configuration, and the last facts."""
        seed = self.journal.scenario.seed
        lines = [f"seed {seed} breaks {len(self.broken)} promises:"]
        lines += [f"  {each.promise}: {each.text}" for each in self.broken[:10]]
        lines += ["", how_to_repeat(seed), ""]
        lines += [toml_text(self.journal.scenario.tables), *self._last_facts()]
        return "\n".join(lines)

    def _last_facts(self) -> Iterator[str]:
        moment = self.broken[0].moment or self.journal.ended
        facts = [fact for fact in self.journal.facts if fact.time <= moment]
        yield f"The last facts until {moment}:"
        for fact in facts[-SHOWN_FACTS:]:
            yield f"  {fact!r}"[:400]


def how_to_repeat(seed: int) -> str:
    """Return the command that runs a seed again."""
    return f"To see it again: pytest tests/simulation/test_promises.py --seed {seed}"


def try_seed(seed: int, planted: Planting = nullcontext) -> Trial:
    """Run the scenario of a seed, with a bug `planted` if one is given."""
    try:
        with planted():
            return try_scenario(draw(seed))
    except BaseException as error:
        error.add_note(how_to_repeat(seed))
        raise


def try_scenario(scenario: Scenario, *, with_processes: bool = False) -> Trial:
    """Run a scenario, and hold it to the promises. `with_processes`, handlers really run."""
    with _folder() as folder:
        if with_processes:
            use_real_handlers(scenario, folder)
            journal = _run(scenario, folder)
        else:
            with _scripted(Handlers(scenario)):
                journal = _run(scenario, folder)
    return Trial(journal, broken_promises(journal))


def _run(scenario: Scenario, folder: Path) -> Journal:
    (folder / "headrace.toml").write_text(toml_text(scenario.tables))
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute(TABLE)
    configuration = load(folder / "headrace.toml")
    feed, facts = Feed(), list[Fact]()
    feed.tap(facts.append)
    clients = Clients(scenario, folder, BEGAN)
    declared = configuration.file.faults
    faults = None if declared is None else Faults(declared, scenario.seed, feed)
    plan = Plan(BEGAN, LONGEST, until_idle=True, seed=scenario.seed)
    companions = [Companion(clients.run, clients.is_done)]
    held = set(_held())
    with _slow_statements(scenario):
        simulation = simulate(configuration, plan, feed, companions, faults)
        ended, tasks = clock.simulate(_and_tasks(simulation), BEGAN)
    left = _left_in_store(configuration.state / "headrace.db", Tokens(scenario.items))
    left.objects = {path.name: path.read_bytes() for path in (folder / INBOX).glob("*")}
    left.things = [*tasks, *sorted(set(_held()) - held), *_environments(facts)]
    left.commits = 0 if faults is None else faults.commits
    return Journal(scenario, facts, clients.notes, left, BEGAN, ended, plan.end)


async def _and_tasks(main: Any) -> tuple[datetime, Sequence[str]]:
    """Return what `main` does, and the tasks that are left after it."""
    ended = await main
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return ended, sorted(f"task {task.get_name()}" for task in tasks)


def _held() -> Iterator[str]:
    """Yield what this process has open."""
    descriptors = Path("/proc/self/fd")
    for descriptor in descriptors.iterdir() if descriptors.exists() else ():
        with suppress(OSError):  # the one that lists them
            yield f"file handle {descriptor.name}: {descriptor.readlink()}"


def _environments(facts: Sequence[Fact]) -> Sequence[str]:
    """Return the environments that nobody has ended; those of a simulator that crashed are gone with it."""
    running: set[str] = set()
    for fact in facts:
        if isinstance(fact, SimulatorCrashed):
            running.clear()
        elif isinstance(fact, EnvironmentStarted):
            running.add(f"environment {fact.environment} of {fact.function}")
        elif isinstance(fact, EnvironmentStopped):
            running.discard(f"environment {fact.environment} of {fact.function}")
    return sorted(running)


def _left_in_store(database: Path, tokens: Tokens) -> Left:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT queue, body, leased FROM sqs_messages ORDER BY sequence").fetchall()
        events = connection.execute("SELECT request_id, leased FROM event_queue").fetchall()
    messages = [
        LeftMessage(
            queue,
            body,
            bool(leased),
            () if queue == "given-up" else [each.token for each in tokens.of_message(body)],
        )
        for queue, body, leased in rows
    ]
    return Left(messages, [request_id for request_id, _ in events], sum(leased for _, leased in events))


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield an empty folder, in memory where that is possible: it is not the machine that crashes."""
    memory = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="headrace-trial-", dir=memory if os.access(memory, os.W_OK) else None)
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _scripted(handlers: Handlers) -> AbstractContextManager[Any]:
    return patch("engine.functions.environment.Runtime", partial(ScriptedRuntime, handlers.answer))


@contextmanager
def _slow_statements(scenario: Scenario) -> Iterator[None]:
    """Let statements take a few turns of the loop, as those on a thread do: others act in between."""
    if not scenario.thread_turns:
        yield
        return
    from engine.store.connection import _InlineConnection

    chance, run = Random(scenario.seed), _InlineConnection.run

    async def slowly(
        self: _InlineConnection, operation: Callable[[sqlite3.Connection], Any], *, brief: bool = False
    ) -> Any:
        before = chance.randint(0, scenario.thread_turns)
        after = chance.randint(0, scenario.thread_turns)
        with running_clock().outside():
            for _ in range(before):
                await asyncio.sleep(0)
            try:
                return await run(self, operation, brief=brief)
            finally:
                for _ in range(after):
                    await asyncio.sleep(0)

    with patch.object(_InlineConnection, "run", slowly):
        yield
