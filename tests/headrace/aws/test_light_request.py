"""What is simple enough to be read without aiohttp, and that it is read as aiohttp does."""

import asyncio
import re

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from headrace.aws.light_request import HEAD_BYTES, LIGHT_BYTES, LightHead, LightRequest, read_head

SQS = b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"
INVOKE = b"POST /2015-03-31/functions/resize:1/invocations HTTP/1.1\r\n"
SIZED = b"host: localhost\r\ncontent-length: 2\r\n\r\n"
SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
PUT = b"PUT /inbox/a%%20b.jpg HTTP/1.1\r\nAuthorization: %b\r\n" % SIGNED.encode()


@pytest.mark.parametrize(
    ("received", "path"),
    [
        pytest.param(SQS + SIZED, "/", id="SQS"),
        pytest.param(
            INVOKE + SIZED + b"{}", "/2015-03-31/functions/resize:1/invocations", id="with its body"
        ),
        pytest.param(PUT + b"Connection: keep-alive\r\n" + SIZED, "/inbox/a%20b.jpg", id="an object"),
    ],
)
def test_what_comes_often_is_simple(received: bytes, path: str) -> None:
    head = read_head(received)
    assert isinstance(head, LightHead)
    assert (head.path, head.length, received[head.end :]) == (path, 2, received.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + SIZED, id="another method"),
        pytest.param(SQS.replace(b"1.1", b"1.0") + SIZED, id="an old version"),
        pytest.param(SQS.replace(b"AmazonSQS", b"AmazonSSM") + SIZED, id="another service"),
        pytest.param(b"POST / HTTP/1.1\r\n" + SIZED, id="a form"),
        pytest.param(
            INVOKE.replace(b"invocations", b"response-streaming-invocations") + SIZED, id="a stream"
        ),
        pytest.param(PUT.replace(b".jpg", b"?tagging") + SIZED, id="a query"),
        pytest.param(PUT.replace(b"/a%20b.jpg", b"") + SIZED, id="a bucket"),
        pytest.param(PUT.replace(b"/inbox", b"//inbox") + SIZED, id="an empty segment"),
        pytest.param(PUT.replace(b".jpg", b"#") + SIZED, id="a fragment"),
        pytest.param(PUT.replace(b"/inbox", b"/v20180820") + SIZED, id="S3 Control"),
        pytest.param(PUT.replace(b"/s3/", b"/apigateway/") + SIZED, id="a put to another service"),
        pytest.param(PUT + b"Host: localhost\r\n\r\n", id="no length"),
        pytest.param(PUT + b"Content-Length: 2\r\n\r\n", id="no host"),
        pytest.param(PUT + b"Host: localhost\r\n" + SIZED, id="two hosts"),
        pytest.param(PUT + b"Content-Length: 2\r\n" + SIZED, id="two lengths"),
        pytest.param(PUT + b"Content-Length: two\r\n\r\n", id="a length that is no number"),
        pytest.param(PUT + b"Content-Length: %d\r\n\r\n" % (LIGHT_BYTES + 1), id="a large body"),
        pytest.param(PUT + b"Transfer-Encoding: chunked\r\n" + SIZED, id="chunks"),
        pytest.param(PUT + b"Expect: 100-continue\r\n" + SIZED, id="asks first"),
        pytest.param(PUT + b"Connection: close\r\n" + SIZED, id="ends the connection"),
        pytest.param(PUT + b"Connection: keep-alive\r\nConnection: close\r\n" + SIZED, id="both"),
        pytest.param(PUT + b"Upgrade: websocket\r\n" + SIZED, id="another protocol"),
        pytest.param(PUT + b"no colon\r\n" + SIZED, id="a line without a name"),
        pytest.param(PUT + b"a: b\r\n c\r\n" + SIZED, id="a folded line"),
        pytest.param(PUT + b"a: \x87\r\n" + SIZED, id="bytes that are no ASCII"),
        pytest.param(PUT + b"a: \n" + SIZED, id="half a line end"),
        pytest.param(PUT + b"a: " + b"x" * HEAD_BYTES + b"\r\n" + SIZED, id="a large head"),
        pytest.param(PUT + b"a: " + b"x" * HEAD_BYTES, id="a large head that has not ended"),
        pytest.param(b"\x16\x03\x01", id="encrypted traffic"),
        pytest.param(b"PING", id="another word"),
        pytest.param(b"POST / HTTP/1.1\nHost: x\n\n", id="lines that end otherwise"),
        pytest.param(b"\r\n" + PUT + SIZED, id="an empty line first"),
    ],
)
def test_all_else_is_for_aiohttp(received: bytes) -> None:
    assert read_head(received) == "heavy"


@pytest.mark.parametrize("length", range(1, len(PUT + SIZED)))
def test_a_part_of_a_head_may_become_one(length: int) -> None:
    assert read_head((PUT + SIZED)[:length]) is None


NAMES = st.sampled_from(["Content-Type", "Host", "X-Amz-Date"]) | st.from_regex(
    re.compile(r"[\w-]{1,12}", re.ASCII), fullmatch=True
)
VALUES = st.text(st.characters(min_codepoint=31, max_codepoint=127), max_size=12)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=6), st.from_regex(r"/[!-~]{1,8}/[!-~]{0,8}", fullmatch=True)
)
def test_heads_are_read_as_aiohttp_reads_them(headers: list[tuple[str, str]], path: str) -> None:
    lines = [f"PUT {path} HTTP/1.1", *(f"{name}:{value}" for name, value in headers), "Content-Length: 0"]
    content = "\r\n".join(lines).encode() + b"\r\n\r\n"
    head = read_head(content)
    if not isinstance(head, LightHead):
        return
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(BaseProtocol(loop), loop, limit=2**16)
        ((message, _),), _, rest = parser.feed_data(content)
        light = LightRequest(head, b"", _Connection())
        assert rest == b""
        assert (light.method, light.raw_path, light.version) == (
            message.method,
            message.path,
            message.version,
        )
        assert list(light.headers.items()) == list(message.headers.items())
        assert light.rel_url == message.url
        assert light.keep_alive
    finally:
        loop.close()


class _Connection:
    ssl_context = peername = sockname = None
