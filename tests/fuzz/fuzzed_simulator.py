"""A real simulator with something of everything in it, and a journal of what it was asked."""

import base64
import http.client
import io
import json
import re
import socket
import sqlite3
import zlib
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

from tests.end_to_end.headrace_process import HeadraceProcess, write_function
from tests.fuzz.judgement import Answer
from tests.fuzz.wire import Request

PATIENCE_SECONDS = 30.0
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"
max_environments = 2

[functions.echo]
handler = "handler.handler"
code = "functions/echo"

[functions.failing]
handler = "handler.handler"
code = "functions/failing"
on_failure = "queues.letters"

[buckets.photos]
folder = "photos"

[[buckets.photos.notifications]]
function = "echo"

[queues.letters]
[queues.jobs]
redrive_policy = { dead_letter_target_arn = "queues.letters", max_receive_count = 3 }
[queues."orders.fifo"]

[streams.clicks]
shards = 2

[tables.orders]
database = "shop.db"

[topics.alerts]
[[topics.alerts.subscriptions]]
endpoint = "queues.letters"

[event_buses.shop]
[[event_buses.shop.rules]]
name = "large"
pattern = { source = ["shop"] }
targets = ["queues.letters"]

[schedules.nightly]
expression = "cron(0 3 * * ? *)"
function = "echo"

[[event_source_mappings]]
source = "tables.orders"
function = "echo"
starting_position = "LATEST"
"""
HANDLER = "def handler(event, context):\n    return {'seen': event}\n"
FAILING = "def handler(event, context):\n    raise ValueError('no')\n"
# What the log may say: that a client's request was no HTTP.
EXPECTED_LINE = re.compile(r"a client sent what is not HTTP: .*")


class Fuzzed:
    """A simulator that runs while entered, in a folder that holds nothing else.

    Every request goes into `journal.jsonl` first, so that tests.fuzz.repeat can send the same again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal.jsonl"
        self._process = QuietProcess(folder)
        self._connection: http.client.HTTPConnection | None = None
        self._read = 0  # bytes of standard error

    def __enter__(self) -> Self:
        if not (self.folder / "headrace.toml").exists():
            prepare(self.folder)
        self._entries = self.journal.open("a", encoding="utf-8")
        self._process.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._disconnect()
        self._entries.close()
        self._process.__exit__(*error)

    @property
    def url(self) -> str:
        """The endpoint's address."""
        return self._process.url

    @property
    def log(self) -> str:
        """What has been written to standard error since the last failure, without what may be there."""
        lines = self._process.errors[self._read :].decode(errors="replace").splitlines()
        return "\n".join(line for line in lines if not EXPECTED_LINE.fullmatch(line))

    def send(self, request: Request) -> Answer:
        """Send a request on the connection that is kept; fail when there is no answer."""
        self._write_down(
            {
                "method": request.method,
                "path": request.path,
                "headers": dict(request.headers),
                "body": _kept(request.body),
            }
        )
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self.url.removeprefix("http://"), timeout=PATIENCE_SECONDS
            )
        try:
            self._connection.request(request.method, request.path, request.body, dict(request.headers))
            answer = _answer_of(self._connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            self.fail(f"there is no answer: {type(error).__name__}: {error}")
        self.check()
        return answer

    def send_raw(self, content: bytes, *, seconds: float = PATIENCE_SECONDS) -> list[Answer]:
        """Send bytes on a connection of their own; return what is answered.

        After so many seconds in which nothing comes, say that no more follows, as a client does that goes.
        """
        self._write_down({"raw": _kept(content), "seconds": seconds})
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
            with suppress(ConnectionError):  # it has been answered and closed before all was sent
                connection.sendall(content)
            connection.settimeout(seconds)
            received = _received(connection)
        stream = _Stream(received)
        answers = []
        try:
            while stream.tell() < len(received):
                response = http.client.HTTPResponse(stream)  # type: ignore[arg-type]
                response.begin()
                answers.append(_answer_of(response))
        except http.client.HTTPException as error:
            self.fail(f"half an answer: {type(error).__name__}: {error}: {received[:500]!r}")
        self.check()
        return answers

    def check(self) -> None:
        """Fail when the simulator has ended, or has said something that it should not."""
        if self._process.process.poll() is not None:
            self.fail("the simulator has ended")
        if self.log:
            self.fail("the log has an error")

    def fail(self, what: str) -> Any:
        """Fail the test, and say how to send the same again."""
        self._entries.flush()
        log, self._read = self.log, len(self._process.errors)
        raise AssertionError(f"{what}\n{log[-4_000:]}\nrepeat: python -m tests.fuzz.repeat {self.journal}")

    def _write_down(self, entry: Mapping[str, Any]) -> None:
        self._entries.write(json.dumps(entry) + "\n")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class QuietProcess(HeadraceProcess):
    """A simulator whose feed is read but not kept, as it grows without end."""

    def _read_facts(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b'"SimulatorReady"' in line:
                self.facts.append(json.loads(line))


class _Stream(io.BytesIO):
    """What HTTPResponse takes for a socket; it stays open, as another answer may follow."""

    def makefile(self, _: str) -> Self:
        return self

    def close(self) -> None:
        """Stay open."""


def _received(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    received = bytearray()
    with suppress(ConnectionError):
        while True:
            try:
                content = connection.recv(1 << 16)
            except TimeoutError:
                connection.settimeout(PATIENCE_SECONDS)
                connection.shutdown(socket.SHUT_WR)
                continue
            if not content:
                break
            received += content
    return bytes(received)


def _kept(content: bytes) -> str:
    """Return bytes for the journal."""
    return base64.b64encode(zlib.compress(content, 1)).decode()


def told(entry: str) -> bytes:
    """Return the bytes of an entry in the journal."""
    return zlib.decompress(base64.b64decode(entry))


def _answer_of(response: http.client.HTTPResponse) -> Answer:
    body = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def prepare(folder: Path) -> None:
    """Write what the simulator needs into an empty folder."""
    (folder / "headrace.toml").write_text(CONFIGURATION, encoding="utf-8")
    write_function(folder, "echo", HANDLER)
    write_function(folder, "failing", FAILING)
    (folder / "photos").mkdir()
    (folder / "photos" / "a.txt").write_text("a photo")
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("CREATE TABLE orders (pk TEXT, sk TEXT, a TEXT, n INTEGER, PRIMARY KEY (pk, sk))")
        database.execute("INSERT INTO orders VALUES ('a', 'made', 'x', 1)")
        database.commit()
