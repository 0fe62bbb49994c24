"""Scripts on real simulators in simulated time: what each action does, and what expectations find."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from engine import clock
from engine.duration import parse_duration
from engine.feed import Fact, Feed, InvocationFinished
from engine.settings import Settings
from headrace.config import load
from headrace.simulation.figures import Figures
from headrace.simulation.performance import Levers, perform, restore
from headrace.simulation.report import Report, ScriptReport, as_json
from headrace.simulation.report_html import render_html
from headrace.simulation.report_text import render_text
from headrace.simulation.run import Companion, Plan, simulate
from headrace.simulation.script import Script, load_script
from headrace.simulator import Simulator

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
HANDLER = """
import json, os
def handler(event, context):
    if os.environ.get("FAIL") or "fail" in json.dumps(event):
        raise ValueError("no")
    return {"version": 1}
"""
CONFIGURATION = """
[functions.work]
handler = "app.handler"
code = "code"
maximum_retry_attempts = 1

[buckets.inbox]
folder = "inbox"
[[buckets.inbox.notifications]]
function = "work"

[queues.jobs]
visibility_timeout = 60
redrive_policy = { dead_letter_target_arn = "queues.failures", max_receive_count = 2 }
[queues.failures]
[queues.quiet]

[streams.clicks]

[tables.orders]
database = "shop.db"

[[event_source_mappings]]
source = "queues.jobs"
function = "work"

[[event_source_mappings]]
source = "streams.clicks"
function = "work"
starting_position = "TRIM_HORIZON"
maximum_retry_attempts = 1

[[event_source_mappings]]
source = "tables.orders"
function = "work"
starting_position = "TRIM_HORIZON"
"""


class Faults(Settings):
    """A stand-in for the model of `[faults]`."""

    error_rate: float = 0.0


def no_crash() -> None:
    raise AssertionError("nothing crashes here")


class Run:
    """Simulations of a folder, with a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: list[Fact] = []
        self.faults: list[BaseModel] = []

    def __call__(self, text: str, length: str = "1h") -> Report:
        """Perform a script for so long."""
        (self.folder / "script.toml").write_text(text)
        configuration = load(self.folder / "headrace.toml")
        end = BEGAN + parse_duration(length)
        script = load_script(
            self.folder / "script.toml",
            configuration,
            began=BEGAN,
            length=end - BEGAN,
            faults=Faults,
        )
        feed = Feed()
        feed.tap(self.facts.append)
        figures = Figures(feed, BEGAN, end - BEGAN)
        levers = Levers(self.faults.append, no_crash)
        companions = [
            Companion(figures.follow),
            Companion(partial(perform, script, figures, levers), has_due=script.has_due),
        ]
        plan = Plan(BEGAN, end - BEGAN, until_idle=False, seed=1)
        ended = clock.simulate(simulate(configuration, plan, feed, companions), BEGAN)
        return figures.report(ended, plan.seed, script.report())

    def invocations(self) -> list[tuple[float, str, Any]]:
        """Return when each invocation ended, in whole seconds, its source and its event."""
        return [
            (round((fact.time - BEGAN).total_seconds()), fact.source, json.loads(fact.event))
            for fact in self.facts
            if isinstance(fact, InvocationFinished)
        ]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(HANDLER)
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, state TEXT)")
    return Run(tmp_path)


def failures(report: Report) -> list[str]:
    assert report.script is not None
    return list(report.script.failures)


def actions(*lines: str) -> str:
    """Return a script of actions, each `at: action`."""
    found = (line.partition(": ") for line in lines)
    return "".join(f'[[actions]]\nat = "{at}"\n{action}\n' for at, _, action in found)


def test_each_source_is_fed_at_its_moment(run: Run) -> None:
    (run.folder / "event.json").write_text('{"from": "a file"}')
    report = run(
        actions(
            '1m: put_object = { bucket = "inbox", key = "a.txt", content = "hello" }',
            '2m: send = { queue = "jobs", body = "do it", attributes = { size = "3" }, count = 3 }',
            '3m: put_record = { stream = "clicks", data = "click", partition_key = "alice" }',
            """4m: sql = { table = "orders", statements = \"\"\"INSERT INTO orders VALUES ('1', 'new');
                UPDATE orders SET state = 'paid'\"\"\" }""",
            '5m: invoke = { function = "work", payload = { hello = 1 } }',
            '6m: replay = { paths = "event.json" }',
            '7m: expect = { bucket = "inbox", key = "a.txt", content = "hello" }',
            '7m: delete_object = { bucket = "inbox", key = "a.txt" }',
            '8m: expect = { function = "work", invocations = 6, errors = 0 }',
            '8m: expect = { queue = "jobs", messages = 0 }',
            '8m: expect = { bucket = "inbox", key = "a.txt", exists = false }',
            '8m: expect = { table = "orders", rows = 1, sql = "SELECT state FROM orders", result = "paid" }',
        )
    )
    assert failures(report) == []
    assert report.script is not None
    assert report.script.performed == 12
    found = run.invocations()
    assert [(moment, source) for moment, source, _ in found] == [
        (60, "buckets.inbox"),
        (120, "queues.jobs"),
        (180, "streams.clicks"),
        (240, "tables.orders"),
        (300, "invoke"),
        (360, "invoke"),
    ]
    put, sent, clicked, changed, invoked, replayed = (event for _, _, event in found)
    assert put["Records"][0]["s3"]["object"]["key"] == "a.txt"
    assert [record["body"] for record in sent["Records"]] == ["do it"] * 3
    assert sent["Records"][0]["messageAttributes"]["size"]["stringValue"] == "3"
    assert clicked["Records"][0]["kinesis"]["partitionKey"] == "alice"
    assert [record["eventName"] for record in changed["Records"]] == ["INSERT", "MODIFY"]
    assert (invoked, replayed) == ({"hello": 1}, {"from": "a file"})


def test_what_is_repeated_may_say_which_time_it_is(run: Run) -> None:
    put = 'put_object = { bucket = "inbox", key = "{{n}}.txt", content = "" }'
    report = run(
        actions(
            f'1m: {put}\nevery = "10m"\ncount = 3',
            '50m: expect = { bucket = "inbox", objects = 3 }',
            '50m: expect = { bucket = "inbox", prefix = "2", objects = 1 }',
        )
    )
    assert failures(report) == []
    assert [
        (moment, event["Records"][0]["s3"]["object"]["key"]) for moment, _, event in run.invocations()
    ] == [(60, "1.txt"), (660, "2.txt"), (1260, "3.txt")]


def test_what_goes_wrong_is_told_with_its_place_and_its_moment(run: Run) -> None:
    report = run(
        actions(
            '1m: sql = { table = "orders", statements = "INSERT INTO nowhere VALUES (1)" }',
            '1m: put_object = { bucket = "inbox", key = "a/../b", content = "" }',
            '2m: send = { queue = "quiet", body = "a", count = 3 }',
            '1h: expect = { queue = "quiet", messages = { at_most = 2 }, visible = 3, in_flight = 1 }',
            '1h: expect = { function = "work", invocations = { at_least = 1, at_most = 5 } }',
            '1h: expect = { bucket = "inbox", key = "b" , exists = true }',
            '1h: expect = { table = "orders", rows = 1, sql = "SELECT colour", result = 0 }',
        )
    )
    name = "a folder cannot hold this name"
    minute, hour = "at 2026-03-01T00:01:00Z (1m)", "at 2026-03-01T01:00:00Z (1h)"
    assert failures(report) == [
        f"actions[0].sql, {minute}: shop.db: no such table: nowhere",
        f"actions[1].put_object, {minute}: the folder cannot hold the key 'a/../b': {name}",
        f"actions[3].expect, {hour}: queues.quiet: 3 messages, expected at most 2",
        f"actions[3].expect, {hour}: queues.quiet: 0 in flight, expected 1",
        f"actions[4].expect, {hour}: functions.work: 0 invocations, expected 1 to 5",
        f"actions[5].expect, {hour}: buckets.inbox: b does not exist",
        f"actions[6].expect, {hour}: shop.db: no such column: colour",
    ]


def test_functions_mappings_and_queues_are_changed_while_they_run(run: Run) -> None:
    (run.folder / "second").mkdir()
    (run.folder / "second" / "app.py").write_text(HANDLER.replace('"no"', '"second"'))
    report = run(
        actions(
            '1m: change_function = { function = "work", environment = { FAIL = "1" } }',
            '2m: invoke = { function = "work" }',
            '10m: change_function = { function = "work", code = "second" }',
            '11m: invoke = { function = "work" }',
            '20m: change_function = { function = "work", environment = {} }',
            '21m: invoke = { function = "work" }',
            '30m: change_mapping = { source = "queues.jobs", function = "work", enabled = false }',
            '31m: send = { queue = "jobs", body = "late" }',
            '32m: expect = { queue = "jobs", visible = 1 }',
            '33m: change_mapping = { source = "queues.jobs", function = "work", enabled = true }',
            '34m: expect = { queue = "jobs", messages = 0 }',
            '40m: change_queue = { queue = "quiet", delay_seconds = 120 }',
            '40m: send = { queue = "quiet", body = "late" }',
            '41m: expect = { queue = "quiet", delayed = 1 }',
            '42m: expect = { queue = "quiet", visible = 1 }',
            '50m: change_function = { function = "work", reserved_concurrency = 0 }',
            '51m: invoke = { function = "work" }',
            '52m: expect = { function = "work", invocations = 6 }',
            "55m: faults = { error_rate = 0.5 }",
        )
    )
    assert failures(report) == []
    told = [
        (round((fact.time - BEGAN).total_seconds()), fact.error_message)
        for fact in run.facts
        if isinstance(fact, InvocationFinished)
    ]
    assert told == [(120, "no"), (180, "no"), (660, "second"), (720, "second"), (1260, None), (1980, None)]
    assert report.functions[0].endings == {"RetriesExhausted": 2, "ZeroReservedConcurrency": 1}
    assert run.faults == [Faults(error_rate=0.5)]


def test_recordings_are_replayed_at_their_pace_beside_what_follows(run: Run) -> None:
    lines = [
        {"offset": offset, "function": "work", "source": "x", "attempt": 1, "event": {"at": offset}}
        for offset in (5, 65, 125)
    ]
    (run.folder / "recording.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    sent = {"messageId": "1", "body": "again", "eventSource": "aws:sqs", "attributes": {}}
    sent |= {"eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:jobs", "messageAttributes": {}}
    (run.folder / "sqs.json").write_text(json.dumps({"Records": [sent]}))
    report = run(
        actions(
            '1m: replay = { paths = ["recording.jsonl"] }',
            '90s: replay = { paths = "recording.jsonl", speed = 60 }',
            '4m: replay = { paths = "sqs.json", through = "source" }',
            '5m: replay = { paths = "sqs.json", through = "source", source = "queues.quiet" }',
            '6m: expect = { queue = "quiet", visible = 1 }',
        )
    )
    assert failures(report) == []
    assert [(moment, event.get("at")) for moment, _, event in run.invocations()] == [
        (60, 5),
        (90, 5),
        (91, 65),
        (92, 125),
        (120, 65),
        (180, 125),
        (240, None),
    ]


class Crashed(Exception):
    """Ends a simulator as a crash does."""


def crash() -> None:
    raise Crashed


async def survive(folder: Path, script: Script, figures: Figures, levers: Levers, feed: Feed) -> None:
    """Perform a script on one simulator after the other, on the same state."""
    while not script.is_done:
        simulator = Simulator(load(folder / "headrace.toml"), feed, endpoint=("127.0.0.1", 0), simulated=True)
        stop = asyncio.Event()
        async with simulator, asyncio.TaskGroup() as group:
            await restore(script, levers, simulator)
            running = group.create_task(simulator.run(stop))
            await simulator.ready.wait()
            with suppress(Crashed):
                await perform(script, figures, levers, simulator)
            stop.set()
            await running


def test_after_a_crash_the_script_goes_on_with_what_it_has_changed(run: Run) -> None:
    path = run.folder / "script.toml"
    path.write_text(
        actions(
            '1m: change_function = { function = "work", environment = { FAIL = "1" } }',
            '1m: change_mapping = { source = "queues.jobs", function = "work", batch_size = 1 }',
            '1m: change_queue = { queue = "quiet", delay_seconds = 900 }',
            "1m: faults = { error_rate = 0.5 }",
            '2m: send = { queue = "quiet", body = "kept" }',
            '3m: send = { queue = "jobs", body = "work", count = 2 }',
            '3m30s: crash = {}\nevery = "10s"\ncount = 2',
            '10m: expect = { queue = "quiet", messages = 1 }',
            '10m: send = { queue = "quiet", body = "delayed" }',
            '11m: expect = { queue = "quiet", delayed = 2 }',
            '20m: expect = { queue = "failures", messages = 2 }',
            '20m: expect = { function = "work", invocations = 4, errors = 4 }',
        )
    )
    configuration = load(run.folder / "headrace.toml")
    script = load_script(path, configuration, began=BEGAN, faults=Faults, can_crash=True)
    feed = Feed()
    figures = Figures(feed, BEGAN)
    levers = Levers(run.faults.append, crash)
    clock.simulate(survive(run.folder, script, figures, levers, feed), BEGAN)
    assert script.report() == ScriptReport(13, ())
    assert run.faults == [Faults(error_rate=0.5)] * 3


def test_the_same_script_gives_the_same_report(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    script = actions(
        '1m: send = { queue = "jobs", body = "fail", count = 12 }\nevery = "10m"\nuntil = "21m"',
        '2m: put_record = { stream = "clicks", data = "a", count = 20 }',
        '3m: put_object = { bucket = "inbox", key = "fail", content = "a" }',
        '3m: send = { queue = "quiet", body = "a", count = 7 }',
    )
    reports = []
    for name in ("one", "two"):
        copy = tmp_path_factory.mktemp(name) / "app"
        shutil.copytree(run.folder, copy)
        reports.append(Run(copy)(script))
    first, second = reports
    assert as_json(first) == as_json(second)
    assert render_text(first) == render_text(second)
    assert render_html(first) == render_html(second)
    (work,) = first.functions
    sources = {source.name: source for source in first.sources}
    assert work.errors == work.error_types["ValueError"]
    assert work.endings == {"RetriesExhausted": 1}
    assert sources["queues.jobs"].dead_letters == 36
    assert sources["streams.clicks"].records == 20
    levels = {(series.name, series.unit): series.highest for series in first.series}
    assert levels["queues.quiet", "messages"] == 7
    assert levels["queues.failures", "messages"] == 36
    assert levels["queues.jobs", "messages"] == 12
    assert levels["functions.work", "at once"] >= 2
