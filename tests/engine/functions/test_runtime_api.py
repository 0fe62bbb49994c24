"""The Runtime API as a client meets it on the wire."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.functions.runtime_api import Answered, Failed, Ready, RuntimeApi, RuntimeSignal, TooLarge

PREFIX = "/2018-06-01/runtime/"


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, method: str, path: str, body: bytes = b"", headers: str = "") -> None:
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{length}{headers}\r\n".encode() + body)

    async def receive(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:-2])
        body = await self._reader.readexactly(int(headers["Content-Length"]))
        return int(head[0].split(" ")[1]), headers, body

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        self.send(method, path, body, headers)
        return await self.receive()

    def close(self) -> None:
        self._writer.close()


class Bench:
    def __init__(self) -> None:
        self.signals: list[RuntimeSignal] = []
        self.api = RuntimeApi(self.signals.append)
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        host, port = self.api.address.split(":")
        client = Client(*await asyncio.open_connection(host, int(port)))
        self.clients.append(client)
        return client


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.api.open()
    yield bench
    bench.api.close()
    for client in bench.clients:
        client.close()


async def test_an_event_that_waits_is_given_at_once_and_the_answer_is_passed_on(bench: Bench) -> None:
    bench.api.offer("id-1", b"Lambda-Runtime-Deadline-Ms: 5\r\n", b'{"a":1}')
    client = await bench.connect()
    status, headers, body = await client.ask("GET", PREFIX + "invocation/next")
    assert (status, body) == (200, b'{"a":1}')
    assert headers == {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": "id-1",
        "Lambda-Runtime-Deadline-Ms": "5",
        "Content-Length": "7",
    }
    assert bench.api.handed_out
    assert (await client.ask("POST", PREFIX + "invocation/id-1/response", b"done"))[::2] == (
        202,
        b'{"status":"OK"}\n',
    )
    assert bench.signals == [Ready(), Answered(b"done")]
    assert not bench.api.handed_out


async def test_a_runtime_that_waits_gets_the_event_when_there_is_one(bench: Bench) -> None:
    client = await bench.connect()
    client.send("GET", PREFIX + "invocation/next")
    await asyncio.sleep(1)
    bench.api.offer("id-1", b"", b"1")
    assert (await client.receive())[2] == b"1"


async def test_an_error_comes_with_its_type(bench: Bench) -> None:
    bench.api.offer("id-1", b"", b"1")
    client = await bench.connect()
    await client.ask("GET", PREFIX + "invocation/next")
    header = "Lambda-Runtime-Function-Error-Type: Boom\r\n"
    await client.ask("POST", PREFIX + "invocation/id-1/error", b"{}", header)
    assert bench.signals[-1] == Failed(b"{}", "Boom", in_init=False)


async def test_an_answer_over_the_limit_is_refused_and_told(bench: Bench) -> None:
    bench.api.offer("id-1", b"", b"1")
    client = await bench.connect()
    await client.ask("GET", PREFIX + "invocation/next")
    status, _, body = await client.ask("POST", PREFIX + "invocation/id-1/response", b"x" * 6_291_557)
    assert status == 413
    assert body == (
        b'{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).",'
        b'"errorType":"RequestEntityTooLarge"}\n'
    )
    assert bench.signals[-1] == TooLarge()


@pytest.mark.parametrize(
    ("before", "method", "path", "status"),
    [
        pytest.param(
            "start", "POST", PREFIX + "invocation/id-1/response", 403, id="an answer before any event"
        ),
        pytest.param(
            "next", "POST", PREFIX + "invocation/id-2/response", 400, id="an answer to another event"
        ),
        pytest.param("answered", "POST", PREFIX + "invocation/id-1/response", 400, id="a second answer"),
        pytest.param("next", "GET", PREFIX + "invocation/next", 403, id="the next event before the answer"),
        pytest.param("next", "POST", PREFIX + "init/error", 403, id="a failed start after the start"),
        pytest.param("start", "POST", PREFIX + "init/error", 202, id="a failed start"),
        pytest.param("start", "GET", "/2018-06-01/ping", 200, id="a ping"),
        pytest.param("start", "GET", PREFIX + "restore/next", 200, id="the next restore"),
        pytest.param("start", "POST", PREFIX + "restore/error", 202, id="a failed restore"),
        pytest.param("start", "POST", PREFIX + "invocation/next", 405, id="a wrong method"),
        pytest.param("next", "GET", PREFIX + "invocation/id-1/response", 405, id="another wrong method"),
        pytest.param("next", "POST", PREFIX + "invocation/id-1/nonsense", 404, id="an unknown verb"),
        pytest.param("start", "GET", "/2020-01-01/extension/register", 404, id="an unknown path"),
    ],
)
async def test_every_step_has_its_status(
    bench: Bench, before: str, method: str, path: str, status: int
) -> None:
    client = await bench.connect()
    if before != "start":
        bench.api.offer("id-1", b"", b"1")
        await client.ask("GET", PREFIX + "invocation/next")
    if before == "answered":
        await client.ask("POST", PREFIX + "invocation/id-1/response", b"1")
    assert (await client.ask(method, path, b"{}" if method == "POST" else b""))[0] == status


async def test_what_is_not_http_is_hung_up_on(bench: Bench) -> None:
    client = await bench.connect()
    client.send("nonsense and", "more nonsense")
    assert (await client.receive())[0] == 400
    with pytest.raises(asyncio.IncompleteReadError):
        await client.receive()


async def test_a_runtime_that_hangs_up_while_it_waits_loses_nothing(bench: Bench) -> None:
    first = await bench.connect()
    first.send("GET", PREFIX + "invocation/next")
    await asyncio.sleep(1)
    first.close()
    await asyncio.sleep(1)
    bench.api.offer("id-1", b"", b"1")
    second = await bench.connect()
    assert (await second.ask("GET", PREFIX + "invocation/next"))[2] == b"1"
