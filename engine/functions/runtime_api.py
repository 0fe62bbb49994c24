"""The Lambda Runtime API of one execution environment: an HTTP listener of its own on a loopback port.

Every runtime interface client, AWS's or anybody's, gets its events here and posts its answers here. All of
it happens in the callbacks of the connection, without a task or an await, because it is the hot path of
every invocation. Source: Lambda developer guide, "Using the Lambda runtime API"; paths, headers and
statuses as in AWS's emulator.
"""

import asyncio
import socket
from collections.abc import Callable

from engine.functions.faults import MAX_RESPONSE_BYTES
from engine.functions.http1 import MalformedRequest, Request, RequestReader
from engine.value import dataclass

BASE = b"/2018-06-01/runtime/"
NEXT = BASE + b"invocation/next"
INVOCATION = BASE + b"invocation/"
INIT_ERROR = BASE + b"init/error"
RESTORE_NEXT = BASE + b"restore/next"
RESTORE_ERROR = BASE + b"restore/error"
PING = b"/2018-06-01/ping"


@dataclass(frozen=True, slots=True)
class Ready:
    """The runtime has imported the handler and asked for its first event."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The runtime posted what the handler returned."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The runtime posted more than an answer may have."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The runtime posted an error: `in_init` before its first event, else for the invocation in hand."""

    payload: bytes
    error_type: str | None
    in_init: bool


RuntimeSignal = Ready | Answered | TooLarge | Failed


class RuntimeApi:
    """Serves one runtime process at a time; `signal` is called with each thing it says.

    Use: `await open()`, then for every process `reset()`, and for every invocation `offer(...)`.
    """

    def __init__(self, signal: Callable[[RuntimeSignal], None]) -> None:
        self.address = ""
        self._signal = signal
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._waiting: _Connection | None = None
        self._offered: tuple[bytes, bytes] | None = None
        self._in_hand: bytes | None = None
        self._initialised = False
        self._routes: dict[bytes, tuple[bytes, Callable[[Request, _Connection], None]]] = {
            NEXT: (b"GET", self._next),
            INIT_ERROR: (b"POST", self._init_error),
            RESTORE_NEXT: (b"GET", self._restore_next),
            RESTORE_ERROR: (b"POST", self._restore_error),
            PING: (b"GET", self._ping),
        }

    async def open(self) -> None:
        """Listen on a free loopback port; `address` is then its `host:port`. Raises OSError."""
        listener = socket.create_server(("127.0.0.1", 0))  # create_server of the loop hides why it cannot
        host, port = listener.getsockname()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=listener)
        self.address = f"{host}:{port}"

    def close(self) -> None:
        """Stop listening and hang up."""
        self.reset()
        if self._server is not None:
            self._server.close()

    def reset(self) -> None:
        """Forget the process before: its connections, what was offered to it and what it had in hand."""
        for connection in tuple(self._connections):
            connection.abort()
        self._waiting = self._offered = self._in_hand = None
        self._initialised = False

    @property
    def handed_out(self) -> bool:
        """Whether the runtime has the event that was offered."""
        return self._in_hand is not None

    def offer(self, request_id: str, head: bytes, payload: bytes) -> None:
        """Give the runtime its next event as soon as it asks; `head` are the event's own header lines."""
        identifier = request_id.encode()
        message = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: "
            + identifier
            + b"\r\n"
            + head
            + b"Content-Length: %d\r\n\r\n" % len(payload)
            + payload
        )
        self._in_hand = None
        if self._waiting is None:
            self._offered = (identifier, message)
        else:
            connection, self._waiting = self._waiting, None
            self._in_hand = identifier
            connection.send(message)

    def handle(self, request: Request, connection: "_Connection") -> None:
        """Answer one request."""
        route = self._routes.get(request.path)
        if route is None and request.path.startswith(INVOCATION):
            route = (b"POST", self._result)
        if route is None:
            connection.send(NOT_FOUND)
        elif request.method == route[0]:
            route[1](request, connection)
        else:
            connection.send(METHOD_NOT_ALLOWED)

    def _next(self, _: Request, connection: "_Connection") -> None:
        if self._in_hand is not None or self._waiting is not None:
            connection.send(INVALID_STATE)
            return
        first, self._initialised = not self._initialised, True
        if self._offered is not None:
            (self._in_hand, message), self._offered = self._offered, None
            connection.send(message)
        else:
            self._waiting = connection
        if first:
            self._signal(Ready())

    def _result(self, request: Request, connection: "_Connection") -> None:
        request_id, slash, verb = request.path[len(INVOCATION) :].partition(b"/")
        if not slash or verb not in (b"response", b"error"):
            connection.send(NOT_FOUND)
        elif not self._initialised:
            connection.send(INVALID_STATE)
        elif request_id != self._in_hand:
            connection.send(INVALID_REQUEST_ID)
        else:
            self._in_hand = None
            if request.oversized:
                connection.send(RESPONSE_TOO_LARGE)
                self._signal(TooLarge())
            else:
                connection.send(ACCEPTED)
                if verb == b"response":
                    self._signal(Answered(request.body))
                else:
                    self._signal(Failed(request.body, _error_type(request), in_init=False))

    def _init_error(self, request: Request, connection: "_Connection") -> None:
        if self._initialised:
            connection.send(INVALID_STATE)
        else:
            connection.send(ACCEPTED)
            self._signal(Failed(request.body, _error_type(request), in_init=True))

    def _restore_next(self, _: Request, connection: "_Connection") -> None:
        connection.send(RESTORED)

    def _restore_error(self, _: Request, connection: "_Connection") -> None:
        connection.send(ACCEPTED)

    def _ping(self, _: Request, connection: "_Connection") -> None:
        connection.send(PONG)

    def joined(self, connection: "_Connection") -> None:
        """Take a new connection."""
        self._connections.add(connection)

    def left(self, connection: "_Connection") -> None:
        """Forget a closed connection."""
        self._connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None


class _Connection(asyncio.Protocol):
    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._reader = RequestReader(MAX_RESPONSE_BYTES)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._api.joined(self)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (request := self._reader.next_request()) is not None:
                self._api.handle(request, self)
            if self._reader.wants_continue:
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        except MalformedRequest:
            self.send(BAD_REQUEST)
            if self._transport is not None:
                self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._api.left(self)

    def send(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.write(message)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _error_type(request: Request) -> str | None:
    header = request.headers.get(b"lambda-runtime-function-error-type")
    return None if header is None else header.decode("utf-8", "replace")


def _response(status: str, body: bytes, content_type: str = "application/json", headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


ACCEPTED = _response("202 Accepted", b'{"status":"OK"}\n')
INVALID_REQUEST_ID = _response(
    "400 Bad Request", b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n'
)
INVALID_STATE = _response(
    "403 Forbidden",
    b'{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}\n',
)
RESPONSE_TOO_LARGE = _response(
    "413 Request Entity Too Large",
    b'{"errorMessage":"Exceeded maximum allowed payload size (%d bytes).",' % MAX_RESPONSE_BYTES
    + b'"errorType":"RequestEntityTooLarge"}\n',
)
NOT_FOUND = _response("404 Not Found", b"404 page not found\n", "text/plain; charset=utf-8")
METHOD_NOT_ALLOWED = _response("405 Method Not Allowed", b"")
BAD_REQUEST = _response("400 Bad Request", b"", headers="Connection: close\r\n")
RESTORED = _response("200 OK", b"")
PONG = _response("200 OK", b"pong", "text/plain; charset=utf-8")
