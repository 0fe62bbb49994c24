"""Ways in which a request may be broken on its way: each makes the bytes that go over the wire."""

import zlib
from collections.abc import Callable, Mapping

from tests.fuzz.wire import Request

TEN_MEGABYTES = 10 * 1024 * 1024
HOST = "127.0.0.1"


def sent(request: Request, *more: str, length: int | str | None = -1, last: bytes = b"") -> bytes:
    """Return a request's bytes; `more` are further header lines, `length` is what it says of its body."""
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {HOST}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += more
    if length is not None:
        lines.append(f"Content-Length: {len(request.body) if length == -1 else length}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + request.body + last


def with_body(request: Request, body: bytes) -> Request:
    """Return a request with another body."""
    return Request(request.method, request.path, request.headers, body)


def with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    """Return a request with further headers, or others; what is empty is left out."""
    merged = {**request.headers, **headers}
    return Request(request.method, request.path, {n: v for n, v in merged.items() if v}, request.body)


def chunked(request: Request, body: bytes, *more: str) -> bytes:
    """Return a request whose body is said to be in chunks."""
    return sent(with_body(request, body), "Transfer-Encoding: chunked", *more, length=None)


def aws_chunked(request: Request, body: bytes, decoded_length: str = "5") -> bytes:
    """Return a request whose body is said to be in signed chunks of AWS's own."""
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": decoded_length,
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    return sent(with_headers(with_body(request, body), headers))


def _in_half(request: Request) -> bytes:
    return request.body[: len(request.body) // 2]


# What is cut off on purpose need not be answered: whoever sent it is gone.
UNANSWERED = frozenset(
    {
        "a body shorter than it says",
        "a chunk without an end",
        "chunks without a last one",
        "a head without an end",
        "nothing at all",
    }
)

BREAKAGES: Mapping[str, Callable[[Request], bytes]] = {
    "as it should be": sent,
    "half a body": lambda request: sent(with_body(request, _in_half(request))),
    "no body": lambda request: sent(with_body(request, b"")),
    "a body of null": lambda request: sent(with_body(request, b"null")),
    "a list for a body": lambda request: sent(with_body(request, b"[1]")),
    "a number for a body": lambda request: sent(with_body(request, b"1e999")),
    "a body of zeros": lambda request: sent(with_body(request, bytes(1_000))),
    "a body that is no text": lambda request: sent(with_body(request, b"\xff\xfe\x80{")),
    "a body with a byte order mark": lambda request: sent(with_body(request, b"\xef\xbb\xbf" + request.body)),
    "a body that goes on after its end": lambda request: sent(with_body(request, request.body + b"{}")),
    "ten megabytes of brackets": lambda request: sent(with_body(request, b"[" * TEN_MEGABYTES)),
    "ten megabytes of objects": lambda request: sent(with_body(request, b'{"a":' * (TEN_MEGABYTES // 5))),
    "ten megabytes of maps in CBOR": lambda request: sent(
        with_body(request, b"\xa1\x61a" * (TEN_MEGABYTES // 3))
    ),
    "a form of many fields": lambda request: sent(with_body(request, b"a.1=&" * 20_000)),
    "entities that grow in XML": lambda request: sent(
        with_body(request, b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>')
    ),
    "an entity of a file in XML": lambda request: sent(
        with_body(request, b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')
    ),
    "elements nested deeply": lambda request: sent(with_body(request, b"<a>" * 100_000)),
    "a compressed body": lambda request: sent(
        with_headers(with_body(request, zlib.compress(request.body)), {"Content-Encoding": "deflate"})
    ),
    "a body that is said to be compressed": lambda request: sent(
        with_headers(request, {"Content-Encoding": "gzip"})
    ),
    "a body shorter than it says": lambda request: sent(request, length=len(request.body) + 10),
    "a body longer than it says": lambda request: sent(request, length=max(0, len(request.body) - 3)),
    "a length that is no number": lambda request: sent(request, length="many"),
    "a negative length": lambda request: sent(request, length="-5"),
    "an endless length": lambda request: sent(request, length="9" * 30),
    "two lengths": lambda request: sent(request, "Content-Length: 1"),
    "a length and chunks": lambda request: sent(request, "Transfer-Encoding: chunked"),
    "chunks as they should be": lambda request: chunked(
        request,
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(request.body), request.body) if request.body else b"0\r\n\r\n",
    ),
    "chunks that are none": lambda request: chunked(request, b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk of a negative size": lambda request: chunked(request, b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk of an endless size": lambda request: chunked(request, b"f" * 40 + b"\r\n{}"),
    "a chunk without an end": lambda request: chunked(request, b"5\r\n{"),
    "chunks without a last one": lambda request: chunked(request, b"2\r\n{}\r\n"),
    "a transfer encoding that is none": lambda request: sent(request, "Transfer-Encoding: twofold"),
    "no kind of content": lambda request: sent(with_headers(request, {"Content-Type": ""})),
    "text for content": lambda request: sent(with_headers(request, {"Content-Type": "text/html"})),
    "a form for content": lambda request: sent(
        with_headers(request, {"Content-Type": "application/x-www-form-urlencoded"})
    ),
    "a multipart form without a boundary": lambda request: sent(
        with_headers(request, {"Content-Type": "multipart/form-data"})
    ),
    "a multipart form of nothing": lambda request: sent(
        with_headers(request, {"Content-Type": "multipart/form-data; boundary=x"})
    ),
    "CBOR for content": lambda request: sent(
        with_headers(request, {"Content-Type": "application/x-amz-cbor-1.1"})
    ),
    "newer CBOR for content": lambda request: sent(
        with_headers(request, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"})
    ),
    "content whose kind is no kind": lambda request: sent(
        with_headers(request, {"Content-Type": ";;/=\xff"})
    ),
    "no target": lambda request: sent(with_headers(request, {"X-Amz-Target": ""})),
    "a target without an operation": lambda request: sent(
        with_headers(request, {"X-Amz-Target": "AmazonSQS."})
    ),
    "a target without a service": lambda request: sent(
        with_headers(request, {"X-Amz-Target": ".SendMessage"})
    ),
    "a target of many dots": lambda request: sent(
        with_headers(request, {"X-Amz-Target": "AmazonSQS.a.b.c."})
    ),
    "a target in letters of no alphabet": lambda request: sent(
        with_headers(request, {"X-Amz-Target": "AmazonSQS.\xff\xfe"})
    ),
    "two targets": lambda request: sent(request, "X-Amz-Target: Logs_20140328.DescribeLogGroups"),
    "no signature": lambda request: sent(with_headers(request, {"Authorization": ""})),
    "a signature that is none": lambda request: sent(with_headers(request, {"Authorization": "Bearer x"})),
    "a signature for no service": lambda request: sent(
        with_headers(request, {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/b//aws4_request"})
    ),
    "a signature for another service": lambda request: sent(
        with_headers(request, {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/b/iam/aws4_request"})
    ),
    "a query that is no signature": lambda request: sent(
        Request(request.method, f"{request.path}?X-Amz-Credential=%ff&X-Amz-Expires=x", request.headers)
    ),
    "a path that is no text": lambda request: sent(Request(request.method, "/%ff%fe/%00", request.headers)),
    "a path that is escaped wrongly": lambda request: sent(
        Request(request.method, "/%zz/%", request.headers)
    ),
    "a path that climbs": lambda request: sent(Request(request.method, "/../../etc/passwd", request.headers)),
    "a path of slashes": lambda request: sent(Request(request.method, "////", request.headers)),
    "a path that is an address": lambda request: sent(
        Request(request.method, "http://example.com/", request.headers)
    ),
    "a path longer than any": lambda request: sent(Request(request.method, f"/{'x' * 100_000}")),
    "an asterisk for a path": lambda request: sent(Request("OPTIONS", "*")),
    "another method": lambda request: sent(Request("PATCH", request.path, request.headers, request.body)),
    "a method that is none": lambda request: sent(Request("GRAB", request.path, request.headers)),
    "a tunnel": lambda request: sent(Request("CONNECT", "example.com:443")),
    "an upgrade": lambda request: sent(request, "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "a header without a colon": lambda request: sent(request, "no colon"),
    "a header without a name": lambda request: sent(request, ": value"),
    "a header with a zero": lambda request: sent(request, "X-A: \x00"),
    "a header longer than any": lambda request: sent(request, f"X-A: {'x' * 100_000}"),
    "a thousand headers": lambda request: sent(request, *(f"X-{number}: x" for number in range(1_000))),
    "two hosts": lambda request: sent(request, "Host: localhost"),
    "a host that is not here": lambda request: sent(request).replace(HOST.encode(), b"example.com", 1),
    "a host of brackets": lambda request: sent(request).replace(HOST.encode(), b"[[::1", 1),
    "an origin that is not here": lambda request: sent(request, "Origin: http://example.com"),
    "an origin of brackets": lambda request: sent(request, "Origin: http://[[::1"),
    "another version of HTTP": lambda request: sent(request).replace(b"HTTP/1.1", b"HTTP/7.7", 1),
    "an expectation that nobody has": lambda request: sent(request, "Expect: miracles"),
    "encrypted traffic": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "a head without an end": lambda _: b"POST / HTTP/1.1\r\nHost: localhost\r\n",
    "nothing at all": lambda _: b"",
    "AWS's chunks as they should be": lambda request: aws_chunked(
        request, b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    ),
    "AWS's chunks without a last one": lambda request: aws_chunked(request, b"5\r\nhello\r\n"),
    "AWS's chunks that are none": lambda request: aws_chunked(request, b"hello"),
    "AWS's chunks of a negative size": lambda request: aws_chunked(request, b"-5\r\nhello\r\n0\r\n\r\n"),
    "AWS's chunks of another checksum": lambda request: aws_chunked(
        request, b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    ),
    "AWS's chunks of another length": lambda request: aws_chunked(
        request, b"5\r\nhello\r\n0\r\n\r\n", decoded_length="9"
    ),
    "AWS's chunks of no length": lambda request: aws_chunked(
        request, b"5\r\nhello\r\n0\r\n\r\n", decoded_length="x"
    ),
}
