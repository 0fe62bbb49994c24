"""Operations on one object, and DeleteObjects. Source: S3 API reference."""

from dataclasses import replace
from functools import partial

from aiohttp import web

from headrace.aws.checksums import Checksum, UploadChecksum
from headrace.aws.rest_xml import Markup, S3Error, Value, malformed_xml
from headrace.aws.s3_body import read_document, receive, storing
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_conditions import (
    check_delete_condition,
    check_write_conditions,
    has_write_conditions,
    last_modified,
)
from headrace.aws.s3_download import MOST_PARTS, download, parts_of
from headrace.aws.s3_errors import invalid_argument, no_such_key, not_simulated
from headrace.aws.s3_headers import attributes_of, encryption_of, storage_class
from headrace.aws.s3_listing import count_parameter
from triggers.s3.event import OWNER_ID
from triggers.s3.keys import LONGEST_KEY_BYTES
from triggers.s3.objects import ObjectEntry

MOST_DELETED = 1000
ATTRIBUTES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


async def get_object(call: Call) -> web.StreamResponse:
    """GetObject and HeadObject."""
    check_version(call)
    opened = await call.bucket.open(call.key)
    if opened is None:
        raise no_such_key(call.key)
    with opened.file:
        return await download(call.request, opened, call.query, call.headers)


async def put_object(call: Call) -> web.StreamResponse:
    """PutObject."""
    bucket, headers = call.bucket, call.request.headers
    attributes = attributes_of(headers, call.operation)
    checksum = UploadChecksum(headers)
    with storing(call.key):
        upload = bucket.begin_upload(call.key)
        try:
            verified = await receive(call.request, upload, checksum)
            if verified is not None:
                attributes = replace(attributes, checksum=verified.to_json())
            entry = await bucket.put(
                call.key,
                upload,
                attributes=attributes,
                lineage=call.lineage,
                check=partial(check_write_conditions, call.key, headers)
                if has_write_conditions(headers)
                else None,
            )
        finally:
            upload.discard()
    return call.empty(headers=stored_headers(entry))


def stored_headers(entry: ObjectEntry) -> dict[str, str]:
    """Return what is answered of an object that has just been stored."""
    checksum = Checksum.from_json(entry.attributes.checksum)
    return {
        "ETag": f'"{entry.etag}"',
        **(checksum.headers() if checksum is not None else {}),
        **encryption_of(entry.attributes.headers()),
    }


async def delete_object(call: Call) -> web.StreamResponse:
    """DeleteObject."""
    check_version(call)
    for name in ("x-amz-if-match-last-modified-time", "x-amz-if-match-size"):
        if name in call.request.headers:
            raise not_simulated(f"{name} with {call.operation}", Header=name)
    if_match = call.request.headers.get("If-Match")
    check = None if if_match is None else partial(check_delete_condition, if_match)
    await call.bucket.delete(call.key, lineage=call.lineage, check=check)
    return call.empty(204)


async def delete_objects(call: Call) -> web.StreamResponse:
    """DeleteObjects: what can be deleted is, in one transaction; the others get their errors."""
    bucket = call.bucket
    document = await read_document(call.request, "Delete", checked=True)
    wanted = list(document.children("Object"))
    if not 1 <= len(wanted) <= MOST_DELETED:
        raise malformed_xml()
    quiet = (document.text("Quiet") or "").strip() == "true"
    keys: list[str] = []
    errors: list[dict[str, str]] = []
    for each in wanted:
        key = each.text("Key")
        if key is None:
            raise malformed_xml()
        version = each.text("VersionId")
        problem = _problem_of_deletion(key, version)
        if problem is None and (etag := each.text("ETag")) is not None:
            try:
                check_delete_condition(etag, await bucket.find(key))
            except S3Error as error:
                problem = error
        if problem is None:
            keys.append(key)
        else:
            errors.append({"Key": key, "Code": problem.code, "Message": str(problem)})
    if keys:
        await bucket.delete(*keys, lineage=call.lineage)
    deleted: list[Value] = [] if quiet else [{"Key": key} for key in keys]
    return call.xml("DeleteResult", {"Deleted": deleted, "Error": errors})


def _problem_of_deletion(key: str, version: str | None) -> S3Error | None:
    if not key:
        return S3Error(
            "UserKeyMustBeSpecified", "The bucket POST must contain the specified field name.", 400
        )
    if len(key.encode(errors="replace")) > LONGEST_KEY_BYTES:
        return S3Error("KeyTooLongError", "Your key is too long", 400)
    if version not in (None, "", "null"):
        return S3Error("NoSuchVersion", "The specified version does not exist.", 404)
    return None


async def get_object_attributes(call: Call) -> web.StreamResponse:
    """GetObjectAttributes."""
    check_version(call)
    given = call.request.headers.getall("x-amz-object-attributes", [])
    wanted = [each.strip() for header in given for each in header.split(",") if each.strip()]
    if not wanted or any(each not in ATTRIBUTES for each in wanted):
        raise invalid_argument(
            "Invalid attribute name specified.", "x-amz-object-attributes", ",".join(given)
        )
    entry = await call.bucket.find(call.key)
    if entry is None:
        raise no_such_key(call.key)
    checksum = Checksum.from_json(entry.attributes.checksum)
    members: dict[str, Value] = {}
    if "ETag" in wanted:
        members["ETag"] = entry.etag
    if "Checksum" in wanted and checksum is not None:
        members["Checksum"] = checksum.members() | {
            f"Checksum{checksum.algorithm}": checksum.value.split("-")[0]
        }
    if "ObjectParts" in wanted and entry.attributes.parts is not None:
        members["ObjectParts"] = _parts(call, entry, checksum)
    if "StorageClass" in wanted:
        members["StorageClass"] = storage_class(entry)
    if "ObjectSize" in wanted:
        members["ObjectSize"] = entry.size
    modified = {"Last-Modified": last_modified(entry).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    return call.xml("GetObjectAttributesResponse", members, modified)


def _parts(call: Call, entry: ObjectEntry, checksum: Checksum | None) -> Value:
    """Return the parts; each is listed only when it has a checksum, as on AWS."""
    headers = call.request.headers
    limit = count_parameter(headers.get("x-amz-max-parts"), "max-parts")
    marker = count_parameter(headers.get("x-amz-part-number-marker", "0"), "part-number-marker", MOST_PARTS)
    parts = parts_of(entry)
    page = [part for part in parts if part[0] > marker][:limit]
    listed = [
        {"PartNumber": number, "Size": size, f"Checksum{checksum.algorithm}": value}
        for number, size, value in page
        if checksum is not None and value is not None
    ]
    last = page[-1][0] if page else marker
    return {
        "PartsCount": len(parts),
        "PartNumberMarker": marker,
        "NextPartNumberMarker": last,
        "MaxParts": limit,
        "IsTruncated": any(number > last for number, _, _ in parts),
        "Part": listed,
    }


async def get_object_acl(call: Call) -> web.StreamResponse:
    """GetObjectAcl: the owner may do everything, and nobody else anything."""
    await check_object(call)
    return call.xml("AccessControlPolicy", owner_only())


async def check_object(call: Call) -> None:
    """Raise S3Error unless there is such an object."""
    check_version(call)
    if await call.bucket.find(call.key) is None:
        raise no_such_key(call.key)


def owner_only() -> Value:
    """Return the access control policy of what belongs to its owner alone."""
    grantee = (
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        f"<ID>{OWNER_ID}</ID></Grantee><Permission>FULL_CONTROL</Permission>"
    )
    return {"Owner": {"ID": OWNER_ID}, "AccessControlList": {"Grant": Markup(grantee)}}


def check_version(call: Call) -> None:
    """Raise S3Error for a version of an object: no bucket here is versioned."""
    version = call.query.get("versionId")
    if version not in (None, "null"):
        raise S3Error(
            "NoSuchVersion",
            "The specified version does not exist.",
            404,
            Key=call.key,
            VersionId=str(version),
        )


OPERATIONS: dict[str, Operation] = {
    "GetObject": get_object,
    "HeadObject": get_object,
    "PutObject": put_object,
    "DeleteObject": delete_object,
    "DeleteObjects": delete_objects,
    "GetObjectAttributes": get_object_attributes,
    "GetObjectAcl": get_object_acl,
}
