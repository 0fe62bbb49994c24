"""The S3 endpoint: the objects of watched folders over HTTP.

Path style (`/bucket/key`) and virtual-host style (`bucket.host/key`). Source: botocore's service model
s3 2006-03-01, and the S3 API reference for errors and headers.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from secrets import token_hex
from urllib.parse import parse_qsl, unquote_to_bytes

from aiohttp import web

from engine.arn import Account
from engine.clock import Clock, iso_millis
from engine.errors import StoreError
from engine.value import dataclass
from headrace.aws.rest_xml import S3Error, document
from headrace.aws.s3_download import download
from headrace.aws.s3_listing import list_objects_v2
from headrace.aws.s3_upload import receive
from triggers.s3.bucket import Bucket
from triggers.s3.event import OWNER_ID, host_id
from triggers.s3.keys import LONGEST_KEY_BYTES

REGION_HEADER = "x-amz-bucket-region"
_TRACE_ROOT = re.compile(r"(?:^|;)\s*Root=([^;\s]+)")
_LISTING_QUERY = ("list-type", "prefix", "delimiter", "max-keys", "start-after", "continuation-token")
_IMPLEMENTED_QUERY = frozenset((*_LISTING_QUERY, "encoding-type", "fetch-owner", "x-id"))

# What a request is called when it is not simulated: by method, scope and sub-resource.
_BUCKET_SUBRESOURCES = {
    "accelerate": "BucketAccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "BucketAnalyticsConfiguration",
    "cors": "BucketCors",
    "encryption": "BucketEncryption",
    "intelligent-tiering": "BucketIntelligentTieringConfiguration",
    "inventory": "BucketInventoryConfiguration",
    "lifecycle": "BucketLifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "BucketMetricsConfiguration",
    "notification": "BucketNotificationConfiguration",
    "object-lock": "ObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "PublicAccessBlock",
    "replication": "BucketReplication",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_OBJECT_SUBRESOURCES = {
    "acl": "ObjectAcl",
    "annotation": "ObjectAnnotation",
    "attributes": "ObjectAttributes",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
    "torrent": "ObjectTorrent",
}
_VERBS = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete", "POST": "Post"}


@dataclass(frozen=True, slots=True)
class Address:
    """What a request is about; empty texts for none. `query` has the last value of each parameter."""

    bucket: str
    key: str
    query: Mapping[str, str]


class S3Wire:
    """Answers S3 requests about the simulator's buckets.

    `lineage_of` returns the functions that a running invocation, known by the root of its trace id, stems
    from, oldest first and itself included; None when no such invocation runs.
    """

    def __init__(
        self,
        buckets: Mapping[str, Bucket],
        *,
        account: Account,
        clock: Clock,
        lineage_of: Callable[[str], tuple[str, ...] | None],
    ) -> None:
        self._buckets = buckets
        self._account = account
        self._clock = clock
        self._lineage_of = lineage_of

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; errors are answered as S3 does."""
        request_id = token_hex(8).upper()
        headers = {"x-amz-request-id": request_id, "x-amz-id-2": host_id(request_id), "Server": "AmazonS3"}
        try:
            return await self._answer(request, headers)
        except S3Error as error:
            headers |= error.headers
            if request.method == "HEAD" or error.status == 304:
                return web.Response(status=error.status, headers=headers)
            body = error.body(request_id, headers["x-amz-id-2"])
            return web.Response(
                body=body, status=error.status, headers=headers, content_type="application/xml"
            )

    async def _answer(self, request: web.BaseRequest, headers: dict[str, str]) -> web.StreamResponse:
        address = parse_address(request.raw_path, request.headers.get("Host", ""), self._buckets)
        operation = operation_name(request.method, address, request.headers)
        if operation == "ListBuckets":
            return self._list_buckets(headers)
        handler = self._handlers().get(operation)
        if handler is None:
            raise S3Error(
                "NotImplemented",
                f"{operation} is not simulated: a header or the query you provided implies functionality "
                "that is not implemented",
                501,
            )
        bucket = self._buckets.get(address.bucket)
        if bucket is None:
            raise S3Error(
                "NoSuchBucket", "The specified bucket does not exist", 404, BucketName=address.bucket
            )
        if len(address.key.encode()) > LONGEST_KEY_BYTES:
            raise S3Error(
                "KeyTooLongError",
                "Your key is too long",
                400,
                Size=str(len(address.key.encode())),
                MaxSizeAllowed=str(LONGEST_KEY_BYTES),
            )
        try:
            return await handler(bucket, address, request, headers)
        except StoreError as error:
            raise S3Error("InternalError", str(error), 500) from error

    def _handlers(self) -> "dict[str, Handler]":
        return {
            "HeadBucket": self._head_bucket,
            "ListObjectsV2": self._list_objects,
            "GetObject": self._get_object,
            "HeadObject": self._get_object,
            "PutObject": self._put_object,
            "DeleteObject": self._delete_object,
        }

    def _list_buckets(self, headers: dict[str, str]) -> web.Response:
        created = iso_millis(self._clock.now())
        body = document(
            "ListAllMyBucketsResult",
            {
                "Owner": {"ID": OWNER_ID},
                "Buckets": {
                    "Bucket": [{"Name": name, "CreationDate": created} for name in sorted(self._buckets)]
                },
            },
        )
        return web.Response(body=body, headers=headers, content_type="application/xml")

    async def _head_bucket(
        self, _bucket: Bucket, _address: Address, _request: web.BaseRequest, headers: dict[str, str]
    ) -> web.Response:
        return web.Response(
            headers=headers | {REGION_HEADER: self._account.region}, content_type="application/xml"
        )

    async def _list_objects(
        self, bucket: Bucket, address: Address, _request: web.BaseRequest, headers: dict[str, str]
    ) -> web.Response:
        body = await list_objects_v2(bucket, address.query)
        return web.Response(
            body=body,
            headers=headers | {REGION_HEADER: self._account.region},
            content_type="application/xml",
        )

    async def _get_object(
        self, bucket: Bucket, address: Address, request: web.BaseRequest, headers: dict[str, str]
    ) -> web.StreamResponse:
        opened = await bucket.open(address.key)
        if opened is None:
            raise S3Error("NoSuchKey", "The specified key does not exist.", 404, Key=address.key)
        with opened.file:
            return await download(request, opened, address.query, headers)

    async def _put_object(
        self, bucket: Bucket, address: Address, request: web.BaseRequest, headers: dict[str, str]
    ) -> web.Response:
        answered = await receive(bucket, address.key, request, self._lineage(request))
        return web.Response(headers=headers | answered)

    async def _delete_object(
        self, bucket: Bucket, address: Address, request: web.BaseRequest, headers: dict[str, str]
    ) -> web.Response:
        await bucket.delete(address.key, lineage=self._lineage(request))
        return web.Response(status=204, headers=headers)

    def _lineage(self, request: web.BaseRequest) -> tuple[str, ...]:
        """Return the functions that this request stems from: SDKs inside Lambda pass the trace on."""
        found = _TRACE_ROOT.search(request.headers.get("X-Amzn-Trace-Id", ""))
        return (self._lineage_of(found[1]) if found is not None else None) or ()


Handler = Callable[[Bucket, Address, web.BaseRequest, dict[str, str]], Awaitable[web.StreamResponse]]


def parse_address(raw_path: str, host: str, buckets: Mapping[str, Bucket]) -> Address:
    """Tell bucket, key and query of a request line; raises S3Error for bytes that are no UTF-8.

    Only a known bucket's name at the beginning of the host makes it virtual-host style, so that any name of
    the machine itself can be used for path style.
    """
    path, _, query_text = raw_path.partition("?")
    if "://" in path:  # an absolute request target, as proxies are sent
        path = "/" + path.partition("://")[2].partition("/")[2]
    try:
        text = unquote_to_bytes(path).decode().removeprefix("/")
    except UnicodeDecodeError:
        raise S3Error("InvalidURI", "Couldn't parse the specified URI.", 400) from None
    query = dict(parse_qsl(query_text, keep_blank_values=True))
    owners = [name for name in buckets if host.startswith(f"{name}.")]
    if owners:
        return Address(max(owners, key=len), text, query)
    bucket, _, key = text.partition("/")
    return Address(bucket, key, query)


def operation_name(method: str, address: Address, headers: Mapping[str, str]) -> str:
    """Return what the S3 API calls this request."""
    unknown = [name for name in address.query if name not in _IMPLEMENTED_QUERY]
    unknown = [name for name in unknown if not name.lower().startswith(("x-amz-", "response-"))]
    if not address.bucket:
        return "ListBuckets" if method == "GET" and not unknown else f"{method} /"
    special = _multipart_or_copy(method, address, headers)
    if special is not None:
        return special
    names = _OBJECT_SUBRESOURCES if address.key else _BUCKET_SUBRESOURCES
    for name in unknown:
        if name in names:
            return _VERBS.get(method, method) + names[name]
    if unknown:
        return f"{method} with {', '.join(unknown)}"
    if address.key:
        return {"POST": "PostObject"}.get(method, f"{_VERBS.get(method, method)}Object")
    if method == "GET":
        return "ListObjectsV2" if address.query.get("list-type") == "2" else "ListObjects"
    return {"PUT": "CreateBucket", "POST": "PostObject"}.get(method, f"{_VERBS.get(method, method)}Bucket")


def _multipart_or_copy(method: str, address: Address, headers: Mapping[str, str]) -> str | None:
    query = address.query
    if not address.key:
        return (
            "ListMultipartUploads"
            if "uploads" in query
            else "ListObjectVersions"
            if "versions" in query
            else "DeleteObjects"
            if "delete" in query and method == "POST"
            else None
        )
    copy = "x-amz-copy-source" in headers
    if "uploads" in query:
        return "CreateMultipartUpload"
    if "uploadId" in query:
        put = "UploadPartCopy" if copy else "UploadPart"
        return {
            "PUT": put,
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
            "GET": "ListParts",
        }.get(method)
    if "restore" in query:
        return "RestoreObject"
    if "select" in query:
        return "SelectObjectContent"
    return "CopyObject" if copy and method == "PUT" else None
