"""What a request is about, and what S3 calls it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.aws.rest_xml import S3Error, document
from headrace.aws.s3_address import Address, operation_name, parse_address
from headrace.aws.s3_conditions import check_conditions
from headrace.aws.s3_download import ByteRange, parse_range

BUCKETS: dict[str, Any] = {"inbox": None, "in.box": None, "in": None}


@pytest.mark.parametrize(
    ("path", "host", "bucket", "key"),
    [
        pytest.param("/inbox/a/b", "127.0.0.1:4566", "inbox", "a/b", id="path style"),
        pytest.param("/inbox", "localhost", "inbox", "", id="a bucket"),
        pytest.param("/inbox/", "localhost", "inbox", "", id="a bucket with a slash"),
        pytest.param("/", "localhost", "", "", id="no bucket"),
        pytest.param("/a/b", "inbox.localhost:4566", "inbox", "a/b", id="virtual-host style"),
        pytest.param("/a", "in.box.localhost", "in.box", "a", id="the longest name wins"),
        pytest.param("/inbox/a", "s3.localhost", "inbox", "a", id="a host that is no bucket"),
        pytest.param("/new", "s3.localhost", "new", "", id="the service's own host"),
        pytest.param("/", "new.localhost:4566", "new", "", id="a bucket that is not there yet"),
        pytest.param("/a", "new.s3.localhost", "new", "a", id="below the service's name"),
        pytest.param("/a", "new.s3.eu-west-1.localhost", "new", "a", id="below a region's name"),
        pytest.param("/inbox/a", "machine.localhost", "inbox", "a", id="a name of the machine"),
        pytest.param("/new/a", "127.0.0.1:4566", "new", "a", id="an address is no bucket"),
        pytest.param("/inbox/a%20b+c%2Fd", "localhost", "inbox", "a b+c/d", id="a plus stays one"),
        pytest.param("/inbox/a%2F..%2Fb", "localhost", "inbox", "a/../b", id="nothing is normalised"),
    ],
)
def test_addresses(path: str, host: str, bucket: str, key: str) -> None:
    assert parse_address(path, host, BUCKETS) == Address(bucket, key, {})


@pytest.mark.parametrize(
    ("method", "address", "headers", "name"),
    [
        ("GET", Address("", "", {}), {}, "ListBuckets"),
        ("GET", Address("b", "", {"list-type": "2", "prefix": "x"}), {}, "ListObjectsV2"),
        ("GET", Address("b", "", {}), {}, "ListObjects"),
        ("GET", Address("b", "", {"versions": ""}), {}, "ListObjectVersions"),
        ("GET", Address("b", "", {"notification": ""}), {}, "GetBucketNotificationConfiguration"),
        ("PUT", Address("b", "", {}), {}, "CreateBucket"),
        ("GET", Address("b", "k", {"x-id": "GetObject", "X-Amz-Signature": "0"}), {}, "GetObject"),
        ("GET", Address("b", "k", {"tagging": ""}), {}, "GetObjectTagging"),
        ("PUT", Address("b", "k", {}), {}, "PutObject"),
        ("PUT", Address("b", "k", {}), {"x-amz-copy-source": "b/j"}, "CopyObject"),
        ("PUT", Address("b", "k", {"uploadId": "1", "partNumber": "1"}), {}, "UploadPart"),
        ("POST", Address("b", "k", {"uploads": ""}), {}, "CreateMultipartUpload"),
        ("POST", Address("b", "", {"delete": ""}), {}, "DeleteObjects"),
        ("DELETE", Address("b", "k", {"versionId": "1"}), {}, "DeleteObject"),
        ("DELETE", Address("b", "", {"lifecycle": ""}), {}, "DeleteBucketLifecycle"),
        ("GET", Address("b", "", {"metrics": ""}), {}, "ListBucketMetricsConfigurations"),
        ("GET", Address("b", "", {"metrics": "", "id": "1"}), {}, "GetBucketMetricsConfiguration"),
        ("GET", Address("b", "", {"uploads": ""}), {}, "ListMultipartUploads"),
        ("PUT", Address("b", "", {"sesame": ""}), {}, "PUT with sesame"),
    ],
)
def test_requests_are_called_as_in_the_s3_api(
    method: str, address: Address, headers: dict[str, str], name: str
) -> None:
    assert operation_name(method, address, headers) == name


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=2-", ByteRange(2, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-30", ByteRange(0, 10)),
        ("bytes=5-3", None),
        ("lines=0-1", None),
        ("bytes=0-1,3-4", None),
    ],
)
def test_ranges(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0"])
def test_a_range_without_bytes_is_refused(header: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_range(header, 10)
    assert (caught.value.code, caught.value.status) == ("InvalidRange", 416)


MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE, AFTER = "Wed, 31 Dec 2025 23:59:59 GMT", "Thu, 01 Jan 2026 00:00:01 GMT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": '"e"'}, None),
        ({"If-Match": "*"}, None),
        ({"If-Match": '"x"'}, 412),
        ({"If-None-Match": '"x"'}, None),
        ({"If-None-Match": '"x", "e"'}, 304),
        ({"If-Modified-Since": BEFORE}, None),
        ({"If-Modified-Since": AFTER}, 304),
        ({"If-Modified-Since": AFTER, "If-None-Match": '"x"'}, None),
        ({"If-Unmodified-Since": AFTER}, None),
        ({"If-Unmodified-Since": BEFORE}, 412),
        ({"If-Unmodified-Since": BEFORE, "If-Match": '"e"'}, None),
        ({"If-Modified-Since": "yesterday"}, None),
    ],
)
def test_conditions(headers: dict[str, str], status: int | None) -> None:
    answered = None
    try:
        check_conditions(headers, '"e"', MODIFIED)
    except S3Error as error:
        answered = error.status
    assert answered == status


def test_documents_are_escaped_and_repeat_their_lists() -> None:
    body = document("R", {"A": "<&>", "B": [{"K": 1}, {"K": 2}], "C": {"D": True}, "E": []})
    assert body.decode().endswith(
        '<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><A>&lt;&amp;&gt;</A><B><K>1</K></B><B><K>2</K></B>'
        "<C><D>true</D></C></R>"
    )
