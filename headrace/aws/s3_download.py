"""GetObject and HeadObject: ranges, parts, and bytes that are never all in memory.

Source: S3 API reference, "GetObject"; RFC 9110 for ranges.
"""

import asyncio
import io
import mimetypes
import re
from collections.abc import Mapping
from email.utils import format_datetime
from functools import lru_cache

import orjson
from aiohttp import web

from engine.value import dataclass
from headrace.aws.checksums import Checksum
from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_conditions import check_conditions, last_modified
from headrace.aws.s3_errors import invalid_argument, invalid_request
from headrace.aws.s3_headers import DEFAULT_CONTENT_TYPE, encryption_of, header_value
from triggers.s3.objects import ObjectEntry
from triggers.s3.opened import OpenObject

BLOCK_BYTES = 256 * 1024
MOST_PARTS = 10_000
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_OVERRIDES = (
    "content-type",
    "content-language",
    "expires",
    "cache-control",
    "content-disposition",
    "content-encoding",
)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Some bytes of an object: from `start` up to, without, `stop`."""

    start: int
    stop: int


async def download(
    request: web.BaseRequest, opened: OpenObject, query: Mapping[str, str], headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send an object, or its headers for HEAD. Raises S3Error, with status 304 for one not modified."""
    entry = opened.entry
    check_conditions(request.headers, f'"{entry.etag}"', last_modified(entry))
    described = {**headers, **described_by(entry)}
    for name in _OVERRIDES:
        if f"response-{name}" in query:
            described[name] = header_value(f"response-{name}", query[f"response-{name}"])
    wanted = _wanted(request, query, entry, described)
    if wanted is None and request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        checksum = Checksum.from_json(entry.attributes.checksum)
        described |= checksum.headers() if checksum is not None else {}
    if wanted is not None and entry.size:
        described["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{entry.size}"
    part = wanted or ByteRange(0, entry.size)
    if isinstance(opened.file, io.BytesIO):
        return _small(request, opened.file, part, described, 200 if wanted is None else 206)
    response = web.StreamResponse(status=200 if wanted is None else 206, headers=described)
    response.content_length = part.stop - part.start
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(response, opened, part)
    await response.write_eof()
    return response


def _small(
    request: web.BaseRequest, file: io.BytesIO, part: ByteRange, described: dict[str, str], status: int
) -> web.Response:
    """Return an answer that is sent in one piece."""
    if request.method == "HEAD":
        length = {"Content-Length": str(part.stop - part.start)}
        return web.Response(status=status, headers=described | length)
    body = file.getbuffer()[part.start : part.stop]
    return web.Response(body=bytes(body), status=status, headers=described)


def described_by(entry: ObjectEntry) -> dict[str, str]:
    """Return the headers that describe an object."""
    tags = entry.attributes.tags()
    kept = entry.attributes.headers()
    return {
        "ETag": f'"{entry.etag}"',
        "Last-Modified": format_datetime(last_modified(entry), usegmt=True),
        "Accept-Ranges": "bytes",
        "content-type": entry.attributes.content_type or guessed_type(entry.key),
        **kept,
        **encryption_of(kept),
        **({"x-amz-tagging-count": str(len(tags))} if tags else {}),
    }


def guessed_type(key: str) -> str:
    """Return what a file that was dropped is taken for by its name, as the AWS CLI does when it uploads."""
    return _types().guess_type(key, strict=False)[0] or DEFAULT_CONTENT_TYPE


@lru_cache
def _types() -> mimetypes.MimeTypes:
    return mimetypes.MimeTypes()  # without the machine's own lists, so that it is the same everywhere


def _wanted(
    request: web.BaseRequest, query: Mapping[str, str], entry: ObjectEntry, described: dict[str, str]
) -> ByteRange | None:
    """Return the bytes asked for by range or part number, None for all; add what is said of parts."""
    header = request.headers.get("Range")
    if "partNumber" not in query:
        return parse_range(header, entry.size)
    if header is not None:
        raise invalid_request("Cannot specify both Range header and partNumber query parameter")
    number = part_number(query["partNumber"])
    sizes = [size for _, size, _ in parts_of(entry)]
    if sizes:
        described["x-amz-mp-parts-count"] = str(len(sizes))
    if number > max(1, len(sizes)):
        raise S3Error(
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
            416,
            PartNumberRequested=str(number),
            ActualPartCount=str(max(1, len(sizes))),
        )
    start = sum(sizes[: number - 1])
    return ByteRange(start, start + sizes[number - 1] if sizes else entry.size)


def parts_of(entry: ObjectEntry) -> list[tuple[int, int, str | None]]:
    """Return number, size and checksum of the parts an object came in, none when it came as one."""
    return [] if entry.attributes.parts is None else orjson.loads(entry.attributes.parts)


def part_number(text: str) -> int:
    """Return a part's number. Raises S3Error."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_PARTS:
        raise invalid_argument(
            f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive", "partNumber", text
        )
    return int(text)


async def _send(response: web.StreamResponse, opened: OpenObject, part: ByteRange) -> None:
    opened.file.seek(part.start)
    left = part.stop - part.start
    while left:
        block = await asyncio.to_thread(opened.file.read, min(left, BLOCK_BYTES))
        if not block:
            raise ConnectionResetError("the file became shorter while it was sent")
        await response.write(block)
        left -= len(block)


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the bytes asked for; None for all of them, and for a header that is not understood.

    Raises S3Error InvalidRange when the object has none of them.
    """
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None or header is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if first:
        start = int(first)
        stop = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    else:
        start, stop = max(0, size - int(last)), size
    if start >= size or stop <= start:
        raise S3Error(
            "InvalidRange",
            "The requested range is not satisfiable",
            416,
            RangeRequested=header,
            ActualObjectSize=str(size),
        )
    return ByteRange(start, stop)
