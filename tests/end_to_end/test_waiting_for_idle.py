"""`headrace wait --idle` and what it asks for: everything done before has had its consequences, exactly."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from headrace.control import IDLE_PATH, asked
from tests.end_to_end.headrace_process import HeadraceProcess, headrace, write_function

TIMES = 50

CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions]
work = { handler = "handler.handler", code = "functions/work" }
copy = { handler = "handler.handler", code = "functions/copy" }
slow = { handler = "handler.handler", code = "functions/slow", timeout = 10 }
fail = { handler = "handler.handler", code = "functions/fail" }

[buckets.inbox]
folder = "inbox"
notifications = [{ function = "work", events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"] }]

[buckets.chain]
folder = "chain"
notifications = [{ function = "copy", events = ["s3:ObjectCreated:*"] }]

[queues.jobs]
[queues.unread]
[queues.batched]

[tables.orders]
database = "shop.db"

[[event_source_mappings]]
source = "queues.jobs"
function = "work"

[[event_source_mappings]]
source = "queues.batched"
function = "work"
batch_size = 100
maximum_batching_window_in_seconds = 300

[[event_source_mappings]]
source = "tables.orders"
function = "work"
starting_position = "LATEST"
"""

WORK = '''
import os

FILE = os.open("delivered", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def handler(event, context):
    """Write down one line for each record."""
    for record in event["Records"]:
        os.write(FILE, (record.get("eventName", "message") + "\\n").encode())
'''

COPY = '''
import shutil


def handler(event, context):
    """Copy the object into the other bucket."""
    for record in event["Records"]:
        key = record["s3"]["object"]["key"]
        shutil.copy(f"../../chain/{key}", f"../../inbox/{key}")
'''

SLOW = """
import time


def handler(event, context):
    time.sleep(event["seconds"])
"""

FAIL = """
def handler(event, context):
    raise ValueError("on purpose")
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    """A simulator for all tests here."""
    folder = tmp_path_factory.mktemp("idle")
    (folder / "headrace.toml").write_text(CONFIGURATION)
    for name, source in (("work", WORK), ("copy", COPY), ("slow", SLOW), ("fail", FAIL)):
        write_function(folder, name, source)
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, text)")
    with HeadraceProcess(folder) as running:
        yield running


def delivered(running: HeadraceProcess) -> int:
    """Return how many records have arrived."""
    path = running.folder / "functions" / "work" / "delivered"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def idle(running: HeadraceProcess, timeout: float = 30.0) -> dict[str, Any]:
    """Wait until all is done."""
    return asked(running.url, "GET", f"{IDLE_PATH}?timeout={timeout}")


def test_a_dropped_file_has_been_worked_on(running: HeadraceProcess) -> None:
    before = delivered(running)
    for number in range(TIMES):
        (running.folder / "inbox" / f"{number}.txt").write_text("x")
        assert idle(running)["idle"]
        assert delivered(running) == before + number + 1


def test_every_save_counts_though_size_and_time_stay_the_same(running: HeadraceProcess) -> None:
    path = running.folder / "inbox" / "saved.txt"
    before = delivered(running)
    for number in range(TIMES):
        path.write_text(f"{number:02}")
        assert idle(running)["idle"]
        assert delivered(running) == before + number + 1


def test_a_folder_of_files_that_is_moved_in_has_been_worked_on(
    running: HeadraceProcess, tmp_path: Path
) -> None:
    before = delivered(running)
    for number in range(5):
        folder = tmp_path / f"moved-{number}"
        folder.mkdir()
        for name in "abc":
            (folder / name).write_text(name)
        folder.rename(running.folder / "inbox" / folder.name)
        assert idle(running)["idle"]
        assert delivered(running) == before + 3 * (number + 1)


def test_a_removal_has_been_worked_on(running: HeadraceProcess) -> None:
    path = running.folder / "inbox" / "gone.txt"
    path.write_text("x")
    idle(running)
    before = delivered(running)
    path.unlink()
    idle(running)
    assert delivered(running) == before + 1


def test_a_committed_row_has_been_worked_on(running: HeadraceProcess) -> None:
    before = delivered(running)
    with closing(sqlite3.connect(running.folder / "shop.db", isolation_level=None)) as database:
        for number in range(TIMES):
            database.execute("INSERT INTO orders (text) VALUES ('x')")
            assert idle(running)["idle"]
            assert delivered(running) == before + number + 1


def test_a_sent_message_has_been_worked_on(running: HeadraceProcess) -> None:
    before = delivered(running)
    for number in range(TIMES):
        asked(
            running.url,
            "POST",
            "/_headrace/operations/send",
            {"queue": "jobs", "messages": [{"body": str(number)}]},
        )
        assert idle(running)["idle"]
        assert delivered(running) == before + number + 1


def test_what_a_handler_writes_counts_too(running: HeadraceProcess) -> None:
    before = delivered(running)
    for number in range(TIMES // 2):
        (running.folder / "chain" / f"chain-{number}.txt").write_text("x")
        assert idle(running)["idle"]
        assert delivered(running) == before + number + 1


def test_a_file_that_is_still_being_written_is_told_and_not_waited_for(running: HeadraceProcess) -> None:
    stop = threading.Event()

    def write() -> None:
        with (running.folder / "inbox" / "growing.log").open("w") as file:
            while not stop.wait(0.02):
                file.write("more\n")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answer = idle(running)
    finally:
        stop.set()
        writer.join()
    assert answer["idle"]
    (told,) = (each for each in answer["waiting"] if each["resource"] == "buckets.inbox")
    assert (told["count"], told["reason"], told["until"]) == (1, "being written", None)
    before = delivered(running)
    assert [each for each in idle(running)["waiting"] if each["resource"] == "buckets.inbox"] == []
    assert delivered(running) >= before


def test_several_may_wait_at_once(running: HeadraceProcess) -> None:
    before = delivered(running)
    with ThreadPoolExecutor(8) as pool:
        (running.folder / "inbox" / "shared.txt").write_text("x")
        answers = list(pool.map(lambda _: idle(running), range(8)))
    assert all(answer["idle"] for answer in answers)
    assert delivered(running) == before + 1


def test_what_waits_for_its_time_is_told(running: HeadraceProcess) -> None:
    running.invoke("fail", {}, "Event")
    asked(
        running.url,
        "POST",
        "/_headrace/operations/send",
        {"queue": "unread", "messages": [{"body": "later", "delay": 600}]},
    )
    asked(
        running.url,
        "POST",
        "/_headrace/operations/send",
        {"queue": "batched", "messages": [{"body": "1"}, {"body": "2"}]},
    )
    answer = idle(running)
    assert answer["idle"]
    told = {each["resource"]: each for each in answer["waiting"]}
    retry, window, hidden = told["functions.fail"], told["queues.batched"], told["queues.unread"]
    assert (retry["kind"], retry["count"], retry["reason"]) == ("event", 1, "retry")
    assert 30 < retry["in_seconds"] <= 60
    assert (window["kind"], window["count"], window["reason"]) == ("message", 2, "batching window")
    assert window["function"] == "work"
    assert 200 < window["in_seconds"] <= 300
    assert (hidden["kind"], hidden["count"], hidden["reason"]) == ("message", 1, "hidden")
    assert 500 < hidden["in_seconds"] <= 600

    printed = headrace(running.folder, "wait", "--idle").stdout.decode()
    assert printed.startswith("idle; what waits for its time: 1 event at functions.fail (retry, in ")
    assert printed.count("\n") == 1


def test_a_timeout_tells_what_is_at_work(running: HeadraceProcess) -> None:
    with ThreadPoolExecutor(1) as pool:
        invoking = pool.submit(running.invoke, "slow", {"seconds": 2})
        running.wait_for("InvocationStarted", function="slow")
        waiting = headrace(running.folder, "wait", "--idle", "--timeout", "100ms")
        assert waiting.returncode == 1
        assert "functions.slow: 1 running" in waiting.stderr.decode()
        assert json.loads(headrace(running.folder, "wait", "--idle", "--json").stdout)["idle"]
        assert invoking.done()


def test_history_is_complete_when_all_is_idle(running: HeadraceProcess) -> None:
    (running.folder / "inbox" / "remembered.txt").write_text("x")
    idle(running)
    finished = len(running.of("InvocationFinished"))
    listed = headrace(running.folder, "history", "--json", "--limit", "100000").stdout
    assert len(listed.splitlines()) >= finished
