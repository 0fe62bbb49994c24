"""A real `headrace run`, started and measured from outside."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

from bench.folders import new_folder

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
    """Runs in a temporary folder while it is entered. `ready_ms` is how long it took to be ready.

    `prepare` is called with the folder before it starts; the folder may be `in_memory`.
    """

    def __init__(
        self,
        configuration: str = CONFIGURATION,
        prepare: Callable[[Path], None] = lambda _: None,
        *,
        in_memory: bool = False,
    ) -> None:
        self._in_memory = in_memory
        self._configuration = configuration
        self._prepare = prepare

    def __enter__(self) -> Self:
        self.folder = new_folder(in_memory=self._in_memory)
        shutil.copytree(FUNCTIONS, self.folder / "functions")
        (self.folder / "headrace.toml").write_text(self._configuration.format(folder=self.folder))
        self._prepare(self.folder)
        begin = time.perf_counter()
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [Path(sys.executable).with_name("headrace"), "run", "--json"],
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=said,
                bufsize=0,  # what is read ahead would not reach the feed's file
            )
        assert self._process.stdout is not None
        with self.feed.open("wb", buffering=0) as feed:
            while True:  # mappings may be at work before it is ready
                if not (line := self._process.stdout.readline()):
                    raise RuntimeError(f"headrace run ended: {self._said.read_text()}")
                feed.write(line)
                if (fact := json.loads(line))["fact"] == "SimulatorReady":
                    break
            self.ready_ms = (time.perf_counter() - begin) * 1000
            self.endpoint = fact["endpoint"].removeprefix("http://")
            self._reader = subprocess.Popen(["cat"], stdin=self._process.stdout, stdout=feed)
        self.process = psutil.Process(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self._reader.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def feed(self) -> Path:
        """What the simulator has told so far, as JSON Lines."""
        return self.folder / "feed.jsonl"

    @property
    def _said(self) -> Path:
        """What it says to people, which would stand between the figures."""
        return self.folder / "stderr.txt"

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
