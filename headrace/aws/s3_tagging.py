"""Tags of objects and buckets. Source: S3 API reference, "PutObjectTagging", "PutBucketTagging"."""

from functools import partial

import orjson
from aiohttp import web

from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_body import read_document
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_errors import no_such_key
from headrace.aws.s3_objects import check_version
from headrace.aws.s3_tags import check_bucket_tags, check_object_tags, tag_set, tags_in
from triggers.s3 import documents


async def get_object_tagging(call: Call) -> web.StreamResponse:
    """GetObjectTagging."""
    check_version(call)
    entry = await call.bucket.find(call.key)
    if entry is None:
        raise no_such_key(call.key)
    return call.xml("Tagging", tag_set(entry.attributes.tags()))


async def put_object_tagging(call: Call) -> web.StreamResponse:
    """PutObjectTagging: functions hear also of tags that were there before."""
    check_version(call)
    tags = tags_in(await read_document(call.request, "Tagging"))
    check_object_tags(tags)
    tagging = orjson.dumps(dict(tags)).decode() if tags else None
    if not await call.bucket.retag(call.key, tagging, "ObjectTagging:Put", call.lineage):
        raise no_such_key(call.key)
    return call.empty()


async def delete_object_tagging(call: Call) -> web.StreamResponse:
    """DeleteObjectTagging."""
    check_version(call)
    if not await call.bucket.retag(call.key, None, "ObjectTagging:Delete", call.lineage):
        raise no_such_key(call.key)
    return call.empty(204)


async def get_bucket_tagging(call: Call) -> web.StreamResponse:
    """GetBucketTagging."""
    name = call.bucket.name
    kept = await call.s3.buckets.store.read(partial(documents.get, bucket=name, name=documents.TAGGING))
    if kept is None:
        raise S3Error("NoSuchTagSet", "The TagSet does not exist", 404, BucketName=name)
    return call.xml("Tagging", tag_set(orjson.loads(kept)))


async def put_bucket_tagging(call: Call) -> web.StreamResponse:
    """PutBucketTagging."""
    name = call.bucket.name
    tags = tags_in(await read_document(call.request, "Tagging", checked=True))
    check_bucket_tags(tags)
    content = orjson.dumps(dict(tags)).decode()
    await call.s3.buckets.store.write(
        partial(documents.put, bucket=name, name=documents.TAGGING, content=content)
    )
    return call.empty(204)


async def delete_bucket_tagging(call: Call) -> web.StreamResponse:
    """DeleteBucketTagging."""
    name = call.bucket.name
    await call.s3.buckets.store.write(partial(documents.remove, bucket=name, name=documents.TAGGING))
    return call.empty(204)


OPERATIONS: dict[str, Operation] = {
    "GetObjectTagging": get_object_tagging,
    "PutObjectTagging": put_object_tagging,
    "DeleteObjectTagging": delete_object_tagging,
    "GetBucketTagging": get_bucket_tagging,
    "PutBucketTagging": put_bucket_tagging,
    "DeleteBucketTagging": delete_bucket_tagging,
}
