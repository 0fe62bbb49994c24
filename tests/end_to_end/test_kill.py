"""`kill -9` at random moments: nothing that was accepted or noticed is lost."""

import http.client
import json
import os
import random
import threading
import time
from pathlib import Path

import psutil

from tests.end_to_end.headrace_process import (
    APPENDING_HANDLER,
    HeadraceProcess,
    wait_until,
    write_function,
)

ROUNDS = 30
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"
max_environments = 2

[functions.keep]
handler = "handler.handler"
code = "functions/keep"
timeout = 30
environment = {{ DELIVERED = "{delivered}" }}

[buckets.inbox]
folder = "inbox"

[[buckets.inbox.notifications]]
function = "keep"
"""


def delivered(path: Path) -> set[str]:
    """Return what the function wrote down; a line that a kill cut short does not count."""
    if not path.exists():
        return set()
    lines = path.read_text().split("\n")[:-1]
    return {json.loads(line) for line in lines if line.startswith('"') and line.endswith('"')}


def drop_and_invoke(running: HeadraceProcess, round_: int, stop: threading.Event, promised: set[str]) -> None:
    """Drop files and invoke asynchronously until told to stop; add to `promised` what must be delivered."""
    number = 0
    while not stop.is_set():
        number += 1
        key = f"round-{round_}/file-{number}"
        path = running.folder / "inbox" / key
        path.parent.mkdir(exist_ok=True)
        path.write_text(key)
        promised.add(key)
        name = f"event-{round_}-{number}"
        try:
            if running.invoke("keep", {"name": name}, "Event") == 202:
                promised.add(name)
        except (OSError, http.client.HTTPException):
            continue


def test_every_file_and_every_accepted_event_survives_30_kills(tmp_path: Path) -> None:
    chance = random.Random(20260101)
    log = tmp_path / "delivered"
    write_function(tmp_path, "keep", APPENDING_HANDLER)
    (tmp_path / "headrace.toml").write_text(CONFIGURATION.format(delivered=log))
    promised: set[str] = set()
    for round_ in range(ROUNDS):
        with HeadraceProcess(tmp_path) as running:
            stop = threading.Event()
            worker = threading.Thread(target=drop_and_invoke, args=(running, round_, stop, promised))
            worker.start()
            time.sleep(chance.uniform(0.02, 0.3))
            running.kill()
            stop.set()
            worker.join()
    with HeadraceProcess(tmp_path):
        wait_until(lambda: promised <= delivered(log), f"all {len(promised)} are delivered")


def test_a_file_dropped_after_the_first_ready_survives_a_kill(tmp_path: Path) -> None:
    log = tmp_path / "delivered"
    write_function(tmp_path, "keep", APPENDING_HANDLER)
    (tmp_path / "headrace.toml").write_text(CONFIGURATION.format(delivered=log))
    (tmp_path / "inbox").mkdir()
    for number in range(3000):
        (tmp_path / "inbox" / f"old-{number}.txt").write_text("was there before")
    with HeadraceProcess(tmp_path) as running:
        for number in range(5):
            (tmp_path / "inbox" / f"new-{number}.txt").write_text("new")
        running.kill()
    expected = {f"new-{number}.txt" for number in range(5)}
    with HeadraceProcess(tmp_path):
        wait_until(lambda: expected <= delivered(log), "the new files are delivered")
    assert delivered(log) == expected


def test_no_function_process_outlives_a_killed_simulator(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    source = "import os, time\ndef handler(event, context):\n"
    write_function(
        tmp_path,
        "keep",
        source
        + f"    open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n    time.sleep(event.get('sleep', 0))",
    )
    (tmp_path / "headrace.toml").write_text(CONFIGURATION.format(delivered="unused"))
    with HeadraceProcess(tmp_path) as running:
        running.invoke("keep", {"sleep": 600}, "Event")
        wait_until(lambda: pid_file.exists() and pid_file.read_text(), "the handler runs")
        child = int(pid_file.read_text())
        assert psutil.pid_exists(child)
        assert child != os.getpid()
        running.kill()
        wait_until(lambda: not psutil.pid_exists(child), "its process is gone", 10)
