"""Ctrl-C: no new events, running invocations end within the grace; a second one stops at once."""

import http.client
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.headrace_process import HEADRACE, HeadraceProcess, headrace, wait_until, write_function

CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"
shutdown_grace_in_seconds = {grace}

[functions.slow]
handler = "handler.handler"
code = "functions/slow"
timeout = 600
"""
SLOW = """
import os, time

def handler(event, context):
    with open(event["file"], "a") as file:
        file.write(f"begun {os.getpid()}\\n")
    time.sleep(event["sleep"])
    with open(event["file"], "a") as file:
        file.write("ended\\n")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_function(tmp_path, "slow", SLOW)
    (tmp_path / "headrace.toml").write_text(CONFIGURATION.format(grace=30))
    return tmp_path


def begun(path: Path) -> bool:
    return path.exists() and "begun" in path.read_text()


def test_a_running_invocation_may_finish_and_the_next_waits_for_the_next_start(folder: Path) -> None:
    first, second = folder / "first", folder / "second"
    (folder / "headrace.toml").write_text(CONFIGURATION.format(grace=30) + "reserved_concurrency = 1\n")
    with HeadraceProcess(folder) as running:
        running.invoke("slow", {"file": str(first), "sleep": 1}, "Event")
        wait_until(lambda: begun(first), "the first runs")
        running.invoke("slow", {"file": str(second), "sleep": 0}, "Event")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0
        assert first.read_text().endswith("ended\n")
        assert not second.exists()
    with HeadraceProcess(folder):
        wait_until(lambda: begun(second), "the second runs after the restart")


def test_a_synchronous_caller_still_gets_its_answer(folder: Path) -> None:
    file = folder / "file"
    with HeadraceProcess(folder) as running:
        statuses: list[int] = []
        caller = threading.Thread(
            target=lambda: statuses.append(running.invoke("slow", {"file": str(file), "sleep": 1}))
        )
        caller.start()
        wait_until(lambda: begun(file), "it runs")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) == 0
        caller.join()
    assert statuses == [200]


def test_an_invocation_that_outlasts_the_grace_runs_again_after_the_next_start(folder: Path) -> None:
    file = folder / "file"
    (folder / "headrace.toml").write_text(CONFIGURATION.format(grace=0.3))
    with HeadraceProcess(folder) as running:
        running.invoke("slow", {"file": str(file), "sleep": 2}, "Event")
        wait_until(lambda: begun(file), "it runs")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
        assert running.of("RetryScheduled") == []
    assert "ended" not in file.read_text()
    with HeadraceProcess(folder):
        wait_until(lambda: "ended" in file.read_text(), "it runs to its end")


def test_a_second_ctrl_c_stops_at_once_and_leaves_no_process(folder: Path) -> None:
    file = folder / "file"
    with HeadraceProcess(folder) as running:
        running.invoke("slow", {"file": str(file), "sleep": 300}, "Event")
        wait_until(lambda: begun(file), "it runs")
        child = int(file.read_text().split()[1])
        running.process.send_signal(signal.SIGINT)
        wait_until(lambda: b"Stopping" in running.errors, "it says that it stops")
        begin = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) == 130
        assert time.monotonic() - begin < 10
        wait_until(lambda: not psutil.pid_exists(child), "the function's process is gone")


def test_a_second_ctrl_c_does_not_wait_for_a_synchronous_caller(folder: Path) -> None:
    file = folder / "file"
    with HeadraceProcess(folder) as running:
        caller = threading.Thread(target=_ignoring_errors, args=(running, {"file": str(file), "sleep": 300}))
        caller.start()
        wait_until(lambda: begun(file), "it runs")
        running.process.send_signal(signal.SIGINT)
        wait_until(lambda: b"Stopping" in running.errors, "it says that it stops")
        assert running.invoke("slow", {"file": str(folder / "late"), "sleep": 0}) == 500
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) == 130
        caller.join()


def _ignoring_errors(running: HeadraceProcess, payload: object) -> None:
    with suppress(OSError, http.client.HTTPException):
        running.invoke("slow", payload)


def test_it_stops_when_nobody_reads_its_feed_any_more(folder: Path) -> None:
    process = subprocess.Popen([HEADRACE, "run", "--json"], cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    file = folder / "file"
    headrace(folder, "invoke", "slow", "-p", f'{{"file": "{file}", "sleep": 0}}')
    assert process.wait(20) == 0


def test_ctrl_c_stops_it_when_nobody_reads_its_errors_any_more(folder: Path) -> None:
    read_end, write_end = os.pipe()
    with (
        os.fdopen(write_end, "wb") as errors,
        subprocess.Popen(
            [HEADRACE, "run", "--json"], cwd=folder, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        os.close(read_end)
        assert process.stdout is not None
        assert b"SimulatorReady" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_a_second_simulator_on_the_same_state_is_refused(folder: Path) -> None:
    with HeadraceProcess(folder) as running:
        second = headrace(folder, "run")
        assert second.returncode == 1
        assert f"process {running.process.pid}".encode() in second.stderr
        assert b"Traceback" not in second.stderr


def test_a_taken_port_is_named_with_a_remedy(folder: Path) -> None:
    with HeadraceProcess(folder) as running:
        address = running.url.removeprefix("http://")
        other = folder / "other"
        write_function(other, "slow", SLOW)
        text = CONFIGURATION.format(grace=1).replace("127.0.0.1:0", address)
        (other / "headrace.toml").write_text(text)
        second = headrace(other, "run")
        assert second.returncode == 2
        assert b"in use by another program" in second.stderr
        assert b"Traceback" not in second.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["for people", "as JSON"])
def test_a_full_disk_under_its_output_is_told_and_stops_nothing(folder: Path, form: list[str]) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        subprocess.Popen(
            [HEADRACE, "run", *form], cwd=folder, stdout=full, stderr=subprocess.PIPE
        ) as running,
    ):
        assert running.stderr is not None
        assert (
            running.stderr.readline() == b"No space left on device: this goes on, but is not all printed.\n"
        )
        record = folder / "record"
        event = f'{{"file": "{record}", "sleep": 0}}'
        assert headrace(folder, "invoke", "slow", "--payload", event).returncode == 0
        assert "ended" in record.read_text()
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
