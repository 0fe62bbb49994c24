"""`headrace simulate` and `headrace run` with declared faults, as a user meets them."""

import json
import os
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.end_to_end.headrace_process import HEADRACE

LIMIT_SECONDS = 240

CONFIGURATION = """
    [functions.work]
    handler = "app.work"
    timeout = 5
    on_failure = "queues.failed"
    simulated_duration = "uniform(min=10ms, max=900ms)"

    [buckets.inbox]
    folder = "inbox"
    [[buckets.inbox.notifications]]
    function = "work"
    events = ["s3:ObjectCreated:*"]

    [queues.jobs]
    redrive_policy = { dead_letter_target_arn = "queues.dead", max_receive_count = 5 }
    [queues.dead]
    [queues.failed]
    [queues."orders.fifo"]
    content_based_deduplication = true

    [streams.clicks]
    shards = 2

    [tables.orders]
    database = "orders.db"
    key = ["id"]

    [schedules.tick]
    expression = "rate(1 minute)"
    function = "work"

    [[event_source_mappings]]
    source = "queues.jobs"
    function = "work"
    batch_size = 5

    [[event_source_mappings]]
    source = "queues.orders.fifo"
    function = "work"
    batch_size = 3

    [[event_source_mappings]]
    source = "streams.clicks"
    function = "work"
    starting_position = "TRIM_HORIZON"
    batch_size = 4
    parallelization_factor = 2

    [[event_source_mappings]]
    source = "tables.orders"
    function = "work"
    starting_position = "TRIM_HORIZON"

    [faults]
    error_rate = 0.1
    timeout_rate = 0.05
    crash_rate = 0.05
    throttle_rate = 0.1
    slow_start_rate = 0.3
    duplicate_rate = 0.2
    redelivery_rate = 0.2
    reorder_rate = 0.3
    smaller_batch_rate = 0.3
    late_wake_up_rate = 0.2
    lost_wake_up_rate = 0.1
    store_busy_rate = 0.05
    store_full_rate = 0.05
    simulator_crash_rate = 0.005
    simulator_crash_after_commits = [60]
"""

SCRIPT = """
    [[actions]]
    at = "10s"
    every = "20s"
    count = 6
    send = { queue = "jobs", body = "job {{n}}", count = 4 }

    [[actions]]
    at = "10s"
    every = "20s"
    count = 6
    send = { queue = "orders.fifo", body = "order {{n}}", group = "a" }

    [[actions]]
    at = "15s"
    every = "20s"
    count = 6
    put_record = { stream = "clicks", data = "click {{n}}", partition_key = "{{n}}" }

    [[actions]]
    at = "20s"
    every = "40s"
    count = 3
    sql = { table = "orders", statements = "INSERT INTO orders VALUES ('{{n}}')" }

    [[actions]]
    at = "25s"
    every = "40s"
    count = 3
    put_object = { bucket = "inbox", key = "object-{{n}}", content = "{{n}}" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "headrace.toml").write_text(dedent(CONFIGURATION), encoding="utf-8")
    (app / "script.toml").write_text(dedent(SCRIPT), encoding="utf-8")
    (app / "app.py").write_text(
        "def work(event, context):\n    print(event)\n    return {str(each) for each in 'abc'} and 'done'\n"
    )
    with closing(sqlite3.connect(app / "orders.db")) as connection:
        connection.execute("CREATE TABLE orders (id TEXT PRIMARY KEY)")
    return app


def headrace(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def facts(path: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [fact for fact in found if fact["fact"] == kind]


def test_the_same_seed_gives_the_same_faults_and_deliveries(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    reports = []
    for hash_seed in ("1", "2"):
        done = headrace(
            folder,
            *("simulate", "--for", "150s", "--seed", "11", "--script", "script.toml", "--json"),
            *("--feed", f"feed-{hash_seed}.jsonl"),
            PYTHONHASHSEED=hash_seed,
            TMPDIR=str(tmp_path / "tmp"),
        )
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout))
    assert (folder / "feed-1.jsonl").read_bytes() == (folder / "feed-2.jsonl").read_bytes()
    assert reports[0] == reports[1]
    told = Counter(fact["kind"] for fact in facts(folder / "feed-1.jsonl", "FaultInjected"))
    crashes = len(facts(folder / "feed-1.jsonl", "SimulatorCrashed"))
    assert crashes >= 1
    assert reports[0]["faults"] == {**told, "simulator_crash": crashes}
    assert len(told) >= 10


def test_a_run_tells_what_is_declared_and_with_which_seed(folder: Path) -> None:
    configuration = folder / "headrace.toml"
    text = configuration.read_text(encoding="utf-8")
    configuration.write_text("".join(line for line in text.splitlines(True) if "simulator_crash" not in line))
    done = headrace(folder, "run", "--until-idle", "--seed", "5", "--json")
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["fact"], first["place"]) == ("Notice", "faults")
    assert first["text"].startswith("declared, and drawn with `--seed 5`: error_rate 0.1, ")


def test_idle_is_exact_where_wake_ups_get_lost(folder: Path) -> None:
    (folder / "inbox").mkdir()
    (folder / "inbox/here.txt").write_text("here")
    (folder / "headrace.toml").write_text(
        dedent(
            """
            [functions.work]
            handler = "app.work"
            [buckets.inbox]
            folder = "inbox"
            existing = "emit"
            [[buckets.inbox.notifications]]
            function = "work"
            events = ["s3:ObjectCreated:*"]
            [faults]
            lost_wake_up_rate = 1
            """
        )
    )
    done = headrace(folder, "run", "--until-idle", "--json")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [fact["kind"] for fact in told if fact["fact"] == "FaultInjected"] == ["lost_wake_up"]
    assert [fact["function_error"] for fact in told if fact["fact"] == "InvocationFinished"] == [None]


def test_a_run_refuses_a_seed_that_nothing_is_drawn_from(folder: Path) -> None:
    configuration = folder / "headrace.toml"
    text = configuration.read_text(encoding="utf-8")
    configuration.write_text(text[: text.index("[faults]")])
    done = headrace(folder, "run", "--until-idle", "--seed", "5")
    assert done.returncode == 2
    assert "--seed is for declared faults: there is no [faults] in " in done.stderr


def test_a_run_refuses_crashes_of_the_simulator(folder: Path) -> None:
    done = headrace(folder, "run", "--until-idle")
    assert done.returncode == 2
    for option in ("simulator_crash_rate", "simulator_crash_after_commits"):
        assert f"faults.{option}: the simulator crashes in `headrace simulate` only" in done.stderr


def test_a_check_names_functions_that_there_are_not(folder: Path) -> None:
    with (folder / "headrace.toml").open("a") as file:
        file.write('functions = ["work", "wrok"]\n')
    done = headrace(folder, "check")
    assert done.returncode == 2
    assert "faults.functions[1]: there is no function 'wrok'" in done.stderr
