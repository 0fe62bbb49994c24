"""Multipart upload: one object, sent in parts that are put together at the end.

Source: S3 API reference, "CreateMultipartUpload" to "ListMultipartUploads".
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import md5
from itertools import pairwise

import orjson
from aiohttp import web

from engine.clock import from_millis, iso_millis
from engine.value import dataclass
from headrace.aws.checksums import (
    BYTES,
    COMBINABLE,
    COMPOSITE,
    FULL_OBJECT,
    OF_WHOLE_OBJECTS,
    Checksum,
    UploadChecksum,
    algorithm_of,
    bad_digest,
    composite,
    given_checksum,
)
from headrace.aws.rest_xml import S3Error, malformed_xml
from headrace.aws.s3_body import read_document, receive, storing
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_conditions import check_write_conditions, has_write_conditions
from headrace.aws.s3_copy import SOURCE, copy_source, open_source, write_from
from headrace.aws.s3_download import part_number
from headrace.aws.s3_errors import invalid_argument, invalid_request
from headrace.aws.s3_headers import attributes_of, check_headers, encryption_of
from triggers.s3 import multipart_table
from triggers.s3.multipart import UploadGone
from triggers.s3.multipart_table import MultipartUpload, Part
from triggers.s3.upload import Upload

SMALLEST_PART_BYTES = 5 * 1024**2


async def create_multipart_upload(call: Call) -> web.StreamResponse:
    """CreateMultipartUpload."""
    headers, bucket = call.request.headers, call.bucket
    attributes = attributes_of(headers, call.operation)
    with storing(call.key):
        bucket.check_key(call.key)
    algorithm, checksum_type = headers.get("x-amz-checksum-algorithm"), headers.get("x-amz-checksum-type")
    if algorithm is not None:
        algorithm = algorithm_of(algorithm, "x-amz-checksum-algorithm")
        checksum_type = _checksum_type(algorithm, checksum_type)
    elif checksum_type is not None:
        raise invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        )
    upload = await call.s3.uploads.begin(bucket.name, call.key, attributes, algorithm, checksum_type)
    said = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": checksum_type}
    return call.xml(
        "InitiateMultipartUploadResult",
        {"Bucket": bucket.name, "Key": call.key, "UploadId": upload.id},
        encryption_of(upload.attributes.headers()) | {name: value for name, value in said.items() if value},
    )


def _checksum_type(algorithm: str, given: str | None) -> str:
    default = FULL_OBJECT if algorithm in OF_WHOLE_OBJECTS else COMPOSITE
    chosen = given or default
    allowed = {COMPOSITE} - ({COMPOSITE} if algorithm in OF_WHOLE_OBJECTS else set())
    allowed |= {FULL_OBJECT} if algorithm in COMBINABLE else set()
    if chosen not in allowed:
        raise invalid_request(
            f"The {chosen} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    return chosen


async def upload_part(call: Call) -> web.StreamResponse:
    """UploadPart."""
    number = part_number(call.query.get("partNumber", ""))
    check_headers({name.lower(): value for name, value in call.request.headers.items()}, call.operation)
    upload = await find_upload(call)
    checksum = UploadChecksum(call.request.headers, upload.checksum_algorithm)
    with storing(call.key):
        content = call.s3.uploads.begin_part(upload)
        try:
            verified = await receive(call.request, content, checksum)
            part = await _keep(call, upload, number, content, verified)
        finally:
            content.discard()
    said = {} if verified is None else {verified.header: verified.value}
    return call.empty(headers={"ETag": f'"{part.etag}"'} | encryption_of(upload.attributes.headers()) | said)


async def upload_part_copy(call: Call) -> web.StreamResponse:
    """UploadPartCopy."""
    number = part_number(call.query.get("partNumber", ""))
    check_headers({name.lower(): value for name, value in call.request.headers.items()}, call.operation)
    upload = await find_upload(call)
    source, key = copy_source(call)
    checksum = UploadChecksum({}, upload.checksum_algorithm)
    with storing(call.key):
        content = call.s3.uploads.begin_part(upload)
        try:
            opened = await open_source(call, source, key)
            with opened.file:
                start, stop = _copied_range(call, opened.entry.size)
                await write_from(opened.file, start, stop, content, checksum.update)
            verified = checksum.verify({})
            part = await _keep(call, upload, number, content, verified)
        finally:
            content.discard()
    said = {} if verified is None else {f"Checksum{verified.algorithm}": verified.value}
    members = {"LastModified": iso_millis(from_millis(part.modified)), "ETag": f'"{part.etag}"', **said}
    return call.xml("CopyPartResult", members, encryption_of(upload.attributes.headers()))


def _copied_range(call: Call, size: int) -> tuple[int, int]:
    name = f"{SOURCE}-range"
    given = call.request.headers.get(name)
    if given is None:
        return 0, size
    first, dash, last = given.removeprefix("bytes=").partition("-")
    if not given.startswith("bytes=") or not dash or not first.isdigit() or not last.isdigit():
        raise invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
            "are the zero-based offsets of the first and last bytes to copy",
            name,
            given,
        )
    if int(last) < int(first) or int(last) >= size:
        raise invalid_argument(f"Range specified is not valid for source object of size: {size}", name, given)
    return int(first), int(last) + 1


async def _keep(
    call: Call, upload: MultipartUpload, number: int, content: Upload, checksum: Checksum | None
) -> Part:
    expected = upload.checksum_algorithm
    if checksum is not None and expected is not None and checksum.algorithm != expected:
        raise invalid_request(
            f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, "
            f"actual checksum Type: {checksum.algorithm.lower()}"
        )
    kept = None if checksum is None else checksum.to_json()
    try:
        return await call.s3.uploads.keep_part(upload, number, content, kept)
    except (UploadGone, FileNotFoundError):
        raise no_such_upload(call) from None


@dataclass(frozen=True, slots=True)
class _Named:
    """A part as the client names it at the end."""

    number: int
    etag: str
    checksums: tuple[tuple[str, str], ...]


async def complete_multipart_upload(call: Call) -> web.StreamResponse:
    """CompleteMultipartUpload."""
    headers, bucket = call.request.headers, call.bucket
    upload = await find_upload(call)
    document = await read_document(call.request, "CompleteMultipartUpload")
    named = [
        _Named(
            part_number(each.text("PartNumber") or ""),
            (each.text("ETag") or "").strip('"'),
            tuple((name, value) for name in BYTES if (value := each.text(f"Checksum{name}")) is not None),
        )
        for each in document.children("Part")
    ]
    if not named:
        raise malformed_xml()
    parts = chosen_parts(named, {part.number: part for part in await call.s3.uploads.parts(upload)})
    size = sum(part.size for part in parts)
    if headers.get("x-amz-mp-object-size", str(size)) != str(size):
        raise invalid_request(
            f"The provided 'x-amz-mp-object-size' header does not match what was computed: {size}"
        )
    etag = etag_of(parts)
    with storing(call.key):
        whole = bucket.begin_upload(call.key)
        try:
            checksum = await _joined(call, upload, parts, whole)
            entry = await bucket.put(
                call.key,
                whole,
                event="ObjectCreated:CompleteMultipartUpload",
                etag=etag,
                attributes=replace(
                    upload.attributes,
                    checksum=None if checksum is None else checksum.to_json(),
                    md5=whole.etag,
                    parts=_kept_parts(parts),
                ),
                lineage=call.lineage,
                check=partial(check_write_conditions, call.key, headers)
                if has_write_conditions(headers)
                else None,
                also=partial(_end, upload.id),
            )
        except UploadGone:
            raise no_such_upload(call) from None
        finally:
            whole.discard()
    await call.s3.uploads.remove_files(upload)
    members = {
        "Location": call.url_of(call.key),
        "Bucket": bucket.name,
        "Key": call.key,
        "ETag": f'"{etag}"',
        **(checksum.members() if checksum is not None else {}),
    }
    return call.xml("CompleteMultipartUploadResult", members, encryption_of(entry.attributes.headers()))


def _end(upload_id: str, connection: sqlite3.Connection) -> None:
    """Forget the upload in the transaction that stores its object. Raises UploadGone: it ends only once."""
    if not multipart_table.end(connection, upload_id):
        raise UploadGone(upload_id)


def chosen_parts(named: "Sequence[_Named]", there: dict[int, Part]) -> list[Part]:
    """Return the parts that the client names, in its order. Raises S3Error."""
    numbers = [each.number for each in named]
    if any(one >= other for one, other in pairwise(numbers)):
        raise S3Error(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
            400,
        )
    for each in named:
        part = there.get(each.number)
        if part is None or part.etag != each.etag or not _agree(part, each):
            raise S3Error(
                "InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have been "
                "uploaded, or the specified entity tag may not match the part's entity tag.",
                400,
                PartNumber=str(each.number),
                ETag=each.etag,
            )
    parts = [there[number] for number in numbers]
    for part in parts[:-1]:
        if part.size < SMALLEST_PART_BYTES:
            raise S3Error(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                400,
                ProposedSize=str(part.size),
                MinSizeAllowed=str(SMALLEST_PART_BYTES),
                PartNumber=str(part.number),
                ETag=part.etag,
            )
    return parts


def etag_of(parts: Sequence[Part]) -> str:
    """Return the ETag of an object that came in parts: the MD5 of their MD5s, and how many they are."""
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _agree(part: Part, named: _Named) -> bool:
    """Say whether the checksums that the client names for a part are those it was uploaded with."""
    known = Checksum.from_json(part.checksum)
    return known is None or all(
        value == known.value for algorithm, value in named.checksums if algorithm == known.algorithm
    )


async def _joined(
    call: Call, upload: MultipartUpload, parts: Sequence[Part], whole: Upload
) -> Checksum | None:
    """Put the parts together, and return the checksum of the whole. Raises S3Error, UploadGone."""
    given = given_checksum(call.request.headers)
    algorithm, kind = upload.checksum_algorithm, upload.checksum_type
    if algorithm is None and given is not None:
        algorithm, kind = given.algorithm, COMPOSITE if "-" in given.value else FULL_OBJECT
    calculated = UploadChecksum({}, algorithm if kind == FULL_OBJECT else None)
    await asyncio.to_thread(call.s3.uploads.join, upload, parts, whole, calculated.update)
    if algorithm is None or kind is None:
        return None
    if kind == FULL_OBJECT:
        checksum = calculated.verify({})
    else:
        values = [known.value for part in parts if (known := Checksum.from_json(part.checksum)) is not None]
        checksum = composite(algorithm, values) if len(values) == len(parts) else None
    if (
        given is not None
        and checksum is not None
        and given.value.split("-")[0] != checksum.value.split("-")[0]
    ):
        raise bad_digest(algorithm)
    return checksum or (None if given is None else replace(given, type=kind))


def _kept_parts(parts: Sequence[Part]) -> str:
    kept = []
    for part in parts:
        checksum = Checksum.from_json(part.checksum)
        kept.append([part.number, part.size, None if checksum is None else checksum.value])
    return orjson.dumps(kept).decode()


async def abort_multipart_upload(call: Call) -> web.StreamResponse:
    """AbortMultipartUpload."""
    await call.s3.uploads.abort(await find_upload(call))
    return call.empty(204)


async def find_upload(call: Call) -> MultipartUpload:
    """Return the upload that a request is about. Raises S3Error."""
    found = await call.s3.uploads.find(call.bucket.name, call.key, call.query.get("uploadId", ""))
    if found is None:
        raise no_such_upload(call)
    return found


def no_such_upload(call: Call) -> S3Error:
    """Return the error for an upload that is not there, or not any more."""
    return S3Error(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed.",
        404,
        UploadId=call.query.get("uploadId", ""),
    )


OPERATIONS: dict[str, Operation] = {
    "CreateMultipartUpload": create_multipart_upload,
    "UploadPart": upload_part,
    "UploadPartCopy": upload_part_copy,
    "CompleteMultipartUpload": complete_multipart_upload,
    "AbortMultipartUpload": abort_multipart_upload,
}
