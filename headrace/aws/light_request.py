"""Small requests that come often, read here without aiohttp's server: their heads, and what handlers see.

A pure reader (RFC 9112) of a part of HTTP/1.1: heads of plain ASCII, and bodies of a known and modest length.
docs/decisions/0014 says why there is one.
"""

import re
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any, Literal

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from engine.value import dataclass
from headrace.aws.buffered_request import BufferedRequest

HEAD_BYTES = 16 * 1024
LIGHT_BYTES = 256 * 1024  # the largest body, that of an SQS request
HEAD = re.compile(
    rb"(?:POST|PUT) /(?:[!\"$-.0->@-~][!\"$-~]*)? HTTP/1\.1\r\n(?:[A-Za-z0-9_-]+:[ -~]*\r\n)*\r\n"
)
OBJECT = re.compile(r"/[^/?]+/[^?]+")
INVOKED = re.compile(r"/2015-03-31/functions/[^/?]+/invocations")
S3_CONTROL_PATH = "/v20180820/"
TARGETS = ("AmazonSQS.", "Kinesis_20131202.", "DynamoDB_20120810.")
NOT_SIMPLE = ("Connection", "Expect", "Transfer-Encoding", "Upgrade")
KEPT_ALIVE = "keep-alive"  # which the connection is anyway
LENGTH_DIGITS = 9
Heavy = Literal["heavy"]


@dataclass(frozen=True, slots=True)
class LightHead:
    """The head of a request. `end` is where its body begins in what was received, `length` that body's."""

    method: str
    path: str
    headers: "CIMultiDict[str]"
    end: int
    length: int


def read_head(received: bytes) -> LightHead | Heavy | None:
    """Return the head at the beginning of what was received; None while it is not complete.

    "heavy" is what is for aiohttp: any other request, and whatever is no request at all.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None if len(received) <= HEAD_BYTES and _may_become_one(received) else "heavy"
    if HEAD.fullmatch(received, 0, end + 4) is None or end > HEAD_BYTES:
        return "heavy"
    request_line, *lines = received[:end].decode("ascii").split("\r\n")
    method, path, _ = request_line.split(" ")
    headers = CIMultiDict(_field(line) for line in lines)
    lengths = headers.getall("Content-Length", ())
    if len(lengths) != 1 or not lengths[0].isdecimal() or len(headers.getall("Host", ())) != 1:
        return "heavy"
    if len(lengths[0]) > LENGTH_DIGITS or (length := int(lengths[0])) > LIGHT_BYTES:
        return "heavy"
    if any(value.lower() != KEPT_ALIVE for name in NOT_SIMPLE for value in headers.getall(name, ())):
        return "heavy"
    if not _comes_often(method, path, headers):
        return "heavy"
    return LightHead(method, path, headers, end + 4, length)


def _may_become_one(received: bytes) -> bool:
    """Say whether this may be the beginning of a head: lines end in CR LF."""
    begins = any(begin.startswith(received[: len(begin)]) for begin in (b"POST /", b"PUT /"))
    return begins and received.count(b"\n") == received.count(b"\r\n")


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" ")


def _comes_often(method: str, path: str, headers: "CIMultiDict[str]") -> bool:
    """Say whether it is an operation of our own which is always answered in one piece."""
    if method == "PUT":
        is_s3 = "/s3/aws4_request" in headers.get("Authorization", "")
        return is_s3 and OBJECT.fullmatch(path) is not None and not path.startswith(S3_CONTROL_PATH)
    if path == "/":
        return headers.get("X-Amz-Target", "").startswith(TARGETS)
    return INVOKED.fullmatch(path) is not None


class LightBody:
    """A body that is there, for who reads it as a stream."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield it."""
        if self._body:
            yield self._body


class LightRequest(BufferedRequest):
    """A request whose whole body has been received."""

    def __init__(self, head: LightHead, body: bytes, connection: Any) -> None:
        message = RawRequestMessage(
            head.method,
            head.path,
            HttpVersion11,
            CIMultiDictProxy(head.headers),
            (),
            should_close=False,
            compression=None,
            upgrade=False,
            chunked=False,
            url=_url(head.path),
        )
        stream: Any = LightBody(body)
        nobody: Any = None  # has to be asked to read the body
        super().__init__(message, stream, connection, connection, nobody, nobody)
        self._read_bytes = body

    async def buffered(self, most: int) -> bytes:
        """Return the whole body. Raises HTTPRequestEntityTooLarge beyond `most`."""
        body = await self.read()
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(body))
        return body


@lru_cache(maxsize=64)
def _url(path: str) -> URL:
    return URL.build(path=path, encoded=True)
