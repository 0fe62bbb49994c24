"""Takes the framing off an `aws-chunked` request body.

`SIZE[;chunk-signature=...] CRLF DATA CRLF` repeated, ended by size 0, trailing headers and an empty line.
Source: S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in
Multiple Chunks".
"""

import re
from collections.abc import Iterator

LONGEST_LINE_BYTES = 8192
SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class BadChunk(ValueError):
    """The body is not framed as announced."""


class ChunkDecoder:
    """Feed it the body piece by piece; `trailers` are complete once `finished`."""

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self.finished = False
        self._buffer = bytearray()
        self._left = 0  # bytes of the present chunk still to come
        self._state = "size"

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the payload in `data`. Raises BadChunk."""
        self._buffer += data
        while self._buffer and not self.finished:
            if self._state == "data":
                block = bytes(self._buffer[: self._left])
                del self._buffer[: self._left]
                self._left -= len(block)
                if self._left == 0:
                    self._state = "end"
                yield block
                continue
            end = self._buffer.find(b"\r\n")
            if end < 0:
                if len(self._buffer) > LONGEST_LINE_BYTES:
                    raise BadChunk("a line of the chunked body is too long")
                return
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            self._take_line(line)

    def close(self) -> None:
        """Say that the body has ended. Raises BadChunk when it should not have."""
        if self._state == "trailers" and not self._buffer:
            self.finished = True  # some clients leave the last empty line out
        if not self.finished:
            raise BadChunk("the chunked body ended early")

    def _take_line(self, line: bytes) -> None:
        if self._state == "end":
            if line:
                raise BadChunk("a chunk is longer than its size")
            self._state = "size"
        elif self._state == "size":
            size = SIZE.fullmatch(line.partition(b";")[0])
            if size is None:  # nor a negative one, which Python would read
                raise BadChunk("a chunk's size is no hexadecimal number")
            self._left = int(size[0], 16)
            self._state = "data" if self._left else "trailers"
        elif not line:
            self.finished = True
        else:
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()
