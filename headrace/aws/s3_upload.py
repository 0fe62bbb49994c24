"""PutObject: framing, checksums, conditions; the bytes go to disk as they come.

Source: S3 API reference, "PutObject"; S3 user guide, "Checking object integrity".
"""

import asyncio
import errno
from collections.abc import AsyncIterator
from functools import partial

import orjson
from aiohttp import web

from headrace.aws.aws_chunked import BadChunk, ChunkDecoder
from headrace.aws.checksums import UploadChecksum, content_md5
from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_download import DEFAULT_CONTENT_TYPE, precondition_failed
from triggers.s3.bucket import Bucket
from triggers.s3.objects import ObjectAttributes, ObjectEntry
from triggers.s3.upload import KeyRefused, Upload

BLOCK_BYTES = 1024 * 1024
MOST_METADATA_BYTES = 2048
MOST_OBJECT_BYTES = 5 * 1024**3
META_PREFIX = "x-amz-meta-"
KEPT_HEADERS = ("cache-control", "content-disposition", "content-language", "expires")

TRANSFER_HEADERS = frozenset(
    {
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-decoded-content-length",
        "x-amz-request-payer",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-security-token",
        "x-amz-trailer",
        "x-amz-user-agent",
    }
)
DEFAULT_VALUES = {  # what an object has without asking for it
    "x-amz-acl": ("private", "bucket-owner-full-control"),
    "x-amz-storage-class": ("STANDARD",),
    "x-amz-server-side-encryption": ("AES256",),
}


async def receive(
    bucket: Bucket, key: str, request: web.BaseRequest, lineage: tuple[str, ...]
) -> dict[str, str]:
    """Store the request's body as an object; return the headers of the answer. Raises S3Error."""
    headers = _headers_to_keep(request)
    checksum = UploadChecksum(request.headers)
    try:
        upload = bucket.begin_upload(key)
        try:
            await _receive_body(request, upload, checksum)
            _verify(request, upload)
            entry = await bucket.put(
                key,
                upload,
                attributes=ObjectAttributes(
                    request.headers.get("Content-Type") or DEFAULT_CONTENT_TYPE,
                    orjson.dumps(headers).decode() if headers else None,
                ),
                lineage=lineage,
                check=partial(_check_conditions, key, request) if _has_conditions(request) else None,
            )
        finally:
            upload.discard()
    except KeyRefused as error:
        raise S3Error(
            "InvalidArgument", f"A watched folder cannot hold this key: {error}", 400, Key=key
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise S3Error(
                "InternalError", "No space is left on the device of the bucket's folder.", 500
            ) from error
        if isinstance(error, ConnectionError):
            raise
        raise S3Error("InternalError", f"The object could not be stored: {error}", 500) from error
    answered = {"ETag": f'"{entry.etag}"'}
    if checksum.header is not None and checksum.value is not None:
        answered[checksum.header] = checksum.value
        answered["x-amz-checksum-type"] = "FULL_OBJECT"
    return answered


async def _receive_body(request: web.BaseRequest, upload: Upload, checksum: UploadChecksum) -> None:
    """Write the payload, a block at a time, each on a thread."""

    def store(block: bytes) -> None:
        upload.write(block)
        checksum.update(block)

    decoder = ChunkDecoder() if _is_aws_chunked(request) else None
    async for block in _blocks(request, decoder):
        if upload.size + len(block) > MOST_OBJECT_BYTES:
            raise S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        if upload.is_on_disk(len(block)):
            await asyncio.to_thread(store, block)
        else:
            store(block)
    announced = request.headers.get("x-amz-decoded-content-length")
    if announced is not None and announced.isdigit() and int(announced) != upload.size:
        raise _incomplete_body()
    problem = checksum.problem(decoder.trailers if decoder is not None else {})
    if problem is not None:
        raise S3Error("BadDigest", problem, 400)


async def _blocks(request: web.BaseRequest, decoder: ChunkDecoder | None) -> AsyncIterator[bytes]:
    """Yield the payload in blocks of about a mebibyte, without the framing."""
    gathered = bytearray()
    try:
        async for data in request.content.iter_any():
            for piece in decoder.feed(data) if decoder is not None else (data,):
                gathered += piece
            if len(gathered) >= BLOCK_BYTES:
                yield bytes(gathered)
                gathered.clear()
        if decoder is not None:
            decoder.close()
    except BadChunk:
        raise _incomplete_body() from None
    if gathered:
        yield bytes(gathered)


def _is_aws_chunked(request: web.BaseRequest) -> bool:
    encodings = request.headers.get("Content-Encoding", "")
    signed = request.headers.get("x-amz-content-sha256", "")
    return "aws-chunked" in encodings or signed.startswith("STREAMING-")


def _verify(request: web.BaseRequest, upload: Upload) -> None:
    given = request.headers.get("Content-MD5")
    if given is None:
        return
    expected = content_md5(given)
    if expected is None:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.", 400)
    if expected != upload.etag:
        raise S3Error(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            400,
            ExpectedDigest=expected,
            CalculatedDigest=upload.etag,
        )


def _has_conditions(request: web.BaseRequest) -> bool:
    return "If-Match" in request.headers or "If-None-Match" in request.headers


def _check_conditions(key: str, request: web.BaseRequest, entry: ObjectEntry | None) -> None:
    if_match, if_none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if if_none_match == "*" and entry is not None:
        raise precondition_failed("If-None-Match")
    if if_match is not None:
        if entry is None:
            raise S3Error("NoSuchKey", "The specified key does not exist.", 404, Key=key)
        if if_match.strip('"') not in (entry.etag, "*"):
            raise precondition_failed("If-Match")


def _headers_to_keep(request: web.BaseRequest) -> dict[str, str]:
    """Return what is answered again with the object. Raises S3Error when it is too much."""
    given = {name.lower(): value for name, value in request.headers.items()}
    metadata = {name: value for name, value in given.items() if name.startswith(META_PREFIX)}
    size = sum(
        len(name.removeprefix(META_PREFIX).encode()) + len(value.encode()) for name, value in metadata.items()
    )
    if size > MOST_METADATA_BYTES:
        raise S3Error(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            400,
            Size=str(size),
            MaxSizeAllowed=str(MOST_METADATA_BYTES),
        )
    for name, value in given.items():
        if name.startswith("x-amz-") and not _is_simulated(name, value):
            raise S3Error(
                "NotImplemented", f"{name}: {value} is not simulated with PutObject", 501, Header=name
            )
    kept = {name: given[name] for name in KEPT_HEADERS if name in given}
    encodings = [each.strip() for each in given.get("content-encoding", "").split(",")]
    kept["content-encoding"] = ",".join(each for each in encodings if each != "aws-chunked")
    if not kept["content-encoding"]:
        del kept["content-encoding"]
    return kept | metadata


def _is_simulated(name: str, value: str) -> bool:
    """Say whether a header is one of the transfer's own, or asks for what every object has anyway."""
    if name in DEFAULT_VALUES:
        return value in DEFAULT_VALUES[name]
    return name in TRANSFER_HEADERS or name.startswith((META_PREFIX, "x-amz-checksum-"))


def _incomplete_body() -> S3Error:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return S3Error("IncompleteBody", message, 400)
