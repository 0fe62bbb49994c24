"""What a bucket may be configured with: kept and given back, fixed, or not simulated.

What concerns who may do what is kept without being judged: all requests are the owner's. What would make a
bucket behave differently is refused. Source: S3 API reference, the operations named in the tables.
"""

from collections.abc import Callable, Mapping
from functools import partial

import orjson
from aiohttp import web

from engine.value import dataclass
from headrace.aws.rest_xml import Markup, Node, S3Error, Value, parse
from headrace.aws.s3_body import read_text
from headrace.aws.s3_call import XML, Call, Operation
from headrace.aws.s3_errors import not_simulated
from headrace.aws.s3_headers import acls_not_supported
from headrace.aws.s3_objects import check_object, owner_only
from triggers.s3 import documents

SSE_S3 = Markup(
    "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
)
BLOCKED = Markup(
    "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
    "<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>"
)
OWNED = Markup("<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>")


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that is kept and given back.

    `root` is its root element, `default` the inside of what S3 has by itself. Once deleted, `gone` is the
    error, None where deleting brings the default back. `check` refuses what would have to do something.
    """

    name: str
    root: str
    default: Markup
    gone: tuple[str, str] | None = None
    check: Callable[[Node], None] = lambda _: None


def _check_ownership(controls: Node) -> None:
    for rule in controls.children("Rule"):
        if (ownership := rule.text("ObjectOwnership")) != "BucketOwnerEnforced":
            raise not_simulated(f"ObjectOwnership {ownership}")


KEPT = {
    "BucketEncryption": Kept("encryption", "ServerSideEncryptionConfiguration", SSE_S3),
    "PublicAccessBlock": Kept(
        "publicAccessBlock",
        "PublicAccessBlockConfiguration",
        BLOCKED,
        (
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
    ),
    "BucketOwnershipControls": Kept(
        "ownershipControls",
        "OwnershipControls",
        OWNED,
        ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        _check_ownership,
    ),
}
# What a bucket without it answers to Get: a root element and its inside.
FIXED: Mapping[str, tuple[str, Value]] = {
    "GetBucketAccelerateConfiguration": ("AccelerateConfiguration", {}),
    "GetBucketLogging": ("BucketLoggingStatus", {}),
    "GetBucketRequestPayment": ("RequestPaymentConfiguration", {"Payer": "BucketOwner"}),
    "GetBucketVersioning": ("VersioningConfiguration", {}),
    "ListBucketAnalyticsConfigurations": ("ListBucketAnalyticsConfigurationsResult", {"IsTruncated": False}),
    "ListBucketIntelligentTieringConfigurations": (
        "ListBucketIntelligentTieringConfigurationsOutput",
        {"IsTruncated": False},
    ),
    "ListBucketInventoryConfigurations": ("ListInventoryConfigurationsResult", {"IsTruncated": False}),
    "ListBucketMetricsConfigurations": ("ListMetricsConfigurationsResult", {"IsTruncated": False}),
}
# Or an error, always 404.
MISSING = {
    "GetBucketCors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "GetBucketLifecycleConfiguration": (
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    ),
    "GetBucketReplication": (
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "GetBucketWebsite": (
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    "GetObjectLockConfiguration": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "GetBucketAnalyticsConfiguration": ("NoSuchConfiguration", "The specified configuration does not exist."),
    "GetBucketIntelligentTieringConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "GetBucketInventoryConfiguration": ("NoSuchConfiguration", "The specified configuration does not exist."),
    "GetBucketMetricsConfiguration": ("NoSuchConfiguration", "The specified configuration does not exist."),
}
# Deleting what is not there is no error.
DELETABLE = ("DeleteBucketCors", "DeleteBucketLifecycle", "DeleteBucketReplication", "DeleteBucketWebsite")
# What may be put because it says what is so anyway: the root element, a member of it, and its value.
UNCHANGED: Mapping[str, tuple[str, str, str | None]] = {
    "PutBucketAccelerateConfiguration": ("AccelerateConfiguration", "Status", "Suspended"),
    "PutBucketLogging": ("BucketLoggingStatus", "LoggingEnabled", None),
    "PutBucketRequestPayment": ("RequestPaymentConfiguration", "Payer", "BucketOwner"),
}
POLICY = "policy"


async def _get_kept(kept: Kept, call: Call) -> web.StreamResponse:
    content = await _read(call, kept.name)
    if content:
        return web.Response(body=content.encode(), headers=call.headers, content_type=XML)
    if content is not None and kept.gone is not None:
        raise S3Error(*kept.gone, 404, BucketName=call.bucket.name)
    return call.xml(kept.root, kept.default)


async def _put_kept(kept: Kept, call: Call) -> web.StreamResponse:
    body = await read_text(call.request)
    kept.check(parse(body, kept.root))
    await _write(call, kept.name, body.decode(errors="replace"))
    return call.empty()


async def _delete_kept(kept: Kept, call: Call) -> web.StreamResponse:
    await _write(call, kept.name, "")
    return call.empty(204)


async def _read(call: Call, name: str) -> str | None:
    bucket = call.bucket.name
    return await call.s3.buckets.store.read(partial(documents.get, bucket=bucket, name=name))


async def _write(call: Call, name: str, content: str) -> None:
    bucket = call.bucket.name
    await call.s3.buckets.store.write(partial(documents.put, bucket=bucket, name=name, content=content))


async def _get_fixed(call: Call) -> web.StreamResponse:
    call.check_bucket()
    return call.xml(*FIXED[call.operation])


async def _get_missing(call: Call) -> web.StreamResponse:
    raise S3Error(*MISSING[call.operation], 404, BucketName=call.bucket.name)


async def _delete_missing(call: Call) -> web.StreamResponse:
    call.check_bucket()
    return call.empty(204)


async def _put_unchanged(call: Call) -> web.StreamResponse:
    call.check_bucket()
    root, member, value = UNCHANGED[call.operation]
    given = parse(await read_text(call.request), root).text(member)
    if given != value:
        raise not_simulated(call.operation)
    return call.empty()


async def _get_acl(call: Call) -> web.StreamResponse:
    call.check_bucket()
    return call.xml("AccessControlPolicy", owner_only())


async def _put_acl(call: Call) -> web.StreamResponse:
    """PutBucketAcl and PutObjectAcl: nothing but what is so anyway is accepted."""
    call.check_bucket()
    headers = call.request.headers
    if headers.get("x-amz-acl") not in ("private", "bucket-owner-full-control"):
        raise acls_not_supported()
    return call.empty()


async def _put_object_acl(call: Call) -> web.StreamResponse:
    await check_object(call)
    return await _put_acl(call)


async def _get_policy(call: Call) -> web.StreamResponse:
    policy = await _read(call, POLICY)
    if not policy:
        raise S3Error(
            "NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=call.bucket.name
        )
    return web.Response(body=policy.encode(), headers=call.headers, content_type="application/json")


async def _put_policy(call: Call) -> web.StreamResponse:
    body = await read_text(call.request)
    try:
        is_object = isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        is_object = False
    if not is_object:
        raise S3Error("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'", 400)
    await _write(call, POLICY, body.decode())
    return call.empty(204)


async def _delete_policy(call: Call) -> web.StreamResponse:
    await _write(call, POLICY, "")
    return call.empty(204)


OPERATIONS: dict[str, Operation] = {
    **dict.fromkeys(FIXED, _get_fixed),
    **dict.fromkeys(MISSING, _get_missing),
    **dict.fromkeys(DELETABLE, _delete_missing),
    **dict.fromkeys(UNCHANGED, _put_unchanged),
    **{f"Get{what}": partial(_get_kept, kept) for what, kept in KEPT.items()},
    **{f"Put{what}": partial(_put_kept, kept) for what, kept in KEPT.items()},
    **{f"Delete{what}": partial(_delete_kept, kept) for what, kept in KEPT.items()},
    "GetBucketAcl": _get_acl,
    "PutBucketAcl": _put_acl,
    "PutObjectAcl": _put_object_acl,
    "GetBucketPolicy": _get_policy,
    "PutBucketPolicy": _put_policy,
    "DeleteBucketPolicy": _delete_policy,
}
