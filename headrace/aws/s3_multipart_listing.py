"""ListParts and ListMultipartUploads. Source: S3 API reference."""

from typing import Any

from aiohttp import web

from engine.clock import from_millis, iso_millis
from headrace.aws.checksums import Checksum
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_errors import invalid_argument
from headrace.aws.s3_headers import STANDARD, STORAGE_CLASS
from headrace.aws.s3_listing import count_parameter, encoding_type, url_encoded
from headrace.aws.s3_multipart import find_upload
from triggers.s3.event import OWNER_ID
from triggers.s3.multipart_table import MultipartUpload

OWNER = {"ID": OWNER_ID}


async def list_parts(call: Call) -> web.StreamResponse:
    """ListParts."""
    upload = await find_upload(call)
    limit = count_parameter(call.query.get("max-parts"), "max-parts")
    text = call.query.get("part-number-marker") or "0"
    if not text.isascii() or not text.isdigit():
        message = "Provided part-number-marker not an integer or within integer range"
        raise invalid_argument(message, "part-number-marker", text)
    marker = int(text)
    found = await call.s3.uploads.parts(upload, after=marker, limit=limit + 1)
    page = found[:limit]
    algorithm = upload.checksum_algorithm
    members: dict[str, Any] = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "Initiator": OWNER,
        "Owner": OWNER,
        "StorageClass": _storage_class(upload),
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": limit,
        "IsTruncated": len(found) > len(page),
        **({"ChecksumAlgorithm": algorithm, "ChecksumType": upload.checksum_type} if algorithm else {}),
        "Part": [],
    }
    for part in page:
        checksum = Checksum.from_json(part.checksum)
        members["Part"].append(
            {
                "PartNumber": part.number,
                "LastModified": iso_millis(from_millis(part.modified)),
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **({f"Checksum{checksum.algorithm}": checksum.value} if checksum is not None else {}),
            }
        )
    return call.xml("ListPartsResult", members)


async def list_multipart_uploads(call: Call) -> web.StreamResponse:
    """ListMultipartUploads."""
    query, bucket = call.query, call.bucket
    limit = count_parameter(query.get("max-uploads"), "max-uploads")
    prefix, delimiter, encoding = query.get("prefix", ""), query.get("delimiter", ""), encoding_type(query)
    encode = url_encoded if encoding else str
    key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
    page = _Page(prefix, delimiter, limit)
    # Without an id, whatever has the marker's key comes before.
    after = (key_marker, id_marker if id_marker or not key_marker else "\U0010ffff")
    if limit:
        await call.s3.uploads.list(bucket.name, prefix, after, page.take)
    last = page.last if page.is_truncated else ("", "")
    members: dict[str, Any] = {
        "Bucket": bucket.name,
        "KeyMarker": encode(key_marker),
        "UploadIdMarker": id_marker,
        "NextKeyMarker": encode(last[0]),
        "NextUploadIdMarker": last[1],
        "Prefix": encode(prefix),
        **({"Delimiter": encode(delimiter)} if delimiter else {}),
        **({"EncodingType": encoding} if encoding else {}),
        "MaxUploads": limit,
        "IsTruncated": page.is_truncated,
        "Upload": [
            {
                "Key": encode(upload.key),
                "UploadId": upload.id,
                "Initiator": OWNER,
                "Owner": OWNER,
                "StorageClass": _storage_class(upload),
                "Initiated": iso_millis(from_millis(upload.initiated)),
            }
            for upload in page.uploads
        ],
        "CommonPrefixes": [{"Prefix": encode(each)} for each in page.common_prefixes],
    }
    return call.xml("ListMultipartUploadsResult", members)


class _Page:
    """Takes uploads in order until there are `limit` of them and of common prefixes together."""

    def __init__(self, prefix: str, delimiter: str, limit: int) -> None:
        self.uploads: list[MultipartUpload] = []
        self.common_prefixes: dict[str, None] = {}
        self.last = ("", "")
        self.is_truncated = False
        self._prefix, self._delimiter, self._limit = prefix, delimiter, limit

    def take(self, upload: MultipartUpload) -> bool:
        """Take an upload; return False when the page was full before."""
        key = upload.key
        cut = key.find(self._delimiter, len(self._prefix)) if self._delimiter else -1
        rolled = key[: cut + len(self._delimiter)] if cut >= 0 else None
        if rolled not in self.common_prefixes:
            if len(self.uploads) + len(self.common_prefixes) == self._limit:
                self.is_truncated = True
                return False
            if rolled is None:
                self.uploads.append(upload)
            else:
                self.common_prefixes[rolled] = None
        self.last = (key, upload.id)
        return True


def _storage_class(upload: MultipartUpload) -> str:
    return upload.attributes.headers().get(STORAGE_CLASS, STANDARD)


OPERATIONS: dict[str, Operation] = {
    "ListParts": list_parts,
    "ListMultipartUploads": list_multipart_uploads,
}
