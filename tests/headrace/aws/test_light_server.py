"""Connections with simple requests, which are answered without aiohttp, and then others."""

import asyncio
import logging
from typing import Self

import pytest
from aiohttp import web

from engine.clock import Clock
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.light_server import MOST_AHEAD_BYTES
from headrace.aws.listener import listen

PUT = (
    b"PUT /inbox/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
    b"Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, Signature=0\r\n"
    b"%b\r\n%b"
)


def put(key: bytes, body: bytes = b"", header: bytes = b"") -> bytes:
    """Return a request, a simple one unless `header` makes it another."""
    return PUT % (key, len(body), header, body)


class Connected:
    """An endpoint whose handler says what it was sent, and a connection to it."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.has_begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.kinds.append(type(request).__name__)
        self.has_begun.set()
        await self.may_go_on.wait()
        pieces = [piece async for piece in request.content.iter_any()]
        headers = {"said": request.headers["say"].replace("|", "\r\n")} if "say" in request.headers else {}
        if "empty" in request.path:
            return web.Response(status=204)
        if "piecewise" in request.path:
            return web.StreamResponse()
        return web.Response(body=request.path.encode() + b" " + b"".join(pieces), headers=headers)

    async def __aenter__(self) -> Self:
        handlers = Handlers(self.answer, self.answer, self.answer)
        self.endpoint = await Endpoint(listen("127.0.0.1", 0), handlers, 1.0).__aenter__()
        port = int(self.endpoint.url.rpartition(":")[2])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.endpoint.__aexit__()

    async def read(self) -> bytes:
        """Return the body of the next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 20")
        assert head.count(b"Date: ") == 1
        length = head.lower().partition(b"content-length: ")[2].split(b"\r")[0] or b"0"
        return await self.reader.readexactly(int(length))


@pytest.fixture
async def _virtual(clock: Clock) -> None:
    """Let time be virtual."""


pytestmark = pytest.mark.usefixtures("_virtual")


async def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    async with Connected() as there:
        there.writer.write(put(b"a", b"1") + put(b"empty") + put(b"b", b"2" * 5) + put(b"c"))
        answers = [await there.read() for _ in range(4)]
    assert answers == [b"/inbox/a 1", b"", b"/inbox/b 22222", b"/inbox/c "]
    assert there.kinds == ["LightRequest"] * 4


async def test_requests_may_come_in_any_pieces() -> None:
    async with Connected() as there:
        for byte in put(b"a", b"12") + put(b"b", b"34"):
            there.writer.write(bytes([byte]))
            await there.writer.drain()
            await asyncio.sleep(0.001)
        assert [await there.read(), await there.read()] == [b"/inbox/a 12", b"/inbox/b 34"]
    assert there.kinds == ["LightRequest"] * 2


@pytest.mark.parametrize("apart", [False, True])
async def test_a_connection_is_aiohttps_once_it_needs_it(apart: bool) -> None:
    requests = [put(b"a", b"1"), put(b"b", b"2", b"Expect: nothing\r\n"), put(b"c", b"3")]
    async with Connected() as there:
        answers = []
        if apart:
            for content in requests:
                there.writer.write(content)
                answers.append(await there.read())
        else:
            there.writer.write(b"".join(requests))
            answers = [await there.read() for _ in requests]
    assert answers == [b"/inbox/a 1", b"/inbox/b 2", b"/inbox/c 3"]
    assert there.kinds == ["LightRequest", "BufferedRequest", "BufferedRequest"]


async def test_more_than_can_be_kept_waits_at_the_client() -> None:
    requests = [put(b"%d" % number, b"x" * 100_000) for number in range(30)]
    assert len(b"".join(requests)) > 2 * MOST_AHEAD_BYTES
    async with Connected() as there:
        there.may_go_on.clear()
        there.writer.write(b"".join(requests))
        await asyncio.sleep(1)
        there.may_go_on.set()
        for number in range(30):
            assert await there.read() == b"/inbox/%d " % number + b"x" * 100_000


@pytest.mark.parametrize("broken", [put(b"a", header=b"say: one|two\r\n"), put(b"piecewise")])
async def test_what_cannot_be_answered_ends_the_connection(
    broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with Connected() as there:
        there.writer.write(broken)
        assert await there.reader.read() == b""
    assert "could not be answered" in caplog.text


async def test_a_client_that_is_gone_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with Connected() as there:
        there.may_go_on.clear()
        there.writer.write(put(b"a", b"1"))
        await there.has_begun.wait()
        there.writer.close()
        await asyncio.sleep(0.1)
        there.may_go_on.set()
        await asyncio.sleep(0.1)
    assert there.kinds == ["LightRequest"]
    assert caplog.text == ""


async def test_a_client_that_has_ended_its_side_is_answered() -> None:
    async with Connected() as there:
        there.may_go_on.clear()
        there.writer.write(put(b"a", b"1") + put(b"b", b"2"))
        there.writer.write_eof()
        await there.has_begun.wait()
        await asyncio.sleep(0.1)
        there.may_go_on.set()
        assert [await there.read(), await there.read()] == [b"/inbox/a 1", b"/inbox/b 2"]
        assert await there.reader.read() == b""


@pytest.mark.parametrize("goes_on", [True, False])
async def test_closing_lets_what_is_in_progress_end_within_the_grace(goes_on: bool) -> None:
    async with Connected() as there:
        there.may_go_on.clear()
        there.writer.write(put(b"a", b"1"))
        await there.has_begun.wait()
        closing = asyncio.create_task(there.endpoint.__aexit__())
        await asyncio.sleep(0.1)
        if goes_on:
            there.may_go_on.set()
            assert await there.read() == b"/inbox/a 1"
        assert await there.reader.read() == b""
        await closing
