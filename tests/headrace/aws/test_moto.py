"""Passing requests on to moto, on the virtual loop: what it does takes no simulated time."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Fact, Feed, Notice
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from headrace.aws.moto import has_moto
from headrace.aws.other_services import OtherServices
from tests.fakes.endpoint import Reply, name_the_handler, request

SCOPED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0"
pytestmark = pytest.mark.skipif(not has_moto(), reason="the extra is not installed")
HEADERS = {"Authorization": SCOPED, "X-Amz-Target": "AmazonSSM.DescribeParameters"}


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint of which moto answers all."""

    url: str
    facts: list[Fact]

    async def ask(self, body: bytes = b"{}") -> Reply:
        sending = partial(request, self.url, "POST", "/", body, HEADERS)
        return await asyncio.get_running_loop().run_in_executor(None, sending)


@pytest.fixture
async def served(clock: Clock, feed: Feed) -> AsyncIterator[Served]:
    facts: list[Fact] = []
    feed.tap(facts.append)
    other = OtherServices(Account(), clock, feed)
    own = partial(name_the_handler, handler="own")
    async with Endpoint(listen("127.0.0.1", 0), Handlers(own, own, own, other=other.handle)) as endpoint:
        yield Served(endpoint.url, facts)
    await other.close()


async def test_its_answers_take_no_simulated_time(served: Served, clock: Clock) -> None:
    begin = clock.now()
    answers = await asyncio.gather(*(served.ask() for _ in range(3)))  # the server is started once
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].body == b'{"Parameters": []}'
    assert clock.now() == begin
    assert len([fact for fact in served.facts if isinstance(fact, Notice)]) == 1


async def test_what_is_no_text_is_not_passed_on(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(served.url).port or 0)) as client:
        lines = (
            b"POST / HTTP/1.1",
            b"Host: localhost",
            b"X-Amz-Target: AmazonSSM\x87.DescribeParameters",
            f"Authorization: {SCOPED}".encode(),
            b"Content-Length: 2",
            b"Connection: close",
        )
        client.sendall(b"\r\n".join(lines) + b"\r\n\r\n{}")
        answer = await asyncio.get_running_loop().run_in_executor(None, client.makefile("rb").read)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"__type":"BadRequest"' in answer
    assert served.facts == []


async def test_a_client_that_hangs_up_in_the_middle_is_no_failure(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    await served.ask()  # the server has been started
    caplog.clear()
    caplog.set_level("DEBUG", "headrace.aws.endpoint")
    headers = HEADERS | {"Host": "localhost", "Content-Length": "100000"}
    lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", urlsplit(served.url).port or 0)) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode() + b"{" * 10_000)
        await asyncio.get_running_loop().run_in_executor(None, select.select, [client], [], [], 0.5)
    while not caplog.text:
        await asyncio.get_running_loop().run_in_executor(None, select.select, [], [], [], 0.01)
    assert "the client went away" in caplog.text
    assert "did not answer" not in caplog.text


async def test_a_server_that_does_not_start_is_an_error_of_the_service(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise ImportError('half of it is missing')")
    monkeypatch.setattr("headrace.aws.moto.SERVER", broken)
    answer = await served.ask()
    assert answer.status == 500
    assert b"moto's server does not start" in answer.body


SERVER = """
import http.server, sys, threading

class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response({answer})
        {headers}
        self.end_headers()

server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.mark.parametrize(
    ("answer", "headers", "status", "text"),
    [
        pytest.param(
            "501",
            'self.send_header("X-Headrace-Outcome", "not implemented")',
            501,
            b"ssm DescribeParameters is simulated neither by Headrace nor by moto.",
            id="an operation it does not have",
        ),
        pytest.param(
            "500",
            'self.send_header("X-Headrace-Outcome", "KeyError: x")',
            500,
            b"moto failed: KeyError: x",
            id="a failure of its own",
        ),
        pytest.param("200); sys.exit(0", "pass", 500, b"moto's server did not answer", id="no answer"),
    ],
)
async def test_what_goes_wrong_there_is_told(
    served: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    headers: str,
    status: int,
    text: bytes,
) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER.format(answer=answer, headers=headers))
    monkeypatch.setattr("headrace.aws.moto.SERVER", script)
    reply = await served.ask()
    assert (reply.status, text in reply.body) == (status, True), reply.body
