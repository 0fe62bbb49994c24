"""The framing of aws-chunked bodies."""

import pytest

from headrace.aws.aws_chunked import BadChunk, ChunkDecoder

SIGNED = b"5;chunk-signature=00\r\nhello\r\n6;chunk-signature=00\r\n world\r\n0;chunk-signature=00\r\n\r\n"
UNSIGNED = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("body", "trailers"),
    [
        pytest.param(SIGNED, {}, id="signed chunks"),
        pytest.param(UNSIGNED, {"x-amz-checksum-crc32": "DUoRhQ=="}, id="a trailing checksum"),
        pytest.param(UNSIGNED[:-2], {"x-amz-checksum-crc32": "DUoRhQ=="}, id="without the last empty line"),
        pytest.param(b"B\r\nhello world\r\n0\r\n\r\n", {}, id="upper-case sizes"),
    ],
)
def test_the_payload_comes_out_however_it_arrives(body: bytes, trailers: dict[str, str], step: int) -> None:
    decoder = ChunkDecoder()
    payload = b"".join(
        piece for start in range(0, len(body), step) for piece in decoder.feed(body[start : start + step])
    )
    decoder.close()

    assert (payload, decoder.trailers) == (b"hello world", trailers)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x\r\nhello\r\n", id="a size that is no number"),
        pytest.param(b"-5\r\nhello\r\n0\r\n\r\n", id="a size below zero"),
        pytest.param(b"0x5\r\nhello\r\n0\r\n\r\n", id="a size in another notation"),
        pytest.param(b"3\r\nhello\r\n0\r\n\r\n", id="a chunk longer than its size"),
        pytest.param(b"5\r\nhel", id="cut off in a chunk"),
        pytest.param(b"5\r\nhello\r\n", id="cut off between chunks"),
        pytest.param(b"5" * 9000, id="an endless line"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_damaged_body_is_refused(body: bytes) -> None:
    decoder = ChunkDecoder()
    with pytest.raises(BadChunk):
        take_apart(decoder, body)


def take_apart(decoder: ChunkDecoder, body: bytes) -> bytes:
    """Decode a whole body."""
    payload = b"".join(decoder.feed(body))
    decoder.close()
    return payload
