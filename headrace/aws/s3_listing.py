"""ListObjects, ListObjectsV2 and ListObjectVersions. Source: S3 API reference."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import web

from engine.clock import from_millis, iso_millis
from engine.value import dataclass
from headrace.aws.checksums import Checksum
from headrace.aws.s3_call import REGION_HEADER, Call, Operation
from headrace.aws.s3_errors import invalid_argument
from headrace.aws.s3_headers import storage_class
from triggers.s3.event import OWNER_ID
from triggers.s3.objects import ObjectEntry, ObjectPage

MOST_KEYS = 1000
EMPTY = ObjectPage((), (), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parameters that all listings share. `encode` is how keys are written."""

    prefix: str
    delimiter: str
    encoding: str | None
    limit: int

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wanted":
        """Read the parameters. Raises S3Error for one that S3 refuses."""
        return cls(
            query.get("prefix", ""),
            query.get("delimiter", ""),
            encoding_type(query),
            count_parameter(query.get("max-keys"), "max-keys"),
        )

    @property
    def encode(self) -> Callable[[str], str]:
        """How a key is written."""
        return url_encoded if self.encoding else str

    def members(self) -> dict[str, Any]:
        """Return what every listing says again."""
        return {
            "Prefix": self.encode(self.prefix),
            **({"Delimiter": self.encode(self.delimiter)} if self.delimiter else {}),
            **({"EncodingType": self.encoding} if self.encoding else {}),
            "MaxKeys": self.limit,
        }


async def list_objects_v2(call: Call) -> web.StreamResponse:
    """ListObjectsV2."""
    bucket, query, wanted = call.bucket, call.query, Wanted.of(call.query)
    token = query.get("continuation-token")
    start_after = query.get("start-after", "") if token is None else _read_token(token)
    page = await _page(call, wanted, start_after)
    answer: dict[str, Any] = {"Name": bucket.name, **wanted.members()}
    if token is not None:
        answer["ContinuationToken"] = token
    if "start-after" in query:
        answer["StartAfter"] = wanted.encode(query["start-after"])
    answer["KeyCount"] = len(page.entries) + len(page.common_prefixes)
    answer["IsTruncated"] = page.next_start is not None
    if page.next_start is not None:
        answer["NextContinuationToken"] = urlsafe_b64encode(page.next_start.encode()).decode()
    owned = query.get("fetch-owner") == "true"
    return _answer(call, "ListBucketResult", answer, page, wanted, owned=owned)


async def list_objects(call: Call) -> web.StreamResponse:
    """ListObjects, the older form."""
    bucket, wanted = call.bucket, Wanted.of(call.query)
    marker = call.query.get("marker", "")
    page = await _page(call, wanted, marker)
    answer: dict[str, Any] = {"Name": bucket.name, **wanted.members(), "Marker": wanted.encode(marker)}
    answer["IsTruncated"] = page.next_start is not None
    if page.next_start is not None and wanted.delimiter:
        answer["NextMarker"] = wanted.encode(page.next_start)
    return _answer(call, "ListBucketResult", answer, page, wanted, owned=True)


async def list_object_versions(call: Call) -> web.StreamResponse:
    """ListObjectVersions: every object has one version, called `null`, as in a bucket without versioning."""
    bucket, query, wanted = call.bucket, call.query, Wanted.of(call.query)
    marker = query.get("key-marker", "")
    page = await _page(call, wanted, marker)
    answer: dict[str, Any] = {
        "Name": bucket.name,
        **wanted.members(),
        "KeyMarker": wanted.encode(marker),
        "VersionIdMarker": query.get("version-id-marker", ""),
        "IsTruncated": page.next_start is not None,
    }
    if page.next_start is not None:
        answer["NextKeyMarker"] = wanted.encode(page.next_start)
        answer["NextVersionIdMarker"] = "null"
    answer["Version"] = [
        {**_described(entry, wanted.encode, owned=True), "VersionId": "null", "IsLatest": True}
        for entry in page.entries
    ]
    answer["CommonPrefixes"] = [{"Prefix": wanted.encode(each)} for each in page.common_prefixes]
    return call.xml("ListVersionsResult", answer)


async def _page(call: Call, wanted: Wanted, start_after: str) -> ObjectPage:
    if not wanted.limit:
        return EMPTY
    return await call.bucket.list(
        prefix=wanted.prefix, delimiter=wanted.delimiter, start_after=start_after, limit=wanted.limit
    )


def _answer(
    call: Call, root: str, answer: dict[str, Any], page: ObjectPage, wanted: Wanted, *, owned: bool
) -> web.Response:
    answer["Contents"] = [_described(entry, wanted.encode, owned=owned) for entry in page.entries]
    answer["CommonPrefixes"] = [{"Prefix": wanted.encode(each)} for each in page.common_prefixes]
    return call.xml(root, answer, {REGION_HEADER: call.s3.buckets.location(call.bucket.name)})


def _described(entry: ObjectEntry, encode: Callable[[str], str], *, owned: bool) -> dict[str, Any]:
    checksum = Checksum.from_json(entry.attributes.checksum)
    return {
        "Key": encode(entry.key),
        "LastModified": iso_millis(from_millis(entry.modified)),
        "ETag": f'"{entry.etag}"',
        **(
            {"ChecksumAlgorithm": checksum.algorithm, "ChecksumType": checksum.type}
            if checksum is not None
            else {}
        ),
        "Size": entry.size,
        **({"Owner": {"ID": OWNER_ID}} if owned else {}),
        "StorageClass": storage_class(entry),
    }


def url_encoded(text: str) -> str:
    """Return a key as listings write it with `encoding-type=url`."""
    return quote(text, safe="/*")


def encoding_type(query: Mapping[str, str]) -> str | None:
    """Return how keys are written, None for as they are. Raises S3Error."""
    encoding = query.get("encoding-type")
    if encoding not in (None, "url"):
        message = "Invalid Encoding Method specified in Request"
        raise invalid_argument(message, "encoding-type", encoding)
    return encoding


def count_parameter(text: str | None, name: str, most: int = MOST_KEYS) -> int:
    """Return how many entries are wanted, at most `most`. Raises S3Error."""
    if text is None or not text.strip():
        return most
    if not text.isascii() or not text.isdigit() or int(text) > 2**31 - 1:
        raise invalid_argument(f"Provided {name} not an integer or within integer range", name, text)
    return min(int(text), most)


def _read_token(token: str) -> str:
    try:
        return b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        message = "The continuation token provided is incorrect"
        raise invalid_argument(message, "continuation-token") from None


OPERATIONS: dict[str, Operation] = {
    "ListObjects": list_objects,
    "ListObjectsV2": list_objects_v2,
    "ListObjectVersions": list_object_versions,
}
