"""What an S3 request is about, and what the S3 API calls it.

Source: botocore's service model s3 2006-03-01.
"""

import re
from collections.abc import Container, Mapping
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from engine.value import dataclass
from headrace.aws.rest_xml import S3Error

# The names of requests by their sub-resource, behind a verb: `GetBucketAcl`.
BUCKET_SUBRESOURCES = {
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
OBJECT_SUBRESOURCES = {
    "acl": "ObjectAcl",
    "annotation": "ObjectAnnotation",
    "attributes": "ObjectAttributes",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
    "torrent": "ObjectTorrent",
}
# Deleting these is called by a shorter name than putting them.
_DELETED_AS = {"DeleteBucketLifecycleConfiguration": "DeleteBucketLifecycle"}
_VERBS = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete", "POST": "Post"}
_PARAMETERS = frozenset(
    {
        "bucket-region",
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "id",
        "key-marker",
        "list-type",
        "marker",
        "max-buckets",
        "max-keys",
        "max-parts",
        "max-uploads",
        "part-number-marker",
        "partNumber",
        "prefix",
        "start-after",
        "upload-id-marker",
        "version-id-marker",
        "versionId",
        "x-id",
        # The older form of presigned URLs.
        "AWSAccessKeyId",
        "Expires",
        "Signature",
    }
)


ADDRESS = re.compile(r"[0-9.]+(:[0-9]+)?$")  # an IPv4 address, with or without a port


@dataclass(frozen=True, slots=True)
class Address:
    """What a request is about; empty texts for none. `query` has the last value of each parameter."""

    bucket: str
    key: str
    query: Mapping[str, str]


def parse_address(raw_path: str, host: str, buckets: Container[str]) -> Address:
    """Tell bucket, key and query of a request line; raises S3Error for bytes that are no UTF-8."""
    path, _, query_text = raw_path.partition("?")
    if "://" in path:  # an absolute request target, as proxies are sent
        path = "/" + path.partition("://")[2].partition("/")[2]
    try:
        raw_path.encode()  # bytes that are no UTF-8 have been read as surrogates
        text = unquote_to_bytes(path).decode().removeprefix("/")
        query = dict(parse_qsl(query_text, keep_blank_values=True, errors="strict"))
    except UnicodeError:
        raise S3Error("InvalidURI", "Couldn't parse the specified URI.", 400) from None
    bucket, _, key = text.partition("/")
    hosted = _bucket_of_host(host, buckets, in_path=bucket)
    return Address(bucket, key, query) if hosted is None else Address(hosted, text, query)


def _bucket_of_host(host: str, buckets: Container[str], in_path: str) -> str | None:
    """Return the bucket that a host such as `inbox.localhost:4566` or `inbox.s3.localhost` names.

    Below `localhost` the first part may also be a name somebody gave this machine: it is one when the path
    begins with a bucket.
    """
    if "." not in host or ADDRESS.match(host):
        return None
    name = (urlsplit(f"//{host}").hostname or "").lower()
    labels = name.split(".")
    for count in range(len(labels) - 1, 0, -1):
        if (candidate := ".".join(labels[:count])) in buckets:
            return candidate
    if labels[-1] != "localhost" or labels[0].startswith("s3") or in_path in buckets:
        return None
    rest = labels[:-1]
    for index, label in enumerate(rest):
        if label == "s3" or label.startswith("s3-"):
            return ".".join(rest[:index])
    return ".".join(rest) or None


def operation_name(method: str, address: Address, headers: Mapping[str, str]) -> str:
    """Return what the S3 API calls this request; for what it does not have, a description."""
    if not address.bucket:
        return "ListBuckets" if method == "GET" else f"{method} /"
    special = _of_key(method, address, headers) if address.key else _of_bucket(method, address)
    if special is not None:
        return special
    names = OBJECT_SUBRESOURCES if address.key else BUCKET_SUBRESOURCES
    unknown = [name for name in address.query if not _is_parameter(name)]
    for name in unknown:
        if name in names:
            called = f"{_VERBS.get(method, method)}{names[name]}"
            return _DELETED_AS.get(called, called)
    if unknown:
        return f"{method} with {', '.join(unknown)}"
    if address.key:
        if method == "POST":
            return "POST to an object"
        return f"{_VERBS.get(method, method)}Object"
    if method == "GET":
        return "ListObjectsV2" if address.query.get("list-type") == "2" else "ListObjects"
    return {"PUT": "CreateBucket", "POST": "PostObject"}.get(method, f"{_VERBS.get(method, method)}Bucket")


def _is_parameter(name: str) -> bool:
    return name in _PARAMETERS or name.lower().startswith(("x-amz-", "response-"))


def _of_bucket(method: str, address: Address) -> str | None:
    query = address.query
    if method == "GET" and "uploads" in query:
        return "ListMultipartUploads"
    if method == "GET" and "versions" in query:
        return "ListObjectVersions"
    if method == "GET" and "session" in query:
        return "CreateSession"
    if method == "POST" and "delete" in query:
        return "DeleteObjects"
    if method == "GET" and "id" not in query:
        for name in ("analytics", "intelligent-tiering", "inventory", "metrics"):
            if name in query:
                return f"List{BUCKET_SUBRESOURCES[name]}s"
    return None


def _of_key(method: str, address: Address, headers: Mapping[str, str]) -> str | None:
    query = address.query
    copies = "x-amz-copy-source" in headers
    if method == "POST" and "uploads" in query:
        return "CreateMultipartUpload"
    if "uploadId" in query:
        return {
            "PUT": "UploadPartCopy" if copies else "UploadPart",
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
            "GET": "ListParts",
        }.get(method)
    if "restore" in query:
        return "RestoreObject"
    if "select" in query:
        return "SelectObjectContent"
    if "renameObject" in query:
        return "RenameObject"
    return "CopyObject" if copies and method == "PUT" else None
