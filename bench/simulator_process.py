"""A real `headrace run`, started and measured from outside."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil

FUNCTIONS = Path(__file__).parent / "functions"
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.noop]
handler = "handler.handler"
code = "functions/noop"

[functions.stamp]
handler = "handler.handler"
code = "functions/stamp"
environment = {{ STAMPS = "{folder}/stamps" }}

[buckets.inbox]
folder = "inbox"

[[buckets.inbox.notifications]]
function = "stamp"

[schedules.hourly]
expression = "rate(1 hour)"
function = "noop"
"""


class SimulatorProcess:
    """Runs in a temporary folder while it is entered. `ready_ms` is how long it took to be ready."""

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        shutil.copytree(FUNCTIONS, self.folder / "functions")
        (self.folder / "headrace.toml").write_text(CONFIGURATION.format(folder=self.folder))
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            [Path(sys.executable).with_name("headrace"), "run", "--json"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.ready_ms = (time.perf_counter() - begin) * 1000
        self.endpoint = json.loads(line)["endpoint"].removeprefix("http://")
        self._feed = subprocess.Popen(["cat"], stdin=self._process.stdout, stdout=subprocess.DEVNULL)
        self.process = psutil.Process(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self._feed.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._temporary.cleanup()

    @property
    def memory_mib(self) -> float:
        """Resident memory of the simulator alone, without its environments."""
        return float(self.process.memory_info().rss) / 2**20

    def status(self) -> dict[str, Any]:
        """What the simulator says of itself."""
        connection = http.client.HTTPConnection(self.endpoint)
        connection.request("GET", "/_headrace/status")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def stamps(self) -> dict[str, int]:
        """When the handler started, in nanoseconds, for each key."""
        try:
            lines = (self.folder / "stamps").read_text().splitlines()
        except FileNotFoundError:
            return {}
        return {key: int(moment) for moment, _, key in (line.partition(" ") for line in lines)}

    def wait_for_stamps(self, count: int, seconds: float = 60) -> dict[str, int]:
        """Return the stamps once there are so many."""
        deadline = time.monotonic() + seconds
        while self._stamp_count() < count:
            if time.monotonic() > deadline:
                text = f"{self._stamp_count()} of {count} files reached the handler within {seconds} s"
                raise TimeoutError(text)
            time.sleep(0.005)
        return self.stamps()

    def _stamp_count(self) -> int:
        try:
            return (self.folder / "stamps").read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def cpu_seconds(self) -> float:
        """Processor time used so far by the simulator and its environments."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)


def drop(path: Path, content: bytes) -> int:
    """Write a file as a program would; return the moment before, in nanoseconds."""
    before = time.time_ns()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, content)
    os.close(descriptor)
    return before
