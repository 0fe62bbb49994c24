"""Checksums of uploads: which one, whether it is right, and that of several parts."""

import base64
import hashlib
import zlib

import pytest

from headrace.aws.checksums import COMPOSITE, Checksum, UploadChecksum, composite, new_digest
from headrace.aws.rest_xml import S3Error

BODY = b"body"
CRC32 = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()
SHA256 = base64.b64encode(hashlib.sha256(BODY).digest()).decode()


def verified(
    headers: dict[str, str], trailers: dict[str, str] | None = None, algorithm: str | None = None
) -> Checksum | None:
    checksum = UploadChecksum(headers, algorithm)
    checksum.update(BODY[:2])
    checksum.update(BODY[2:])
    return checksum.verify(trailers or {})


@pytest.mark.parametrize(
    ("headers", "trailers", "algorithm", "expected"),
    [
        pytest.param({}, {}, None, None, id="none"),
        pytest.param({}, {}, "SHA256", Checksum("SHA256", SHA256), id="asked for by the upload"),
        pytest.param({"x-amz-checksum-crc32": CRC32}, {}, None, Checksum("CRC32", CRC32), id="in a header"),
        pytest.param(
            {"x-amz-trailer": "x-amz-checksum-crc32"},
            {"x-amz-checksum-crc32": CRC32},
            None,
            Checksum("CRC32", CRC32),
            id="behind the body",
        ),
        pytest.param(
            {"x-amz-checksum-xxhash64": "AAAAAAAAAAA="},
            {},
            None,
            Checksum("XXHASH64", "AAAAAAAAAAA="),
            id="taken at its word",
        ),
        pytest.param({"x-amz-checksum-type": "FULL_OBJECT"}, {}, None, None, id="only the type"),
    ],
)
def test_the_checksum_of_an_upload(
    headers: dict[str, str], trailers: dict[str, str], algorithm: str | None, expected: Checksum | None
) -> None:
    assert verified(headers, trailers, algorithm) == expected


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest", id="another body's"),
        pytest.param({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest", id="too short"),
        pytest.param({"x-amz-checksum-crc32": "?"}, "InvalidRequest", id="not base64"),
        pytest.param(
            {"x-amz-checksum-crc32": CRC32, "x-amz-checksum-sha256": SHA256}, "InvalidRequest", id="two"
        ),
        pytest.param({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest", id="announced, not sent"),
        pytest.param({"x-amz-trailer": "x-amz-checksum-crc32"}, "MalformedTrailerError", id="no trailer"),
    ],
)
def test_checksums_that_are_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(S3Error) as caught:
        verified(headers)
    assert caught.value.code == code


def test_a_composite_checksum_is_one_of_checksums() -> None:
    digest = hashlib.sha256(base64.b64decode(SHA256) * 2).digest()
    expected = Checksum("SHA256", f"{base64.b64encode(digest).decode()}-2", COMPOSITE)
    assert composite("SHA256", [SHA256, SHA256]) == expected


def test_a_checksum_is_kept_as_json() -> None:
    checksum = Checksum("CRC32", CRC32, COMPOSITE)
    assert Checksum.from_json(checksum.to_json()) == checksum
    assert Checksum.from_json(None) is None


def test_algorithms_that_nothing_here_calculates() -> None:
    assert new_digest("XXHASH64") is None
