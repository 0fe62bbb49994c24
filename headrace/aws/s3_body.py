"""The bodies of S3 requests: large ones go to disk as they come, documents are read whole.

Source: S3 API reference, "PutObject"; S3 user guide, "Checking object integrity".
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from hashlib import md5

from aiohttp import web

from headrace.aws.aws_chunked import BadChunk, ChunkDecoder
from headrace.aws.buffered_request import BufferedRequest
from headrace.aws.checksums import Checksum, UploadChecksum, content_md5
from headrace.aws.rest_xml import Node, S3Error, malformed_xml, parse
from headrace.aws.s3_errors import invalid_request, key_refused
from triggers.s3.upload import KeyRefused, Upload

BLOCK_BYTES = 1024 * 1024
MOST_OBJECT_BYTES = 5 * 1024**3
MOST_DOCUMENT_BYTES = 5 * 1024**2


async def receive(request: web.BaseRequest, upload: Upload, checksum: UploadChecksum) -> Checksum | None:
    """Write the payload, a block at a time, each on a thread; return its checksum.

    Raises S3Error when it is not what the headers announce, OSError when it cannot be written.
    """

    def store(block: bytes) -> None:
        upload.write(block)
        checksum.update(block)

    length = request.headers.get("x-amz-decoded-content-length") or request.headers.get("Content-Length")
    if length is None and "Transfer-Encoding" not in request.headers:
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if length is not None and length.isdecimal() and int(length) > MOST_OBJECT_BYTES:
        raise too_large(int(length))
    decoder = _decoder(request)
    async for block in _blocks(request, decoder):
        if upload.size + len(block) > MOST_OBJECT_BYTES:
            raise too_large(upload.size + len(block))
        if upload.is_on_disk(len(block)):
            await asyncio.to_thread(store, block)
        else:
            store(block)
    announced = request.headers.get("x-amz-decoded-content-length")
    if announced is not None and announced.isdigit() and int(announced) != upload.size:
        raise _incomplete_body()
    verified = checksum.verify(decoder.trailers if decoder is not None else {})
    _check_md5(request, upload.etag)
    return verified


async def read_document(request: web.BaseRequest, root: str, *, checked: bool = False) -> Node:
    """Return the document in a body. `checked` ones must come with an MD5 or a checksum. Raises S3Error."""
    return parse(await read_text(request, checked=checked), root)


async def read_text(request: web.BaseRequest, *, checked: bool = False) -> bytes:
    """Return a small body. `checked` ones must come with an MD5 or a checksum. Raises S3Error."""
    checksum = UploadChecksum(request.headers)
    if checked and checksum.algorithm is None and "Content-MD5" not in request.headers:
        raise invalid_request("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    decoder = _decoder(request)
    body = bytearray()
    async for block in _blocks(request, decoder):
        body += block
        if len(body) > MOST_DOCUMENT_BYTES:
            raise malformed_xml()
    text = bytes(body)
    checksum.update(text)
    checksum.verify(decoder.trailers if decoder is not None else {})
    _check_md5(request, md5(text, usedforsecurity=False).hexdigest())
    return text


async def _blocks(request: web.BaseRequest, decoder: ChunkDecoder | None) -> AsyncIterator[bytes]:
    """Yield the payload in blocks of about a mebibyte, without the framing."""
    gathered = bytearray()
    check = request.payload_check if isinstance(request, BufferedRequest) else None
    try:
        async for data in request.content.iter_any():
            if check is not None:
                check.update(data)
            for piece in decoder.feed(data) if decoder is not None else (data,):
                gathered += piece
            if len(gathered) >= BLOCK_BYTES:
                yield bytes(gathered)
                gathered.clear()
        if decoder is not None:
            decoder.close()
        if check is not None:
            check.close()
    except BadChunk:
        raise _incomplete_body() from None
    if gathered:
        yield bytes(gathered)


def _decoder(request: web.BaseRequest) -> ChunkDecoder | None:
    if not _is_aws_chunked(request):
        return None
    check = request.payload_check if isinstance(request, BufferedRequest) else None
    return ChunkDecoder() if check is None else check.decoder()


def _is_aws_chunked(request: web.BaseRequest) -> bool:
    encodings = request.headers.get("Content-Encoding", "")
    signed = request.headers.get("x-amz-content-sha256", "")
    return "aws-chunked" in encodings or signed.startswith("STREAMING-")


def _check_md5(request: web.BaseRequest, found: str) -> None:
    given = request.headers.get("Content-MD5")
    if given is None:
        return
    expected = content_md5(given)
    if expected is None:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.", 400)
    if expected != found:
        raise S3Error(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            400,
            ExpectedDigest=expected,
            CalculatedDigest=found,
        )


def too_large(size: int) -> S3Error:
    """Return the error for an object, or a part, of more than 5 GiB at once."""
    return S3Error(
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        400,
        ProposedSize=str(size),
        MaxSizeAllowed=str(MOST_OBJECT_BYTES),
    )


def _incomplete_body() -> S3Error:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return S3Error("IncompleteBody", message, 400)


@contextmanager
def storing(key: str) -> Iterator[None]:
    """Turn what hinders a folder from holding an object into an S3Error."""
    try:
        yield
    except KeyRefused as error:
        raise key_refused(key, str(error)) from error
    except ConnectionError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            text = "No space is left on the device of the bucket's folder."
        else:
            text = f"The object could not be stored: {error}"
        raise S3Error("InternalError", text, 500) from error
