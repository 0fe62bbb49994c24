"""`headrace simulate` as a user runs it, with real handlers."""

import json
import os
import re
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.end_to_end.headrace_process import HEADRACE, wait_until

LIMIT_SECONDS = 240


def simulate(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a simulation in a folder."""
    return subprocess.run(
        [HEADRACE, "simulate", *options],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def write(folder: Path, configuration: str, handlers: str) -> None:
    (folder / "headrace.toml").write_text(dedent(configuration), encoding="utf-8")
    (folder / "app.py").write_text(dedent(handlers), encoding="utf-8")


def facts(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [fact for fact in found if kind in (None, fact["fact"])]


def test_a_month_of_a_schedule_fires_at_exactly_its_moments(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        [functions.report]
        handler = "app.report"
        [schedules.monthly]
        expression = "cron(0 8 ? * 2#1 *)"
        function = "report"
        """,
        "def report(event, context): return event['time']",
    )
    done = simulate(tmp_path, "--for", "31d", "--from", "2026-03-01T00:00Z", "--feed", "feed.jsonl")
    assert done.returncode == 0, done.stderr
    (emitted,) = facts(tmp_path / "feed.jsonl", "EventEmitted")
    assert emitted["time"] == "2026-03-02T08:00:00.000Z"
    (finished,) = facts(tmp_path / "feed.jsonl", "InvocationFinished")
    assert finished["function_error"] is None


def test_a_week_of_a_job_that_fails_half_the_time_is_retried_as_on_aws(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        [functions.job]
        handler = "app.job"
        dead_letter = "queues.dead"
        [queues.dead]
        [schedules.often]
        expression = "rate(5 minutes)"
        function = "job"
        """,
        """
        import random

        def job(event, context):
            if random.random() < 0.5:
                raise RuntimeError("not this time")
        """,
    )
    done = simulate(tmp_path, "--for", "7d", "--json", "--seed", "1")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    job = report["functions"]["job"]
    assert report["sources"]["schedules.often"]["events"] == 2016
    waiting = job["retries"] - (job["invocations"] - 2016)  # at the end of the week
    assert 0 <= waiting <= 2
    assert job["errors"] - job["retries"] == job["dead_letters"]
    assert 0.08 < job["dead_letters"] / 2016 < 0.17  # an eighth fails three times


BUSY = """
    [functions.fetch]
    handler = "app.fetch"
    timeout = 20
    [functions.copy]
    handler = "app.copy"
    simulated_duration = "lognormal(median=80ms, p99=900ms)"
    [functions.work]
    handler = "app.work"
    simulated_duration = "uniform(min=10ms, max=3s)"
    [functions.rows]
    handler = "app.rows"
    [buckets.inbox]
    folder = "inbox"
    [[buckets.inbox.notifications]]
    function = "copy"
    [buckets.outbox]
    folder = "outbox"
    [queues.jobs]
    visibility_timeout = 30
    [tables.orders]
    database = "orders.db"
    [schedules.hourly]
    expression = "rate(1 hour)"
    function = "fetch"
    [schedules.also]
    expression = "rate(1 hour)"
    function = "fetch"
    [[event_source_mappings]]
    source = "queues.jobs"
    function = "work"
    batch_size = 4
    function_response_types = ["ReportBatchItemFailures"]
    [[event_source_mappings]]
    source = "tables.orders"
    function = "rows"
    starting_position = "TRIM_HORIZON"
"""
BUSY_HANDLERS = """
    import json, os, random, time
    import boto3

    s3, sqs, functions = (boto3.client(name) for name in ("s3", "sqs", "lambda"))

    def fetch(event, context):
        began = time.time()
        time.sleep(random.uniform(0.5, 3))
        s3.put_object(Bucket="inbox", Key=f"{context.aws_request_id}.txt", Body=b"hello")
        answer = functions.invoke(FunctionName="rows", Payload=b'{"Records": []}')
        print("took", time.time() - began, answer["StatusCode"])

    def copy(event, context):
        for record in event["Records"]:
            key = record["s3"]["object"]["key"]
            body = s3.get_object(Bucket="inbox", Key=key)["Body"].read()
            s3.put_object(Bucket="outbox", Key=key, Body=body.upper())
            url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
            for number in range(3):
                sqs.send_message(QueueUrl=url, MessageBody=f"{key} {number}")

    def work(event, context):
        failed = [record["messageId"] for record in event["Records"] if random.random() < 0.2]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    def rows(event, context):
        return [record["dynamodb"]["NewImage"] for record in event["Records"]]
"""
SCRIPT = """
    [[actions]]
    at = "10m"
    every = "20m"
    count = 5
    sql = { table = "orders", statements = "INSERT INTO orders VALUES ({{n}}, 'new')" }

    [[actions]]
    at = "2h30m"
    expect = { bucket = "outbox", prefix = "", objects = 4 }
"""


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    write(tmp_path, BUSY, BUSY_HANDLERS)
    (tmp_path / "script.toml").write_text(dedent(SCRIPT), encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/there.txt").write_text("already", encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)")
    return tmp_path


def test_two_runs_with_one_seed_are_the_same_byte_for_byte(busy: Path) -> None:
    plan = ("--for", "2h45m", "--seed", "11", "--script", "script.toml")
    first = simulate(busy, *plan, "--feed", "1.jsonl", "--html", "1.html", PYTHONHASHSEED="1")
    second = simulate(busy, *plan, "--feed", "2.jsonl", "--html", "2.html", PYTHONHASHSEED="2")
    assert first.returncode == 0, first.stderr + first.stdout
    assert first.stdout == second.stdout
    assert (busy / "1.html").read_bytes() == (busy / "2.html").read_bytes()
    assert (busy / "1.jsonl").read_bytes() == (busy / "2.jsonl").read_bytes()
    invoked = Counter(fact["function"] for fact in facts(busy / "1.jsonl", "InvocationFinished"))
    assert invoked["fetch"] == 4
    assert invoked["copy"] == 4
    assert invoked["work"] >= 4
    assert invoked["rows"] == 4 + 5
    assert not [fact for fact in facts(busy / "1.jsonl", "InvocationFinished") if fact["function_error"]]


def test_the_users_own_files_are_not_touched(busy: Path) -> None:
    before = sorted(path.name for path in busy.rglob("*"))
    database = (busy / "orders.db").read_bytes()
    done = simulate(busy, "--for", "70m", "--keep", "kept")
    assert done.returncode == 0, done.stderr
    assert len(list((busy / "kept").rglob("outbox/*.txt"))) == 2
    assert (busy / "orders.db").read_bytes() == database
    after = sorted(
        path.name
        for path in busy.rglob("*")
        if not path.is_relative_to(busy / "kept") and path.suffix != ".pyc" and path.name != "__pycache__"
    )
    assert after == before


def test_what_is_told_depends_neither_on_where_the_copies_are_nor_on_the_port(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        [functions.put]
        handler = "app.put"
        [buckets.inbox]
        folder = "inbox"
        """,
        """
        import boto3, os

        def put(event, context):
            print("at", os.environ["AWS_ENDPOINT_URL"] + "/")
            try:
                boto3.client("s3").put_object(Bucket="inbox", Key="there/below", Body=b"")
            except Exception as error:
                print(error)
        """,
    )
    (tmp_path / "script.jsonl").write_text(
        '{"at": "1s", "put_object": {"bucket": "inbox", "key": "there", "content": "a"}}\n'
        '{"at": "2s", "put_object": {"bucket": "inbox", "key": "there/below", "content": "a"}}\n'
        '{"at": "3s", "invoke": {"function": "put"}}\n'
    )
    for place in ("here", "elsewhere"):
        (tmp_path / place).mkdir()
    plan = ("--for", "1m", "--seed", "1", "--script", "script.jsonl")
    first = simulate(tmp_path, *plan, "--feed", "1.jsonl", TMPDIR=str(tmp_path / "here"))
    second = simulate(tmp_path, *plan, "--feed", "2.jsonl", TMPDIR=str(tmp_path / "elsewhere"))
    own = f"{tmp_path / 'inbox' / 'there'} is in the way"
    assert own.replace(" ", "") in "".join(first.stdout.split())
    assert first.stdout == second.stdout
    told = (tmp_path / "1.jsonl").read_text()
    assert own in told
    assert "at http://127.0.0.1:4566/" in told
    assert told == (tmp_path / "2.jsonl").read_text()


def test_it_ends_when_only_schedules_are_left(busy: Path) -> None:
    (busy / "send.toml").write_text(
        '[[actions]]\nat = "1m"\nsend = { queue = "jobs", body = "x", count = 8 }\n', encoding="utf-8"
    )
    plan = ("--until-idle", "--seed", "4", "--script", "send.toml")
    done = simulate(busy, *plan, "--feed", "feed.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    finished = facts(busy / "feed.jsonl", "InvocationFinished")
    assert len(finished) >= 3  # what failed has come again after its visibility timeout
    assert finished[-1]["time"] > "2026-01-01T00:01:30"
    assert json.loads(done.stdout)["sources"]["queues.jobs"]["returned"] > 0


def test_a_failing_run_tells_how_to_see_it_again(busy: Path) -> None:
    (busy / "wrong.toml").write_text(
        '[[actions]]\nat = "1m"\nexpect = { queue = "jobs", messages = 3 }\n', encoding="utf-8"
    )
    done = simulate(busy, "--for", "2m", "--script", "wrong.toml")
    assert done.returncode == 1
    assert "queues.jobs: 0 messages, expected 3" in " ".join(done.stdout.split())
    assert "Script: 1 action done, 1 failed." in done.stderr
    assert "headrace simulate --for 2m --script wrong.toml --seed " in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
@pytest.mark.parametrize("length", [["--for", "5h"], ["--until-idle"]], ids=["a known end", "an open end"])
def test_a_terminal_shows_how_far_it_is(tmp_path: Path, length: list[str]) -> None:
    write(
        tmp_path,
        """
        [functions.work]
        handler = "app.work"
        """,
        """
        def work(event, context):
            return None
        """,
    )
    line = '{"at": "1m", "every": "1m", "count": 290, "invoke": {"function": "work"}}'
    (tmp_path / "script.jsonl").write_text(line)
    terminal, its_end = os.openpty()
    with subprocess.Popen(
        [HEADRACE, "simulate", "--script", "script.jsonl", *length],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=its_end,
    ) as running:
        os.close(its_end)
        shown = b""
        with suppress(OSError):  # once nobody has the other end
            while part := os.read(terminal, 65_536):
                shown += part
    os.close(terminal)
    assert running.returncode == 0
    assert re.search(rb"2026-01-01 0[1-4]:", shown)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_at_once_whatever_a_handler_does(tmp_path: Path, number: signal.Signals) -> None:
    write(
        tmp_path,
        """
        [functions.stuck]
        handler = "app.stuck"
        [schedules.often]
        expression = "rate(5 minutes)"
        function = "stuck"
        """,
        """
        import os, time

        def stuck(event, context):
            open(os.environ["LAMBDA_TASK_ROOT"] + "/begun", "w").close()
            end = time.time() + 1
            while time.time() < end:
                pass
        """,
    )
    running = subprocess.Popen(
        [HEADRACE, "simulate", "--for", "1d"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    wait_until((tmp_path / "begun").exists, "the handler is at work")
    running.send_signal(number)
    _, told = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "To see it again: headrace simulate --for 1d --seed " in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param([], "--for 30d, or --until-idle", id="no length"),
        pytest.param(["--for", "a while"], "a duration such as", id="a length that is none"),
        pytest.param(
            ["--for", "1d", "--from", "soon"], "a date and time such as", id="a beginning that is none"
        ),
        pytest.param(
            ["--for", "1d", "--from", "1970-12-31T00:00Z"], "from 1971 to 2200", id="before all clocks"
        ),
        pytest.param(["--for", "100000w"], "has to be before 2200", id="longer than there is time"),
        pytest.param(["--for", "1d", "--keep", "inbox"], "exists already", id="a folder that is there"),
        pytest.param(
            ["--for", "1d", "--script", "none.toml"],
            "the script has 1 problem:\n  none.toml does not exist",
            id="a script that is not there",
        ),
        pytest.param(
            ["--for", "1d", "--feed", "nowhere/feed"], "nowhere/feed", id="a feed that cannot be written"
        ),
    ],
)
def test_wrong_arguments_are_told_before_anything_runs(busy: Path, options: list[str], told: str) -> None:
    done = simulate(busy, *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
