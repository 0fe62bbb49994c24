import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.functions.http1 import MalformedRequest, Request, RequestReader

NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
POST = b"POST /r HTTP/1.1\r\nContent-Length: 5\r\nX-Type:  some thing \r\n\r\nhello"
CHUNKED = (
    b"POST /r HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n"
    b"3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
)


def read_all(pieces: list[bytes], limit: int = 100) -> list[Request]:
    reader = RequestReader(limit)
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (request := reader.next_request()) is not None:
            found.append(request)
    return found


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(NEXT, (b"GET", b"/next", b""), id="a request without a body"),
        pytest.param(POST, (b"POST", b"/r", b"hello"), id="a body with its length"),
        pytest.param(CHUNKED, (b"POST", b"/r", b"hello"), id="a body in chunks"),
        pytest.param(b"\r\n" + NEXT, (b"GET", b"/next", b""), id="an empty line before"),
    ],
)
def test_a_request_is_read(stream: bytes, expected: tuple[bytes, bytes, bytes]) -> None:
    [request] = read_all([stream])
    assert (request.method, request.path, request.body) == expected


def test_header_names_are_lower_case_and_values_trimmed() -> None:
    [request] = read_all([POST])
    assert request.headers == {b"content-length": b"5", b"x-type": b"some thing"}


@given(st.lists(st.sampled_from([NEXT, POST, CHUNKED]), max_size=5), st.data())
def test_requests_may_arrive_in_any_pieces(requests: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    bodies = {NEXT: b"", POST: b"hello", CHUNKED: b"hello"}
    assert [request.body for request in read_all(pieces)] == [bodies[request] for request in requests]


@pytest.mark.parametrize("stream", [POST, CHUNKED], ids=["with its length", "in chunks"])
def test_a_body_over_the_limit_is_read_and_not_kept(stream: bytes) -> None:
    requests = read_all([stream, NEXT], limit=4)
    assert [(request.oversized, request.body) for request in requests] == [(True, b""), (False, b"")]


def test_a_client_that_waits_for_continue_is_seen_once() -> None:
    reader = RequestReader(100)
    reader.feed(b"POST /r HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert reader.next_request() is None
    assert [reader.wants_continue, reader.wants_continue] == [True, False]
    reader.feed(b"ok")
    request = reader.next_request()
    assert request is not None
    assert request.body == b"ok"


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"nonsense\r\n\r\n", id="no request line"),
        pytest.param(b"GET / HTTP/2\r\n\r\n", id="another version"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", id="a header without a colon"),
        pytest.param(b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", id="a folded header"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="a negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", id="a length that only Python reads"),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="a chunk size in no base"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
            id="a chunk longer than it says",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 3_000_000, id="an endless head"),
    ],
)
def test_what_is_not_http_is_refused(stream: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_all([stream])
