"""ListObjectsV2. Source: S3 API reference, "ListObjectsV2"."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from engine.clock import from_millis, iso_millis
from headrace.aws.rest_xml import S3Error, document
from triggers.s3.bucket import Bucket
from triggers.s3.event import OWNER_ID
from triggers.s3.objects import ObjectPage

MOST_KEYS = 1000


async def list_objects_v2(bucket: Bucket, query: Mapping[str, str]) -> bytes:
    """Return the XML answer. Raises S3Error for a parameter that S3 refuses."""
    limit = _max_keys(query.get("max-keys"))
    token = query.get("continuation-token")
    start_after = query.get("start-after", "") if token is None else _read_token(token)
    encoding = query.get("encoding-type")
    if encoding not in (None, "url"):
        raise S3Error(
            "InvalidArgument",
            "Invalid Encoding Method specified in Request",
            400,
            ArgumentName="encoding-type",
            ArgumentValue=str(encoding),
        )
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    page = ObjectPage((), (), None)
    if limit:
        page = await bucket.list(prefix=prefix, delimiter=delimiter, start_after=start_after, limit=limit)
    encode: Callable[[str], str] = (lambda text: quote(text, safe="/*")) if encoding else str
    answer: dict[str, Any] = {"Name": bucket.name, "Prefix": encode(prefix)}
    if delimiter:
        answer["Delimiter"] = encode(delimiter)
    if encoding:
        answer["EncodingType"] = encoding
    if token is not None:
        answer["ContinuationToken"] = token
    elif start_after:
        answer["StartAfter"] = encode(start_after)
    answer["MaxKeys"] = limit
    answer["KeyCount"] = len(page.entries) + len(page.common_prefixes)
    answer["IsTruncated"] = page.next_start is not None
    if page.next_start is not None:
        answer["NextContinuationToken"] = urlsafe_b64encode(page.next_start.encode()).decode()
    owner = {"Owner": {"ID": OWNER_ID}} if query.get("fetch-owner") == "true" else {}
    answer["Contents"] = [
        {
            "Key": encode(entry.key),
            "LastModified": iso_millis(from_millis(entry.modified)),
            "ETag": f'"{entry.etag}"',
            "Size": entry.size,
            **owner,
            "StorageClass": "STANDARD",
        }
        for entry in page.entries
    ]
    answer["CommonPrefixes"] = [{"Prefix": encode(each)} for each in page.common_prefixes]
    return document("ListBucketResult", answer)


def _max_keys(text: str | None) -> int:
    if text is None:
        return MOST_KEYS
    if not text.isascii() or not text.isdigit() or int(text) > 2**31 - 1:
        raise S3Error(
            "InvalidArgument",
            "Provided max-keys not an integer or within integer range",
            400,
            ArgumentName="max-keys",
            ArgumentValue=text,
        )
    return min(int(text), MOST_KEYS)


def _read_token(token: str) -> str:
    try:
        return b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise S3Error(
            "InvalidArgument",
            "The continuation token provided is incorrect",
            400,
            ArgumentName="continuation-token",
        ) from None
