"""Live runs whose time is moved by hand, hurried, or ends when all is done."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace.control import ADVANCE_PATH, CLOCK_PATH, ControlRefused, asked
from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until, write_function

CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions]
work = { handler = "handler.handler", code = "functions/work" }
fail = { handler = "handler.handler", code = "functions/fail" }
clock = { handler = "handler.handler", code = "functions/clock" }

[buckets.inbox]
folder = "inbox"
notifications = [{ function = "work", events = ["s3:ObjectCreated:*"] }]

[queues.jobs]
[queues.unread]

[tables.orders]
database = "shop.db"

[schedules.hourly]
expression = "cron(0 * * * ? *)"
function = "work"
{disabled}

[[event_source_mappings]]
source = "queues.jobs"
function = "work"

[[event_source_mappings]]
source = "tables.orders"
function = "work"
starting_position = "LATEST"
"""

WORK = "def handler(event, context):\n    return None\n"
FAIL = "def handler(event, context):\n    raise ValueError('on purpose')\n"
CLOCK = """
import time


def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return [time.time(), context.get_remaining_time_in_millis()]
"""

START = "2026-03-01T08:00Z"
MANUAL = ("--clock", "manual", "--from", START)


def shop(folder: Path, *, schedule: bool = True) -> Path:
    """Write a configuration and its functions."""
    text = CONFIGURATION.replace("{disabled}", "" if schedule else 'state = "DISABLED"')
    (folder / "headrace.toml").write_text(text)
    for name, source in (("work", WORK), ("fail", FAIL), ("clock", CLOCK)):
        write_function(folder, name, source)
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, text)")
    return folder


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    """A simulator whose time stands still."""
    folder = tmp_path_factory.mktemp("steered")
    with HeadraceProcess(shop(folder), *MANUAL) as running:
        yield running


def advance(running: HeadraceProcess, seconds: float) -> dict[str, Any]:
    """Move its time."""
    return asked(running.url, "POST", ADVANCE_PATH, {"seconds": seconds})


def now(running: HeadraceProcess) -> str:
    """Return its time."""
    return str(asked(running.url, "GET", CLOCK_PATH)["now"])


def test_a_manual_clock_begins_where_it_is_told_and_stands_still(standing: HeadraceProcess) -> None:
    assert now(standing) == "2026-03-01T08:00:00.000Z"
    shown = asked(standing.url, "GET", CLOCK_PATH)
    assert (shown["now"], shown["mode"]) == ("2026-03-01T08:00:00.000Z", "manual")
    assert shown["next"]["resource"] == "schedules.hourly"
    assert shown["next"]["until"] == "2026-03-01T09:00:00.000Z"
    assert standing.of("SimulatorReady")[0]["time"] == "2026-03-01T08:00:00.000Z"


def test_the_command_shows_the_time_and_what_comes_next(standing: HeadraceProcess) -> None:
    printed = headrace(standing.folder, "clock").stdout.decode()
    assert "it stands still  next: 1 run at schedules.hourly" in printed
    assert json.loads(headrace(standing.folder, "clock", "show", "--json").stdout)["mode"] == "manual"


def test_the_status_shows_a_clock_that_is_not_the_wall_clock(standing: HeadraceProcess) -> None:
    printed = headrace(standing.folder, "status").stdout.decode()
    told = json.loads(headrace(standing.folder, "status", "--json").stdout)["clock"]
    assert told == {"now": told["now"], "mode": "manual", "speed": 1.0}
    assert f"\n  clock     {told['now']}, it stands still\n" in printed


def test_both_retries_are_made_by_moving_time(standing: HeadraceProcess) -> None:
    began = now(standing)
    standing.invoke("fail", {}, "Event")
    standing.wait_for("RetryScheduled", function="fail")
    assert len(standing.of("InvocationFinished", function="fail")) == 1
    printed = headrace(standing.folder, "clock", "advance", "1m")
    assert printed.returncode == 0, printed.stderr
    assert "1m later: 0 events, 1 invocation, 1 error" in printed.stdout.decode()
    assert "what waits for its time: 1 event at functions.fail (retry, in 2m)" in printed.stdout.decode()
    assert advance(standing, 120)["errors"] == 1
    attempts = standing.wait_for("InvocationFinished", 3, function="fail")
    assert [fact["attempt"] for fact in attempts] == [1, 2, 3]
    moments = [fact["time"][11:19] for fact in attempts]
    assert moments == [began[11:19], "08:01:00", "08:03:00"]
    assert advance(standing, 600)["invocations"] == 0


def test_time_goes_through_every_timer_on_its_way(standing: HeadraceProcess) -> None:
    known = len(standing.of("EventEmitted", source="schedules.hourly"))
    answer = asked(standing.url, "POST", ADVANCE_PATH, {"to": "2026-03-02T00:00:00Z"})
    assert answer["now"] == "2026-03-02T00:00:00.000Z"
    assert (answer["events"], answer["invocations"], answer["errors"]) == (16, 16, 0)
    emitted = standing.wait_for("EventEmitted", known + 16, source="schedules.hourly")[known:]
    assert [fact["time"][11:19] for fact in emitted] == [f"{hour % 24:02}:00:00" for hour in range(9, 25)]
    finished = standing.wait_for("InvocationFinished", known + 16, source="schedules.hourly")[known:]
    assert [fact["time"][:13] for fact in finished] == [fact["time"][:13] for fact in emitted]


def test_files_rows_and_messages_are_noticed_while_time_stands_still(standing: HeadraceProcess) -> None:
    moment = now(standing)
    (standing.folder / "inbox" / "dropped.txt").write_text("x")
    with closing(sqlite3.connect(standing.folder / "shop.db", isolation_level=None)) as database:
        database.execute("INSERT INTO orders (text) VALUES ('x')")
    assert headrace(standing.folder, "send", "jobs", "hello").returncode == 0
    standing.wait_for("InvocationFinished", source="buckets.inbox")
    standing.wait_for("InvocationFinished", source="tables.orders")
    standing.wait_for("InvocationFinished", source="queues.jobs")
    assert now(standing) == moment


def test_a_removed_file_needs_no_time_to_be_moved(standing: HeadraceProcess) -> None:
    path = standing.folder / "inbox" / "removed.txt"
    path.write_text("x")
    assert headrace(standing.folder, "wait", "--idle").returncode == 0
    path.unlink()
    assert headrace(standing.folder, "wait", "--idle", "--timeout", "20s").returncode == 0


def test_what_came_just_before_counts_at_the_moment_before(standing: HeadraceProcess) -> None:
    moment, known = now(standing), len(standing.of("EventEmitted", source="buckets.inbox"))
    (standing.folder / "inbox" / "just-before.txt").write_text("x")
    advance(standing, 60)
    event = standing.wait_for("EventEmitted", known + 1, source="buckets.inbox")[known]
    assert event["time"] == moment


def test_changed_code_is_noticed_while_time_stands_still(standing: HeadraceProcess) -> None:
    standing.invoke("work", {})

    def is_noticed() -> bool:
        # A folder is watched a moment after the first process has been started.
        write_function(standing.folder, "work", WORK + "# changed\n")
        return bool(standing.of("EnvironmentStopped", function="work", reason="code change"))

    wait_until(is_noticed, "the change is noticed")


def test_handlers_see_the_moment_and_their_sleep_takes_no_real_time(standing: HeadraceProcess) -> None:
    moment = now(standing)
    began = time.monotonic()
    result = headrace(standing.folder, "invoke", "clock", "--payload", '{"sleep": 2.5}')
    seen, remaining = json.loads(result.stdout)
    assert seen == datetime.fromisoformat(moment).timestamp() + 2.5
    assert remaining == 500
    timed_out = headrace(standing.folder, "invoke", "clock", "--payload", '{"sleep": 60}')
    assert b"Task timed out after 3.00 seconds" in timed_out.stdout
    assert time.monotonic() - began < 20


def test_a_long_poll_ends_although_time_stands_still(standing: HeadraceProcess) -> None:
    client = boto3.Session("any", "any", region_name="us-east-1").client("sqs", endpoint_url=standing.url)
    url = client.get_queue_url(QueueName="unread")["QueueUrl"]
    moment = now(standing)
    assert "Messages" not in client.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    client.send_message(QueueUrl=url, MessageBody="there")
    assert len(client.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]) == 1
    assert now(standing) == moment
    answer = advance(standing, 29)
    assert [each["resource"] for each in answer["waiting"]] == ["queues.unread"]
    assert "Messages" not in client.receive_message(QueueUrl=url)
    advance(standing, 1)
    assert len(client.receive_message(QueueUrl=url)["Messages"]) == 1


@pytest.mark.parametrize(
    ("given", "text"),
    [
        pytest.param({"to": "2020-01-01T00:00Z"}, "time does not go back", id="time does not go back"),
        pytest.param({"seconds": -1}, "a number of seconds of at least 0", id="a negative number"),
        pytest.param({"seconds": "soon"}, "a number of seconds", id="no number"),
        pytest.param({"seconds": 1e300}, "no further than 2200-01-01", id="longer than there is time"),
        pytest.param({"to": "soon"}, "to:", id="no moment"),
        pytest.param(
            {"to": "9999-12-31T23:59Z"}, "a clock goes no further than 2200-01-01", id="too far away"
        ),
        pytest.param({}, 'either {"seconds": 600}', id="neither"),
        pytest.param({"seconds": 1, "to": "2030-01-01"}, 'either {"seconds": 600}', id="both"),
        pytest.param({"minutes": 1}, 'either {"seconds": 600}', id="something else"),
    ],
)
def test_what_cannot_be_moved_to_is_refused(
    standing: HeadraceProcess, given: dict[str, object], text: str
) -> None:
    with pytest.raises(ControlRefused) as caught:
        asked(standing.url, "POST", ADVANCE_PATH, given)
    assert text in str(caught.value)


def test_a_manual_clock_goes_on_where_it_was_also_after_a_kill(tmp_path: Path) -> None:
    with HeadraceProcess(shop(tmp_path), *MANUAL) as running:
        advance(running, 90)
        running.kill()
    with HeadraceProcess(tmp_path, "--clock", "manual") as running:
        assert now(running) == "2026-03-01T08:01:30.000Z"
        advance(running, 3600)
        assert len(running.wait_for("EventEmitted", source="schedules.hourly")) == 1
    refused = headrace(tmp_path, "run", "--clock", "manual", "--from", "2026-03-01T09:00Z")
    assert refused.returncode == 1
    assert b"has been used until 2026-03-01T09:01:3" in refused.stderr
    with HeadraceProcess(tmp_path, "--clock", "manual", "--from", "2026-03-05T00:00Z") as running:
        assert now(running) == "2026-03-05T00:00:00.000Z"


def test_a_live_run_refuses_to_be_moved_and_warns_of_a_clock_ahead(tmp_path: Path) -> None:
    with HeadraceProcess(shop(tmp_path), "--clock", "manual", "--from", "2099-01-01"):
        pass
    with HeadraceProcess(tmp_path) as running:
        refused = headrace(tmp_path, "clock", "advance", "1m")
        assert refused.returncode == 1
        assert b"start the simulator with `headrace run --clock manual`" in refused.stderr
        (notice,) = running.of("Notice", place="clock")
        assert "2099-01-01T00:00:00" in notice["text"]


def test_hurried_time_brings_retries_soon_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with HeadraceProcess(shop(tmp_path, schedule=False), "--speed", "600") as running:
        running.invoke("fail", {}, "Event")
        attempts = running.wait_for("InvocationFinished", 3, function="fail")
        assert asked(running.url, "GET", CLOCK_PATH)["speed"] == 600
        reached = attempts[-1]["time"]
        assert [fact["attempt"] for fact in attempts] == [1, 2, 3]
        running.kill()
    with HeadraceProcess(tmp_path, "--speed", "600") as running:
        assert running.of("SimulatorReady")[0]["time"] > reached


def test_a_run_until_idle_does_what_there_is_and_tells_what_waits(tmp_path: Path) -> None:
    shop(tmp_path, schedule=False)
    with HeadraceProcess(tmp_path):
        pass
    (tmp_path / "inbox" / "while-stopped.txt").write_text("x")
    headrace(tmp_path, "send", "jobs", "one")
    headrace(tmp_path, "invoke", "fail", "--invocation-type", "Event", "--payload", "{}")
    ended = headrace(tmp_path, "run", "--until-idle", "--json")
    assert ended.returncode == 0, ended.stderr
    facts = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {fact["source"] for fact in facts if fact["fact"] == "InvocationFinished"} == {
        "buckets.inbox",
        "queues.jobs",
    }
    assert b"idle; what waits for its time: 1 event at functions.fail (retry, in " in ended.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param(("--speed", "2", "--clock", "manual"), b"--speed", id="hurried and by hand"),
        pytest.param(("--from", START), b"--clock manual", id="a beginning for the wall clock"),
        pytest.param(("--speed", "0"), b"0", id="no speed at all"),
        pytest.param(("--clock", "manual", "--from", "soon"), b"2026-03-01T08:00Z", id="no moment"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, options: tuple[str, ...], text: bytes) -> None:
    refused = headrace(shop(tmp_path), "run", *options)
    assert refused.returncode == 2
    assert text in refused.stderr


def test_commands_say_when_no_simulator_is_running(tmp_path: Path) -> None:
    shop(tmp_path)
    for command in (("wait", "--idle"), ("clock",), ("clock", "advance", "1m")):
        refused = headrace(tmp_path, *command)
        assert refused.returncode == 1
        assert b"no simulator is running" in refused.stderr
