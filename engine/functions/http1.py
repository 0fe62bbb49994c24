"""Reads HTTP/1.1 requests off a byte stream: what a runtime interface client sends, and no more.

A pure parser (RFC 9112): Content-Length and chunked bodies, keep-alive, pipelining, `Expect:
100-continue`. A body over the limit is read to its end and not kept, so that the client can be told properly.
docs/decisions/0005 says why it is not a library's.
"""

from dataclasses import field

from engine.value import dataclass

HEAD_LIMIT_BYTES = 2 * 1024 * 1024  # the X-Ray cause header alone may have 1 MiB


class MalformedRequest(Exception):
    """The stream is not HTTP/1.1; nothing after this point can be understood."""


@dataclass(slots=True)
class Request:
    """One request. Header names are in lower case; `body` is empty when it was `oversized`."""

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    body: bytes = b""
    oversized: bool = False


@dataclass(slots=True)
class _Body:
    """The request whose body is being read. `left` counts the bytes of the body or of the present chunk."""

    request: Request
    chunked: bool
    left: int
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    in_trailer: bool = False


@dataclass(frozen=True, slots=True)
class _Fields:
    """Header lines, read. `length` is 0 for a chunked body."""

    headers: dict[bytes, bytes]
    chunked: bool
    length: int


class RequestReader:
    """Turns received bytes into requests. Bodies of up to `body_limit` bytes are kept."""

    def __init__(self, body_limit: int) -> None:
        self._body_limit = body_limit
        self._buffer = b""
        self._pending: _Body | None = None
        # A client sends the same header lines each time, but for the length of its answers.
        self._last_lines = (b"", b"")
        self._last_fields = (_NO_FIELDS, _NO_FIELDS)

    def feed(self, data: bytes) -> None:
        """Take received bytes."""
        self._buffer = self._buffer + data if self._buffer else data

    @property
    def wants_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return (
            self._pending is not None
            and self._pending.size == 0
            and not self._buffer
            and self._pending.request.headers.pop(b"expect", b"").lower() == b"100-continue"
        )

    def next_request(self) -> Request | None:
        """Return the next complete request, None when more bytes are needed. Raises MalformedRequest."""
        if self._pending is None and (not self._buffer or not self._read_head()):
            return None
        pending = self._pending
        assert pending is not None
        if not (self._read_chunks(pending) if pending.chunked else self._read_length(pending)):
            return None
        self._pending = None
        request = pending.request
        request.body = pending.parts[0] if len(pending.parts) == 1 else b"".join(pending.parts)
        return request

    def _read_head(self) -> bool:
        if self._buffer.startswith(b"\r\n"):  # RFC 9112, section 2.2: ignored before a request line
            self._buffer = self._buffer[2:]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_LIMIT_BYTES:
            if len(self._buffer) > HEAD_LIMIT_BYTES:
                raise MalformedRequest("the head of the request is too long")
            return False
        head = self._buffer[:end]
        self._buffer = self._buffer[end + 4 :]
        request_line, _, lines = head.partition(b"\r\n")
        parts = request_line.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            raise MalformedRequest("no HTTP/1.1 request line")
        if lines == self._last_lines[0]:
            fields = self._last_fields[0]
        elif lines == self._last_lines[1]:
            fields = self._last_fields[1]
        else:
            fields = _read_fields(lines)
            if b"expect" not in fields.headers:  # which is taken out once it has been obeyed
                self._last_lines = (lines, self._last_lines[0])
                self._last_fields = (fields, self._last_fields[0])
        self._pending = _Body(Request(parts[0], parts[1], fields.headers), fields.chunked, fields.length)
        return True

    def _read_length(self, pending: _Body) -> bool:
        if pending.left:
            self._take(pending)
        return pending.left == 0

    def _read_chunks(self, pending: _Body) -> bool:
        while True:
            if pending.left > 2:
                self._take(pending, keep_back=2)
            if pending.left > 2:
                return False
            if pending.left and not self._skip(pending):
                return False
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                if len(line) > HEAD_LIMIT_BYTES:
                    raise MalformedRequest("a line of the chunked body is too long")
                return False
            self._buffer = rest
            if pending.in_trailer:
                if not line:
                    return True
                continue
            size = _digits(line.split(b";")[0].strip(), 16)
            if size == 0:
                pending.in_trailer = True
            else:
                pending.left = size + 2

    def _skip(self, pending: _Body) -> bool:
        """Pass over the line end after a chunk."""
        taken = self._buffer[: pending.left]
        self._buffer = self._buffer[len(taken) :]
        if taken != b"\r\n"[2 - pending.left :][: len(taken)]:
            raise MalformedRequest("a chunk is longer than it says")
        pending.left -= len(taken)
        return pending.left == 0

    def _take(self, pending: _Body, keep_back: int = 0) -> None:
        wanted = pending.left - keep_back
        if len(self._buffer) <= wanted:
            taken, self._buffer = self._buffer, b""
        else:
            taken, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        if not taken:
            return
        pending.left -= len(taken)
        pending.size += len(taken)
        if pending.size > self._body_limit:
            pending.request.oversized = True
            pending.parts.clear()
        else:
            pending.parts.append(taken)


def _read_fields(lines: bytes) -> _Fields:
    headers: dict[bytes, bytes] = {}
    for line in lines.split(b"\r\n") if lines else ():
        name, colon, value = line.partition(b":")
        if not colon or not name or name[:1].isspace():
            raise MalformedRequest("a header without a name")
        headers[name.lower()] = value.strip(b" \t")
    chunked = headers.get(b"transfer-encoding", b"").lower() == b"chunked"
    return _Fields(headers, chunked, 0 if chunked else _digits(headers.get(b"content-length", b"0"), 10))


def _digits(text: bytes, base: int) -> int:
    try:
        if not text.isalnum():
            raise ValueError
        return int(text, base)
    except ValueError:
        raise MalformedRequest("a body without a readable length") from None


_NO_FIELDS = _Fields({}, chunked=False, length=0)
