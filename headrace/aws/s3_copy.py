"""CopyObject, and what it shares with UploadPartCopy. Source: S3 API reference, "CopyObject"."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from aiohttp import web

from engine.clock import from_millis, iso_millis
from headrace.aws.checksums import FULL_OBJECT, Checksum, UploadChecksum, algorithm_of
from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_body import MOST_OBJECT_BYTES, storing
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_conditions import (
    check_copy_conditions,
    check_write_conditions,
    has_write_conditions,
    last_modified,
)
from headrace.aws.s3_download import described_by
from headrace.aws.s3_errors import (
    invalid_argument,
    invalid_request,
    no_such_bucket,
    no_such_key,
    not_simulated,
)
from headrace.aws.s3_headers import STORAGE_CLASS, attributes_of, encryption_of
from triggers.s3.bucket import Bucket
from triggers.s3.objects import ObjectAttributes
from triggers.s3.opened import OpenObject
from triggers.s3.upload import Upload

BLOCK_BYTES = 1024 * 1024
SOURCE = "x-amz-copy-source"
METADATA_DIRECTIVE, TAGGING_DIRECTIVE = "x-amz-metadata-directive", "x-amz-tagging-directive"
TO_ITSELF = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the "
    "object's metadata, storage class, website redirect location or encryption attributes."
)
CHANGING = (STORAGE_CLASS, "x-amz-website-redirect-location", "x-amz-server-side-encryption")


async def copy_object(call: Call) -> web.StreamResponse:
    """CopyObject."""
    bucket, headers = call.bucket, call.request.headers
    given = attributes_of(headers, call.operation)
    source, key = copy_source(call)
    replaces = _replaces(headers.get(METADATA_DIRECTIVE), METADATA_DIRECTIVE)
    to_itself = (source.name, key) == (bucket.name, call.key)
    if to_itself and not replaces and not any(name in headers for name in CHANGING):
        raise invalid_request(TO_ITSELF)
    with storing(call.key):
        upload = bucket.begin_upload(call.key)
        try:
            opened = await open_source(call, source, key)
            with opened.file:
                if opened.entry.size > MOST_OBJECT_BYTES:
                    raise invalid_request(
                        "The specified copy source is larger than the maximum allowable size for a copy "
                        f"source: {MOST_OBJECT_BYTES}"
                    )
                attributes = _attributes(call, opened, given, replaces=replaces)
                checksum = _checksum(call, opened)
                await write_from(opened.file, 0, opened.entry.size, upload, checksum.update)
            verified = checksum.verify({}) or Checksum.from_json(attributes.checksum)
            entry = await bucket.put(
                call.key,
                upload,
                event="ObjectCreated:Copy",
                attributes=replace(attributes, checksum=verified.to_json() if verified else None),
                lineage=call.lineage,
                check=partial(check_write_conditions, call.key, headers)
                if has_write_conditions(headers)
                else None,
            )
        finally:
            upload.discard()
    members = {
        "LastModified": iso_millis(from_millis(entry.modified)),
        "ETag": f'"{entry.etag}"',
        **(verified.members() if verified is not None else {}),
    }
    return call.xml("CopyObjectResult", members, encryption_of(entry.attributes.headers()))


def copy_source(call: Call) -> tuple[Bucket, str]:
    """Return the bucket and the key that a copy is made of. Raises S3Error."""
    text = call.request.headers[SOURCE]
    if text.startswith("arn:"):
        raise not_simulated(f"{SOURCE} with an access point", Header=SOURCE)
    path, _, query = text.partition("?")
    if query and query not in ("versionId=null", "versionId="):
        raise S3Error("NoSuchVersion", "The specified version does not exist.", 404)
    try:
        name, _, key = unquote_to_bytes(path).decode().removeprefix("/").partition("/")
    except UnicodeError:
        name = key = ""
    if not name or not key:
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise invalid_argument(message, SOURCE, text)
    source = call.everywhere.get(name)
    if source is None:
        raise no_such_bucket(name)
    return source, key


async def open_source(call: Call, source: Bucket, key: str) -> OpenObject:
    """Open the object that a copy is made of; close its file. Raises S3Error."""
    opened = await source.open(key)
    if opened is None:
        raise no_such_key(key)
    try:
        check_copy_conditions(call.request.headers, f'"{opened.entry.etag}"', last_modified(opened.entry))
    except S3Error:
        opened.file.close()
        raise
    return opened


async def write_from(
    file: BinaryIO, start: int, stop: int, upload: Upload, tell: Callable[[bytes], None]
) -> None:
    """Write bytes of a file to an upload, and `tell` somebody of them, on a thread."""

    def write() -> None:
        file.seek(start)
        left = stop - start
        while left:
            block = file.read(min(left, BLOCK_BYTES))
            if not block:
                raise OSError("the source became shorter while it was copied")
            upload.write(block)
            tell(block)
            left -= len(block)

    await asyncio.to_thread(write)


def _attributes(
    call: Call, opened: OpenObject, given: ObjectAttributes, *, replaces: bool
) -> ObjectAttributes:
    """Return what the copy has beside its bytes: the source's, or what the request brings."""
    former = opened.entry.attributes
    tagging = (
        given.tagging
        if _replaces(call.request.headers.get(TAGGING_DIRECTIVE), TAGGING_DIRECTIVE)
        else former.tagging
    )
    if replaces:
        return ObjectAttributes(given.content_type, given.metadata, tagging)
    described = described_by(opened.entry)
    kept = {name: value for name, value in former.headers().items() if not name.startswith(CHANGING)}
    brought = {
        name: value for name, value in call.request.headers.items() if name.lower().startswith(CHANGING)
    }
    merged = attributes_of({"content-type": described["content-type"], **kept, **brought}, call.operation)
    checksum = Checksum.from_json(former.checksum)
    whole = former.checksum if checksum is not None and checksum.type == FULL_OBJECT else None
    return replace(merged, tagging=tagging, checksum=whole)


def _checksum(call: Call, opened: OpenObject) -> UploadChecksum:
    """Return what calculates the copy's checksum: as the request says, else as the source has one."""
    asked = call.request.headers.get("x-amz-checksum-algorithm")
    former = Checksum.from_json(opened.entry.attributes.checksum)
    if asked is not None:
        return UploadChecksum({}, algorithm_of(asked, "x-amz-checksum-algorithm"))
    return UploadChecksum({}, former.algorithm if former is not None else None)


def _replaces(directive: str | None, name: str) -> bool:
    if directive not in (None, "COPY", "REPLACE"):
        kind = "metadata" if name == METADATA_DIRECTIVE else "tagging"
        raise invalid_argument(f"Unknown {kind} directive.", name, directive)
    return directive == "REPLACE"


OPERATIONS: dict[str, Operation] = {"CopyObject": copy_object}
