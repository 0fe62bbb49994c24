"""PostObject: an upload by a form of a web page, as with a presigned POST.

Source: S3 API reference, "POST Object". The conditions of its policy are checked; its signature only where
signatures are required, and its expiry is not.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import orjson
from aiohttp import BodyPartReader, MultipartReader, web

from headrace.aws.buffered_request import BufferedRequest
from headrace.aws.checksums import UploadChecksum
from headrace.aws.rest_xml import S3Error, parse
from headrace.aws.s3_body import BLOCK_BYTES, MOST_OBJECT_BYTES, storing, too_large
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_errors import invalid_argument
from headrace.aws.s3_headers import attributes_of, header_value
from headrace.aws.s3_objects import stored_headers
from headrace.aws.s3_post_policy import check_fields, size_limits
from headrace.aws.s3_tags import check_object_tags, tags_in
from triggers.s3.keys import LONGEST_KEY_BYTES
from triggers.s3.objects import ObjectEntry
from triggers.s3.upload import Upload

MOST_FORM_BYTES = 20_000  # all fields together, without the file
_OF_THE_FORM = (
    "key",
    "policy",
    "tagging",
    "acl",
    "file",
    "success_action_redirect",
    "redirect",
    "success_action_status",
    "awsaccesskeyid",
    "signature",
)


async def post_object(call: Call) -> web.StreamResponse:
    """PostObject."""
    bucket, request = call.bucket, call.request
    if request.content_type != "multipart/form-data":
        raise S3Error(
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
            412,
            Condition="Bucket POST must be of the enclosure-type multipart/form-data",
        )
    fields: dict[str, str] = {}
    try:
        file = await _read_fields(MultipartReader(request.headers, request.content), fields)
        if file is None:
            raise invalid_argument("POST requires exactly one file upload per request.", "file", "0")
        key = _key(fields, file.filename or "")
        if isinstance(request, BufferedRequest) and request.form_check is not None:
            request.form_check(fields)
        check_fields(fields, {"bucket": bucket.name, "key": key})
        headers = {name: value for name, value in fields.items() if name not in _OF_THE_FORM}
        attributes = attributes_of(headers, call.operation)
        if "tagging" in fields:
            tags = tags_in(parse(fields["tagging"].encode(), "Tagging"))
            check_object_tags(tags)
            attributes = replace(attributes, tagging=orjson.dumps(dict(tags)).decode() if tags else None)
        with storing(key):
            upload = bucket.begin_upload(key)
            try:
                checksum = UploadChecksum(headers)
                await _receive(file, upload, checksum, fields)
                verified = checksum.verify({})
                entry = await bucket.put(
                    key,
                    upload,
                    event="ObjectCreated:Post",
                    attributes=replace(attributes, checksum=verified.to_json() if verified else None),
                    lineage=call.lineage,
                )
            finally:
                upload.discard()
    except ValueError:
        raise S3Error(
            "MalformedPOSTRequest",
            "The body of your POST request is not well-formed multipart/form-data.",
            400,
        ) from None
    return _answer(call, fields, entry)


async def _read_fields(reader: MultipartReader, fields: dict[str, str]) -> BodyPartReader | None:
    """Read what comes before the file, and return the file. Raises S3Error."""
    size = 0
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form has no forms in it")
        name = (part.name or "").lower()
        if name == "file":
            return part
        value = bytes(await part.read(decode=False))
        size += len(value)
        if size > MOST_FORM_BYTES:
            raise S3Error(
                "MaxPostPreDataLengthExceeded",
                "Your POST request fields preceding the upload file were too large.",
                400,
            )
        fields[name] = value.decode(errors="replace")
    return None


def _key(fields: Mapping[str, str], filename: str) -> str:
    if not fields.get("key"):
        raise invalid_argument(
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of "
            "the fields.",
            "key",
            "",
        )
    key = fields["key"].replace("${filename}", filename.replace("\\", "/").rpartition("/")[2])
    if len(key.encode()) > LONGEST_KEY_BYTES:
        raise S3Error("KeyTooLongError", "Your key is too long", 400)
    return key


async def _receive(
    file: BodyPartReader, upload: Upload, checksum: UploadChecksum, fields: Mapping[str, str]
) -> None:
    least, most = size_limits(fields)

    def store(block: bytes) -> None:
        upload.write(block)
        checksum.update(block)

    while block := bytes(await file.read_chunk(BLOCK_BYTES)):
        if upload.size + len(block) > min(most, MOST_OBJECT_BYTES):
            raise too_large(upload.size + len(block))
        await asyncio.to_thread(store, block)
    if upload.size < least:
        raise S3Error(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
            400,
            ProposedSize=str(upload.size),
            MinSizeAllowed=str(least),
        )


def _answer(call: Call, fields: Mapping[str, str], entry: ObjectEntry) -> web.Response:
    bucket = call.address.bucket
    location = call.url_of(entry.key)
    headers = {**stored_headers(entry), "Location": location}
    redirect = header_value("redirect", fields.get("success_action_redirect") or fields.get("redirect") or "")
    if redirect:
        said = urlencode({"bucket": bucket, "key": entry.key, "etag": f'"{entry.etag}"'})
        joined = f"{redirect}{'&' if '?' in redirect else '?'}{said}"
        return call.empty(303, {**headers, "Location": joined})
    status = fields.get("success_action_status")
    if status == "201":
        members = {"Location": location, "Bucket": bucket, "Key": entry.key, "ETag": f'"{entry.etag}"'}
        answer = call.xml("PostResponse", members, headers)
        answer.set_status(201)
        return answer
    return call.empty(200 if status == "200" else 204, headers)


OPERATIONS: dict[str, Operation] = {"PostObject": post_object}
