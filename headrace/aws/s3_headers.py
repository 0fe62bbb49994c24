"""The headers that belong to an object: taken with an upload, answered with the object.

Source: S3 API reference, "PutObject" and "GetObject".
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

import orjson

from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_errors import invalid_argument, not_simulated
from headrace.aws.s3_tags import check_object_tags
from triggers.s3.objects import ObjectAttributes, ObjectEntry

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
MOST_METADATA_BYTES = 2048
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
META_PREFIX = "x-amz-meta-"
ENCRYPTION = "x-amz-server-side-encryption"
STORAGE_CLASS = "x-amz-storage-class"
STANDARD = "STANDARD"
# Classes that hand objects out at once; what was archived would have to be restored first.
STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
)

_KEPT = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-language",
        "expires",
        "x-amz-website-redirect-location",
        f"{ENCRYPTION}-aws-kms-key-id",
        f"{ENCRYPTION}-bucket-key-enabled",
        f"{ENCRYPTION}-context",
    }
)
_TRANSFER = frozenset(
    {
        "x-amz-acl",
        "x-amz-algorithm",
        "x-amz-content-sha256",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-decoded-content-length",
        "x-amz-expected-bucket-owner",
        "x-amz-metadata-directive",
        "x-amz-mp-object-size",
        "x-amz-request-payer",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-source-expected-bucket-owner",
        "x-amz-tagging",
        "x-amz-tagging-directive",
        "x-amz-te",
        "x-amz-trailer",
        "x-amz-user-agent",
        ENCRYPTION,
        STORAGE_CLASS,
    }
)


def attributes_of(headers: Mapping[str, str], operation: str) -> ObjectAttributes:
    """Return what belongs to an object that comes with these headers. Raises S3Error for what is refused."""
    given = {name.lower(): header_value(name, value) for name, value in headers.items()}
    check_headers(given, operation)
    kept = {name: value for name, value in given.items() if name in _KEPT or name.startswith(META_PREFIX)}
    _check_size(kept)
    encodings = [each.strip() for each in given.get("content-encoding", "").split(",")]
    if encoding := ",".join(each for each in encodings if each and each != "aws-chunked"):
        kept["content-encoding"] = encoding
    if given.get(STORAGE_CLASS, STANDARD) != STANDARD:
        kept[STORAGE_CLASS] = given[STORAGE_CLASS]
    if given.get(ENCRYPTION, "AES256") != "AES256":
        kept[ENCRYPTION] = given[ENCRYPTION]
    tags = header_tags(given.get("x-amz-tagging"))
    return ObjectAttributes(
        given.get("content-type") or DEFAULT_CONTENT_TYPE,
        orjson.dumps(kept).decode() if kept else None,
        orjson.dumps(tags).decode() if tags else None,
    )


def check_headers(given: Mapping[str, str], operation: str) -> None:
    """Raise S3Error for a header, by its name in lower case, that asks for what no object here has."""
    for name, value in given.items():
        if not name.startswith("x-amz-"):
            continue
        if name.startswith("x-amz-grant-") or (
            name == "x-amz-acl" and value not in ("private", "bucket-owner-full-control")
        ):
            raise acls_not_supported()
        known = name in _KEPT or name in _TRANSFER or name.startswith((META_PREFIX, "x-amz-checksum-"))
        if not known and not name.startswith("x-amz-copy-source"):
            raise not_simulated(f"{name}: {value} with {operation}", Header=name)
    storage_class = given.get(STORAGE_CLASS, STANDARD)
    if storage_class in ("GLACIER", "DEEP_ARCHIVE", "EXPRESS_ONEZONE", "OUTPOSTS", "SNOW"):
        raise not_simulated(f"{STORAGE_CLASS}: {storage_class} with {operation}", Header=STORAGE_CLASS)
    if storage_class not in STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", "The storage class you specified is not valid", 400)
    if given.get(ENCRYPTION, "AES256") not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise invalid_argument(
            "The encryption method specified is not supported", ENCRYPTION, given[ENCRYPTION]
        )


def header_value(name: str, value: str) -> str:
    """Return a value that can be sent in a header. Raises S3Error: forms and queries may hold any text.

    Bytes that are no UTF-8, which have been read as surrogates, are read as ISO-8859-1.
    """
    if not value.isascii():
        value = _readable(value)
    if _CONTROL.search(name + value):
        raise invalid_argument("Header value cannot be represented using ISO-8859-1.", name, value)
    return value


def _readable(value: str) -> str:
    sent = value.encode(errors="surrogateescape")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")


def _check_size(kept: Mapping[str, str]) -> None:
    size = sum(
        len(name.removeprefix(META_PREFIX).encode()) + len(value.encode())
        for name, value in kept.items()
        if name.startswith(META_PREFIX)
    )
    if size > MOST_METADATA_BYTES:
        raise S3Error(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            400,
            Size=str(size),
            MaxSizeAllowed=str(MOST_METADATA_BYTES),
        )


def header_tags(header: str | None) -> dict[str, str]:
    """Return the tags of an `x-amz-tagging` header, which is written as a query. Raises S3Error."""
    if not header:
        return {}
    try:
        pairs = parse_qsl(header, keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
            "without tag name duplicates.",
            "x-amz-tagging",
            header,
        ) from None
    if len({key for key, _ in pairs}) < len(pairs):
        raise invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
            "without tag name duplicates.",
            "x-amz-tagging",
            header,
        )
    check_object_tags(pairs)
    return dict(pairs)


def encryption_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that say how an object with these kept headers is encrypted."""
    said = {name: value for name, value in headers.items() if name.startswith(ENCRYPTION)}
    return {ENCRYPTION: "AES256"} | said


def storage_class(entry: ObjectEntry) -> str:
    """Return an object's storage class."""
    return entry.attributes.headers().get(STORAGE_CLASS, STANDARD)


def acls_not_supported() -> S3Error:
    """Return what a bucket answers whose objects all belong to its owner, as those of new buckets do."""
    return S3Error("AccessControlListNotSupported", "The bucket does not allow ACLs", 400)
