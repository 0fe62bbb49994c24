"""The server below the services: what is simple it reads and answers itself, all else is for aiohttp's.

A connection that brings something which is not simple is aiohttp's from then on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from headrace.aws.http_server import LOGGER, HttpServer
from headrace.aws.light_request import LightHead, LightRequest, read_head

MOST_AHEAD_BYTES = 1024 * 1024  # of further requests, while one is answered

Answer = Callable[[LightRequest], Awaitable[web.StreamResponse]]


class LightServer:
    """Makes what handles a new connection. `answer` may raise nothing."""

    def __init__(self, answer: Answer, heavy: HttpServer) -> None:
        self.answer = answer
        self.heavy = heavy
        self.connections: set[LightConnection] = set()

    def __call__(self) -> "LightConnection":
        """Return what handles a new connection."""
        return LightConnection(self)

    async def shutdown(self, grace_seconds: float) -> None:
        """End all connections; requests in progress may end within the grace."""
        answering = [each.answering for each in self.connections if each.answering is not None]
        if answering:
            await asyncio.wait(answering, timeout=grace_seconds)
        for connection in tuple(self.connections):
            connection.close()


class LightConnection(asyncio.Protocol):
    """One connection, for as long as its requests are simple."""

    ssl_context = None  # what a request of aiohttp asks of its connection
    output_size = 0

    def __init__(self, server: LightServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._head: LightHead | None = None
        self._is_paused = False
        self._has_ended = False
        self.answering: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None
        self.peername: object = None
        self.sockname: object = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.peername = transport.get_extra_info("peername")
        self.sockname = transport.get_extra_info("sockname")
        self._server.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Let what is being answered go on: it has begun."""
        self.transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Take what was received, and begin to answer when there is a request."""
        self._received = self._received + data if self._received else data
        if self.answering is None:
            self._begin()
        elif len(self._received) > MOST_AHEAD_BYTES and self.transport is not None:
            self.transport.pause_reading()
            self._is_paused = True

    def _begin(self) -> None:
        head = self._head
        if head is None:
            found = read_head(self._received)
            if found == "heavy":
                self._hand_over()
                return
            head = self._head = found
        if head is None or len(self._received) < head.end + head.length:
            return
        end = head.end + head.length
        body = self._received[head.end : end]
        self._received = self._received[end:]
        self._head = None
        request = LightRequest(head, body, self)
        self.answering = self._loop.create_task(self._answer(request))

    async def _answer(self, request: LightRequest) -> None:
        try:
            response = await self._server.answer(request)
            if self.transport is not None:
                self.transport.write(_bytes_of(response, request))
                if response.keep_alive is False:
                    self.close()
        except Exception:  # noqa: BLE001 - a bug; the connection cannot be trusted any more
            LOGGER.exception("%s %s could not be answered", request.method, request.path)
            self.close()
        finally:
            self.answering = None
        if self._is_paused and self.transport is not None:
            self.transport.resume_reading()
            self._is_paused = False
        if self.transport is None or self.transport.is_closing():
            return
        if self._received:
            self._begin()
        if self._has_ended and self.answering is None:
            self.close()

    def eof_received(self) -> bool:
        """Answer what the client has sent before it ended its side."""
        self._has_ended = True
        return self.answering is not None

    def _hand_over(self) -> None:
        transport, received = self.transport, self._received
        assert transport is not None
        self._server.connections.discard(self)
        self._received = b""
        heavy = self._server.heavy()
        transport.set_protocol(heavy)
        heavy.connection_made(transport)
        heavy.data_received(received)

    def close(self) -> None:
        """End the connection."""
        if self.answering is not None and self.answering is not asyncio.current_task():
            self.answering.cancel()
        if self.transport is not None:
            self.transport.close()


def _bytes_of(response: web.StreamResponse, request: LightRequest) -> bytes:
    """Return an answer as it is sent. Raises ValueError for one that cannot be."""
    if not isinstance(response, web.Response) or response.prepared:
        raise ValueError("an answer in pieces")
    request.date(response)
    body = response.body or b""
    if not isinstance(body, bytes):
        raise TypeError(f"an answer of {type(body).__name__}")
    headers, status = response.headers, response.status
    lines = [f"HTTP/1.1 {status} {response.reason}", *[f"{name}: {value}" for name, value in headers.items()]]
    if status != HTTPStatus.NO_CONTENT and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    if body and "Content-Type" not in headers:
        lines.append("Content-Type: application/octet-stream")
    if "Date" not in headers:
        lines.append(f"Date: {rfc822_formatted_time()}")
    if "Server" not in headers:
        lines.append(f"Server: {SERVER_SOFTWARE}")
    if response.keep_alive is False:
        lines.append("Connection: close")
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1 or "\0" in head:
        raise ValueError("a header of more than one line")
    return head.encode() + b"\r\n\r\n" + body
