"""GetObject and HeadObject: ranges, conditions, and bytes that are never all in memory.

Source: S3 API reference, "GetObject"; RFC 9110 for ranges and conditional requests.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from aiohttp import web

from engine.clock import from_millis
from engine.value import dataclass
from headrace.aws.rest_xml import S3Error
from triggers.s3.opened import OpenObject

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
BLOCK_BYTES = 256 * 1024
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
    modified = from_millis(entry.modified).replace(microsecond=0)
    etag = f'"{opened.entry.etag}"'
    described = {
        **headers,
        "ETag": etag,
        "Last-Modified": format_datetime(modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "content-type": entry.attributes.content_type or DEFAULT_CONTENT_TYPE,
        **entry.headers(),
    }
    for name in _OVERRIDES:
        if f"response-{name}" in query:
            described[name] = query[f"response-{name}"]
    check_conditions(request.headers, etag, modified)
    wanted = parse_range(request.headers.get("Range"), opened.entry.size)
    if wanted is not None:
        described["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{opened.entry.size}"
    part = wanted or ByteRange(0, opened.entry.size)
    response = web.StreamResponse(status=200 if wanted is None else 206, headers=described)
    response.content_length = part.stop - part.start
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(response, opened, part)
    await response.write_eof()
    return response


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


def check_conditions(headers: Mapping[str, str], etag: str, modified: datetime) -> None:
    """Raise S3Error when a condition of the request does not hold: 304 or PreconditionFailed."""
    if_match, if_none_match = headers.get("If-Match"), headers.get("If-None-Match")
    unmodified_since = _moment(headers.get("If-Unmodified-Since"))
    modified_since = _moment(headers.get("If-Modified-Since"))
    if if_match is not None:
        if not _names(if_match, etag):
            raise precondition_failed("If-Match")
    elif unmodified_since is not None and modified > unmodified_since:
        raise precondition_failed("If-Unmodified-Since")
    not_modified = S3Error("NotModified", "Not Modified", 304)
    not_modified.headers["ETag"] = etag
    if if_none_match is not None:
        if _names(if_none_match, etag):
            raise not_modified
    elif modified_since is not None and modified <= modified_since:
        raise not_modified


def precondition_failed(condition: str) -> S3Error:
    """Return the error for a condition that does not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return S3Error("PreconditionFailed", message, 412, Condition=condition)


def _names(header: str, etag: str) -> bool:
    given = [each.strip() for each in header.split(",")]
    return "*" in given or etag in given or etag.strip('"') in given


def _moment(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
