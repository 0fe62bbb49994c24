"""A real `headrace run` in a folder of its own, as a user starts it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

HEADRACE = Path(sys.executable).with_name("headrace")
PATIENCE_SECONDS = 60.0

APPENDING_HANDLER = '''
import json, os

FILE = os.open(os.environ["DELIVERED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def handler(event, context):
    """Write down what arrived, one line for each object or each event."""
    for record in event.get("Records", [{}]):
        what = record["s3"]["object"]["key"] if record else event["name"]
        os.write(FILE, (json.dumps(what) + "\\n").encode())
'''


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Return when `condition` holds; fail the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.01)


class HeadraceProcess:
    """Runs `headrace run --json` while entered; `facts` grows as the feed is printed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.facts: list[dict[str, Any]] = []
        self._options = options

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [HEADRACE, "run", "--json", *self._options],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read_facts, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        self.errors = b""
        for reader in self._readers:
            reader.start()
        wait_until(lambda: self.of("SimulatorReady") or self.process.poll() is not None, "it is ready")
        assert self.process.poll() is None, self.errors.decode()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            for reader in self._readers:
                reader.join()
            for pipe in (self.process.stdout, self.process.stderr):
                assert pipe is not None
                pipe.close()

    def _read_facts(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.facts.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors += line

    def of(self, kind: str, **fields: object) -> list[dict[str, Any]]:
        """Return the facts of one kind that have these values."""
        return [
            fact
            for fact in list(self.facts)
            if fact["fact"] == kind and all(fact.get(name) == value for name, value in fields.items())
        ]

    def wait_for(self, kind: str, count: int = 1, **fields: object) -> list[dict[str, Any]]:
        """Return the facts of a kind once there are so many."""
        wait_until(lambda: len(self.of(kind, **fields)) >= count, f"there are {count} {kind} {fields or ''}")
        return self.of(kind, **fields)

    @property
    def url(self) -> str:
        """The endpoint's address."""
        return str(self.of("SimulatorReady")[0]["endpoint"])

    def invoke(self, function: str, payload: object, invocation_type: str = "RequestResponse") -> int:
        """Send Lambda's Invoke with a plain HTTP client; return the status."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        try:
            connection.request(
                "POST",
                f"/2015-03-31/functions/{function}/invocations",
                json.dumps(payload),
                {"X-Amz-Invocation-Type": invocation_type},
            )
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def kill(self) -> None:
        """Kill the simulator as `kill -9` does, and wait for its end."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def write_function(folder: Path, name: str, source: str) -> None:
    """Write a function's handler.py below functions/."""
    code = folder / "functions" / name
    code.mkdir(parents=True, exist_ok=True)
    (code / "handler.py").write_text(source, encoding="utf-8")


def headrace(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a `headrace` command to its end in `folder`."""
    return subprocess.run(
        [HEADRACE, *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
