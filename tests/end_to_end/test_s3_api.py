"""boto3 against the S3 of one running simulator: every operation, its answers and its errors."""

import base64
import hashlib
import http.client
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import HeadraceProcess, wait_until

CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.resize]
code = "fn"
handler = "handler.handler"
python = "{interpreter}"

[buckets.inbox]
folder = "inbox"

[[buckets.inbox.notifications]]
function = "resize"
id = "fixed"
prefix = "photos/"

[buckets.heard]
folder = "heard"

[[buckets.heard.notifications]]
function = "resize"
id = "all"
events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]

[queues.jobs]
[queues."ordered.fifo"]
"""
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:resize"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"
MEBIBYTE = 1024 * 1024
NOTIFY, ROOT = "notification", "NotificationConfiguration"


class Api:
    """A simulator, and a client for its S3."""

    def __init__(self, simulator: HeadraceProcess) -> None:
        self.simulator = simulator
        self.url = simulator.url
        self.s3: Any = self.client("s3", s3={"addressing_style": "path"})

    def client(self, service: str, **options: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, **options),
        )

    def refused(self, operation: str, **parameters: Any) -> str:
        """Return the code of the error that an operation gives."""
        with pytest.raises(ClientError) as caught:
            getattr(self.s3, operation)(**parameters)
        response: Any = caught.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] >= 300
        return response["Error"]["Code"]

    def put(self, bucket: str, key: str, body: bytes = b"x", **options: Any) -> Any:
        return self.s3.put_object(Bucket=bucket, Key=key, Body=body, **options)

    def body(self, bucket: str, key: str, **options: Any) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()

    def keys(self, bucket: str, **options: Any) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=bucket, **options).get("Contents", [])]

    def heard(self, key: str) -> list[str]:
        """Return the names of the events that a key of the bucket `heard` has raised."""
        return [fact["name"] for fact in self.simulator.of("EventEmitted", detail=key)]

    def expect_heard(self, key: str, *names: str) -> None:
        """Wait for the events of a key, which have to be these."""
        wait_until(lambda: len(self.heard(key)) >= len(names), f"{key} raised {names}")
        assert self.heard(key) == list(names)

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request without a client of AWS's."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import sys

    folder = tmp_path_factory.mktemp("s3")
    (folder / "fn").mkdir()
    (folder / "fn/handler.py").write_text("def handler(event, context):\n    return None\n")
    (folder / "headrace.toml").write_text(CONFIGURATION.replace("{interpreter}", sys.executable))
    return folder


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Api]:
    with HeadraceProcess(folder) as simulator:
        yield Api(simulator)
        assert simulator.process.poll() is None, simulator.errors.decode()


@pytest.fixture
def bucket(api: Api, request: pytest.FixtureRequest) -> Iterator[str]:
    """A bucket of the test's own, made over the API and gone afterwards."""
    name = f"b-{abs(hash(request.node.name)):x}"
    api.s3.create_bucket(Bucket=name)
    yield name
    keys = api.keys(name)
    while keys:
        api.s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": key} for key in keys]})
        keys = api.keys(name)
    api.s3.delete_bucket(Bucket=name)


# Buckets


def test_buckets_come_and_go(api: Api) -> None:
    assert api.s3.create_bucket(Bucket="fresh")["Location"] == "/fresh"
    assert api.s3.create_bucket(Bucket="fresh")["Location"] == "/fresh"  # as in us-east-1
    assert api.s3.head_bucket(Bucket="fresh")["BucketRegion"] == "us-east-1"
    assert api.s3.get_bucket_location(Bucket="fresh")["LocationConstraint"] is None
    listed = {each["Name"] for each in api.s3.list_buckets()["Buckets"]}
    assert {"fresh", "inbox", "heard"} <= listed
    api.s3.get_waiter("bucket_exists").wait(Bucket="fresh")

    api.put("fresh", "k")
    assert api.refused("delete_bucket", Bucket="fresh") == "BucketNotEmpty"
    api.s3.delete_object(Bucket="fresh", Key="k")
    api.s3.delete_bucket(Bucket="fresh")

    assert api.refused("head_bucket", Bucket="fresh") == "404"
    assert api.refused("put_object", Bucket="fresh", Key="k") == "NoSuchBucket"
    assert api.refused("delete_bucket", Bucket="fresh") == "NoSuchBucket"


def test_a_bucket_is_made_where_its_location_constraint_says(api: Api) -> None:
    there = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    api.s3.create_bucket(Bucket="abroad", **there)
    assert api.s3.get_bucket_location(Bucket="abroad")["LocationConstraint"] == "eu-west-1"
    assert api.refused("create_bucket", Bucket="abroad", **there) == "BucketAlreadyOwnedByYou"
    api.s3.delete_bucket(Bucket="abroad")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param({"Bucket": "UPPER"}, "InvalidBucketName", id="upper case"),
        pytest.param({"Bucket": "192.168.0.1"}, "InvalidBucketName", id="an address"),
        pytest.param(
            {"Bucket": "new", "CreateBucketConfiguration": {"LocationConstraint": "us-east-1"}},
            "InvalidLocationConstraint",
            id="the default region is not named",
        ),
        pytest.param(
            {"Bucket": "new", "CreateBucketConfiguration": {"LocationConstraint": "moon"}},
            "InvalidLocationConstraint",
            id="no region",
        ),
        pytest.param({"Bucket": "new", "ACL": "public-read"}, "AccessControlListNotSupported", id="public"),
        pytest.param({"Bucket": "new", "ObjectLockEnabledForBucket": True}, "NotImplemented", id="locked"),
    ],
)
def test_a_bucket_that_cannot_be_made(api: Api, options: dict[str, Any], code: str) -> None:
    assert api.refused("create_bucket", **options) == code


def test_another_region_needs_its_constraint(api: Api) -> None:
    elsewhere: Any = boto3.client(
        "s3",
        endpoint_url=api.url,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with pytest.raises(ClientError, match="IllegalLocationConstraintException"):
        elsewhere.create_bucket(Bucket="new")


def test_a_configured_bucket_belongs_to_the_configuration(api: Api) -> None:
    assert api.s3.create_bucket(Bucket="inbox")["Location"] == "/inbox"
    with pytest.raises(ClientError, match=r"headrace\.toml declares"):
        api.s3.delete_bucket(Bucket="inbox")


def test_buckets_are_listed_in_pages(api: Api) -> None:
    for number in range(3):
        api.s3.create_bucket(Bucket=f"page-{number}")
    first = api.s3.list_buckets(Prefix="page-", MaxBuckets=2)
    second = api.s3.list_buckets(Prefix="page-", ContinuationToken=first["ContinuationToken"])
    assert [each["Name"] for each in first["Buckets"]] == ["page-0", "page-1"]
    assert [each["Name"] for each in second["Buckets"]] == ["page-2"]
    assert "ContinuationToken" not in second
    for number in range(3):
        api.s3.delete_bucket(Bucket=f"page-{number}")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_what_a_bucket_does_not_have(api: Api, operation: str, code: str) -> None:
    assert api.refused(operation, Bucket="inbox") == code


def test_what_a_bucket_has_by_itself(api: Api) -> None:
    s3 = api.s3
    assert "Status" not in s3.get_bucket_versioning(Bucket="inbox")
    assert s3.get_bucket_acl(Bucket="inbox")["Grants"][0]["Permission"] == "FULL_CONTROL"
    rules = s3.get_bucket_encryption(Bucket="inbox")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_public_access_block(Bucket="inbox")["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    controls = s3.get_bucket_ownership_controls(Bucket="inbox")["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_bucket_request_payment(Bucket="inbox")["Payer"] == "BucketOwner"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="inbox")
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket="inbox")
    assert s3.list_bucket_metrics_configurations(Bucket="inbox")["IsTruncated"] is False


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        (
            "put_bucket_cors",
            {"CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}},
        ),
        (
            "put_bucket_lifecycle_configuration",
            {
                "LifecycleConfiguration": {
                    "Rules": [{"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]
                }
            },
        ),
        ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
        (
            "put_bucket_ownership_controls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
        ),
    ],
)
def test_what_is_not_simulated_is_refused_by_name(
    api: Api, operation: str, parameters: dict[str, Any]
) -> None:
    assert api.refused(operation, Bucket="heard", **parameters) == "NotImplemented"


def test_documents_are_kept_and_given_back(api: Api, bucket: str) -> None:
    s3 = api.s3
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy"), False)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == blocked
    s3.delete_public_access_block(Bucket=bucket)
    code = api.refused("get_public_access_block", Bucket=bucket)
    assert code == "NoSuchPublicAccessBlockConfiguration"

    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert api.refused("put_bucket_policy", Bucket=bucket, Policy="[") == "MalformedPolicy"
    s3.delete_bucket_policy(Bucket=bucket)
    assert api.refused("get_bucket_policy", Bucket=bucket) == "NoSuchBucketPolicy"

    tags = [{"Key": "team", "Value": "blue & green"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert api.refused("get_bucket_tagging", Bucket=bucket) == "NoSuchTagSet"
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert api.refused("put_bucket_acl", Bucket=bucket, ACL="public-read") == "AccessControlListNotSupported"


# Objects


def test_headers_and_metadata_come_back(api: Api, bucket: str) -> None:
    given = {
        "ContentType": "text/plain; charset=utf-8",
        "CacheControl": "max-age=1",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Metadata": {"a": "1", "b-c": "two"},
        "WebsiteRedirectLocation": "/elsewhere",
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "arn:aws:kms:us-east-1:000000000000:key/k",
    }
    put = api.put(bucket, "k", b"hello", Tagging="x=1&y=2", **given)
    assert put["ServerSideEncryption"] == "aws:kms"
    head = api.s3.head_object(Bucket=bucket, Key="k")
    assert {name: head[name] for name in given} == given
    assert head["TagCount"] == 2
    assert (head["ContentLength"], head["AcceptRanges"]) == (5, "bytes")
    got = api.s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="text/html", ResponseCacheControl="no-store"
    )
    assert (got["ContentType"], got["CacheControl"]) == ("text/html", "no-store")
    api.put(bucket, "plain")
    plain = api.s3.head_object(Bucket=bucket, Key="plain")
    assert (plain["ContentType"], plain["ServerSideEncryption"]) == ("binary/octet-stream", "AES256")


def test_a_dropped_file_has_the_type_of_its_name(api: Api, folder: Path) -> None:
    (folder / "heard/page.html").write_text("<p>")
    (folder / "heard/unknown.xyzzy").write_text("")
    wait_until(lambda: api.heard("page.html") and api.heard("unknown.xyzzy"), "the files are objects")
    types = [
        api.s3.head_object(Bucket="heard", Key=key)["ContentType"] for key in ("page.html", "unknown.xyzzy")
    ]
    assert types == ["text/html", "binary/octet-stream"]


def test_metadata_is_gone_when_somebody_writes_over_the_file(api: Api, folder: Path) -> None:
    api.put("heard", "over", b"1", Metadata={"a": "1"}, Tagging="t=1")
    (folder / "heard/over").write_bytes(b"22")
    wait_until(lambda: len(api.heard("over")) == 2, "the change was noticed")
    head = api.s3.head_object(Bucket="heard", Key="over")
    assert (head["Metadata"], head["ContentLength"]) == ({}, 2)
    assert api.s3.get_object_tagging(Bucket="heard", Key="over")["TagSet"] == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("bytes=0-3", b"0123"),
        ("bytes=7-", b"789"),
        ("bytes=-2", b"89"),
        ("bytes=5-100", b"56789"),
        ("bytes=-100", b"0123456789"),
    ],
)
def test_ranges(api: Api, given: str, expected: bytes) -> None:
    api.put("heard", "digits", b"0123456789")
    got = api.s3.get_object(Bucket="heard", Key="digits", Range=given)
    assert got["Body"].read() == expected
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    head = api.s3.head_object(Bucket="heard", Key="digits", Range=given)
    assert head["ContentLength"] == len(expected)


def test_reads_that_are_refused(api: Api) -> None:
    etag = api.put("heard", "digits", b"0123456789")["ETag"]
    here = {"Bucket": "heard", "Key": "digits"}
    assert api.refused("get_object", **here, Range="bytes=10-") == "InvalidRange"
    assert api.refused("get_object", **here, IfNoneMatch=etag) == "304"
    assert api.refused("get_object", **here, IfMatch='"0"') == "PreconditionFailed"
    assert api.refused("get_object", **here, IfModifiedSince="2100-01-01") == "304"
    assert api.refused("get_object", **here, IfUnmodifiedSince="2000-01-01") == "PreconditionFailed"
    assert api.s3.get_object(**here, IfMatch=etag, IfUnmodifiedSince="2000-01-01")
    assert api.refused("get_object", Bucket="heard", Key="none") == "NoSuchKey"
    assert api.refused("get_object", **here, VersionId="1") == "NoSuchVersion"
    assert api.refused("get_object", **here, PartNumber=2) == "InvalidPartNumber"
    assert api.body("heard", "digits", PartNumber=1) == b"0123456789"
    assert api.refused("get_object", **here, ExpectedBucketOwner="1" * 12) == "AccessDenied"


def test_writes_depend_on_what_is_there(api: Api, bucket: str) -> None:
    etag = api.put(bucket, "k", b"1", IfNoneMatch="*")["ETag"]
    here = {"Bucket": bucket, "Key": "k"}
    assert api.refused("put_object", **here, IfNoneMatch="*") == "PreconditionFailed"
    assert api.refused("put_object", **here, IfMatch='"0"') == "PreconditionFailed"
    assert api.refused("put_object", Bucket=bucket, Key="new", IfMatch=etag) == "NoSuchKey"
    api.put(bucket, "k", b"2", IfMatch=etag)
    assert api.refused("delete_object", **here, IfMatch=etag) == "PreconditionFailed"
    api.s3.delete_object(Bucket=bucket, Key="new", IfMatch=etag)
    assert api.keys(bucket) == ["k"]


def test_only_one_of_many_writers_makes_a_new_object(api: Api, bucket: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def write(number: int) -> bool:
        status, _, _ = api.raw(
            "PUT", f"/{bucket}/one", str(number).encode() * 100_000, {"If-None-Match": "*"}
        )
        return status == 200

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("a//b", "InvalidArgument"),
        ("../a", "InvalidArgument"),
        ("a/./b", "InvalidArgument"),
        ("x" * 256, "InvalidArgument"),
        ("x/" * 513, "KeyTooLongError"),
        (".headrace-upload-x", "InvalidArgument"),
    ],
)
def test_keys_that_no_folder_can_hold(api: Api, bucket: str, key: str, code: str) -> None:
    assert api.refused("put_object", Bucket=bucket, Key=key) == code
    assert api.refused("create_multipart_upload", Bucket=bucket, Key=key) == code
    assert api.refused("head_object", Bucket=bucket, Key=key) in ("404", "400")
    assert api.keys(bucket) == []


@pytest.mark.parametrize("key", ["é +%/ü&<>", "a\\b", "tab\there", ".hidden", "x.tmp", "-", "a b/c~d*"])
def test_odd_keys(api: Api, bucket: str, key: str) -> None:
    api.put(bucket, key, b"odd")
    assert api.body(bucket, key) == b"odd"
    assert api.keys(bucket) == [key]
    assert [each["Key"] for each in api.s3.list_objects(Bucket=bucket)["Contents"]] == [key]


def test_folders_can_be_objects(api: Api, bucket: str, folder: Path) -> None:
    here = folder / ".headrace/buckets" / bucket
    api.put(bucket, "a/", b"", ContentType="application/x-directory")
    api.put(bucket, "a/b", b"1")
    assert api.keys(bucket) == ["a/", "a/b"]
    assert (here / "a").is_dir()
    head = api.s3.head_object(Bucket=bucket, Key="a/")
    assert (head["ContentLength"], head["ContentType"]) == (0, "application/x-directory")
    assert api.body(bucket, "a/") == b""
    assert api.refused("put_object", Bucket=bucket, Key="c/", Body=b"1") == "InvalidArgument"
    assert api.refused("put_object", Bucket=bucket, Key="a", Body=b"1") == "InvalidArgument"
    assert api.refused("put_object", Bucket=bucket, Key="a/b/", Body=b"") == "InvalidArgument"
    assert api.refused("put_object", Bucket=bucket, Key="a/b/c", Body=b"1") == "InvalidArgument"
    api.s3.delete_object(Bucket=bucket, Key="a/")
    assert api.keys(bucket) == ["a/b"]
    api.s3.delete_object(Bucket=bucket, Key="a/b")
    api.put(bucket, "a", b"now a file")  # what is left are empty folders
    assert api.keys(bucket) == ["a"]


def test_a_folder_that_is_an_object_and_is_removed_is_one_no_more(api: Api, folder: Path) -> None:
    api.put("heard", "gone/", b"")
    (folder / "heard/gone").rmdir()
    api.expect_heard("gone/", "ObjectCreated:Put", "ObjectRemoved:Delete")
    assert api.refused("head_object", Bucket="heard", Key="gone/") == "404"


def test_many_objects_are_deleted_at_once(api: Api, bucket: str) -> None:
    for key in ("a", "b", "c"):
        api.put(bucket, key)
    answer = api.s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": "a"}, {"Key": "none"}, {"Key": "b", "VersionId": "7"}]},
    )
    assert sorted(each["Key"] for each in answer["Deleted"]) == ["a", "none"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [("b", "NoSuchVersion")]
    quiet = api.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert api.keys(bucket) == ["c"]
    too_many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    assert api.refused("delete_objects", Bucket=bucket, Delete=too_many) == "MalformedXML"
    body = b"<Delete><Object><Key>c</Key></Object></Delete>"
    assert b"<Code>InvalidRequest</Code>" in api.raw("POST", f"/{bucket}?delete", body)[2]


# Copies


def test_a_copy_takes_what_belongs_to_the_object_along(api: Api, bucket: str) -> None:
    api.put("heard", "source é", b"bytes", ContentType="text/css", Metadata={"a": "1"}, Tagging="t=1")
    source = {"Bucket": "heard", "Key": "source é"}
    copied = api.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(b"bytes").hexdigest()}"'
    head = api.s3.head_object(Bucket=bucket, Key="copy")
    assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("text/css", {"a": "1"}, 1)
    api.s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        TaggingDirective="REPLACE",
        Tagging="",
    )
    head = api.s3.head_object(Bucket=bucket, Key="copy")
    assert (head["ContentType"], head["Metadata"], head.get("TagCount")) == (
        "binary/octet-stream",
        {"b": "2"},
        None,
    )
    assert api.body(bucket, "copy") == b"bytes"


def test_copies_that_are_refused(api: Api, bucket: str) -> None:
    etag = api.put(bucket, "k", b"1")["ETag"]
    to = {"Bucket": bucket, "Key": "j"}
    own = f"{bucket}/k"
    assert api.refused("copy_object", Bucket=bucket, Key="k", CopySource=own) == "InvalidRequest"
    assert api.refused("copy_object", **to, CopySource=f"{bucket}/none") == "NoSuchKey"
    assert api.refused("copy_object", **to, CopySource="none/k") == "NoSuchBucket"
    assert api.refused("copy_object", **to, CopySource="k") == "InvalidArgument"
    assert api.refused("copy_object", **to, CopySource=own, CopySourceIfMatch='"0"') == "PreconditionFailed"
    assert (
        api.refused("copy_object", **to, CopySource=own, CopySourceIfNoneMatch=etag) == "PreconditionFailed"
    )
    assert api.refused("copy_object", **to, CopySource=own, MetadataDirective="MERGE") == "InvalidArgument"
    api.s3.copy_object(
        Bucket=bucket, Key="k", CopySource=own, MetadataDirective="REPLACE", Metadata={"n": "1"}
    )
    assert api.s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"n": "1"}
    assert api.keys(bucket) == ["k"]


# Listings


def test_listings(api: Api, bucket: str) -> None:
    keys = ["a", "a/1", "a/2", "b", "c/1", "d"]
    for key in ("a/1", "a/2", "b", "c/1", "d"):
        api.put(bucket, key)
    keys.remove("a")
    s3 = api.s3
    one = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert ([each["Key"] for each in one["Contents"]], one["CommonPrefixes"]) == (["b"], [{"Prefix": "a/"}])
    assert (one["IsTruncated"], one["NextMarker"]) == (True, "b")
    two = s3.list_objects(Bucket=bucket, Marker=one["NextMarker"], Delimiter="/")
    assert ([each["Key"] for each in two["Contents"]], two["CommonPrefixes"]) == (["d"], [{"Prefix": "c/"}])
    assert "NextMarker" not in s3.list_objects(Bucket=bucket, MaxKeys=2)
    none = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"]) == (0, False)
    owned = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]
    assert owned["Owner"]["ID"]
    assert api.keys(bucket, StartAfter="b", Prefix="c") == ["c/1"]
    paginator = s3.get_paginator("list_objects_v2")
    pages = paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [each["Key"] for page in pages for each in page["Contents"]] == keys
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(each["Key"], each["VersionId"], each["IsLatest"]) for each in versions] == [
        (key, "null", True) for key in keys
    ]
    s3.delete_object(Bucket=bucket, Key="d", VersionId="null")
    assert api.keys(bucket) == keys[:-1]


@pytest.mark.parametrize(
    "query",
    ["max-keys=-1", "max-keys=many", "list-type=2&encoding-type=base64", "list-type=2&continuation-token=é"],
)
def test_parameters_of_listings_that_are_refused(api: Api, query: str) -> None:
    status, _, body = api.raw("GET", f"/inbox?{query}".replace("é", "%C3%A9"))
    assert (status, b"<Code>InvalidArgument</Code>" in body) == (400, True)


# Tags


def test_tags_of_objects(api: Api) -> None:
    api.put("heard", "tagged", b"1", Tagging="a=1")
    here = {"Bucket": "heard", "Key": "tagged"}
    tags = [{"Key": "b", "Value": ""}, {"Key": "c d", "Value": "é"}]
    api.s3.put_object_tagging(**here, Tagging={"TagSet": tags})
    assert api.s3.get_object_tagging(**here)["TagSet"] == tags
    api.s3.delete_object_tagging(**here)
    assert api.s3.get_object_tagging(**here)["TagSet"] == []
    api.expect_heard("tagged", "ObjectCreated:Put", "ObjectTagging:Put", "ObjectTagging:Delete")
    none = {"Bucket": "heard", "Key": "none"}
    assert api.refused("get_object_tagging", **none) == "NoSuchKey"
    assert api.refused("put_object_tagging", **none, Tagging={"TagSet": []}) == "NoSuchKey"
    assert api.refused("delete_object_tagging", **none) == "NoSuchKey"
    many = [{"Key": str(number), "Value": ""} for number in range(11)]
    assert api.refused("put_object_tagging", **here, Tagging={"TagSet": many}) == "BadRequest"
    twice = [{"Key": "a", "Value": "1"}] * 2
    assert api.refused("put_object_tagging", **here, Tagging={"TagSet": twice}) == "InvalidTag"
    assert api.refused("put_object", **here, Tagging="a=1&a=2") == "InvalidArgument"


# Multipart uploads


def test_a_file_is_uploaded_in_parts_and_downloaded(api: Api, bucket: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(12 * MEBIBYTE))
    config = TransferConfig(multipart_threshold=5 * MEBIBYTE, multipart_chunksize=5 * MEBIBYTE)
    api.s3.upload_file(str(source), bucket, "large", Config=config, ExtraArgs={"ContentType": "image/png"})
    api.s3.download_file(bucket, "large", str(target), Config=config)
    assert target.read_bytes() == source.read_bytes()
    head = api.s3.head_object(Bucket=bucket, Key="large", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-3"')
    assert (head["ContentType"], head["ContentLength"]) == ("image/png", 12 * MEBIBYTE)
    assert head["ChecksumType"] == "COMPOSITE"
    part = api.s3.get_object(Bucket=bucket, Key="large", PartNumber=3)
    assert (part["Body"].read(), part["PartsCount"]) == (source.read_bytes()[10 * MEBIBYTE :], 3)
    assert api.refused("get_object", Bucket=bucket, Key="large", PartNumber=4) == "InvalidPartNumber"
    said = api.s3.get_object_attributes(
        Bucket=bucket, Key="large", ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "Checksum"]
    )
    assert (said["ObjectSize"], said["ObjectParts"]["TotalPartsCount"]) == (12 * MEBIBYTE, 3)
    assert len(said["ObjectParts"]["Parts"]) == 3
    api.s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copied", Config=config)
    assert api.body(bucket, "copied") == source.read_bytes()


def begin(api: Api, bucket: str, key: str, **options: Any) -> dict[str, str]:
    upload = api.s3.create_multipart_upload(Bucket=bucket, Key=key, **options)
    return {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}


def part(api: Api, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    etag = api.s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
    return {"PartNumber": number, "ETag": etag}


def test_parts_become_an_object_with_one_event(api: Api, folder: Path) -> None:
    upload = begin(api, "heard", "whole", Metadata={"m": "1"}, Tagging="t=1")
    parts = [part(api, upload, 7, b"b"), part(api, upload, 2, b"a" * 5 * MEBIBYTE)]
    parts = [parts[1], parts[0]]
    assert api.refused("head_object", Bucket="heard", Key="whole") == "404"
    assert not list((folder / "heard").glob("*whole*"))
    listed = api.s3.list_parts(**upload, MaxParts=1)
    assert ([each["PartNumber"] for each in listed["Parts"]], listed["IsTruncated"]) == ([2], True)
    assert [each["UploadId"] for each in api.s3.list_multipart_uploads(Bucket="heard")["Uploads"]] == [
        upload["UploadId"]
    ]

    done = api.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    digests = b"".join(hashlib.md5(each).digest() for each in (b"a" * 5 * MEBIBYTE, b"b"))
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert api.body("heard", "whole") == b"a" * 5 * MEBIBYTE + b"b"
    assert api.s3.head_object(Bucket="heard", Key="whole")["Metadata"] == {"m": "1"}
    (folder / "heard/whole").touch()
    api.put("heard", "whole-later")
    wait_until(lambda: api.heard("whole-later"), "a later event")
    api.expect_heard("whole", "ObjectCreated:CompleteMultipartUpload")
    assert api.s3.head_object(Bucket="heard", Key="whole")["ETag"] == done["ETag"]
    assert "Uploads" not in api.s3.list_multipart_uploads(Bucket="heard")
    assert api.refused("list_parts", **upload) == "NoSuchUpload"


def test_uploads_that_cannot_be_completed(api: Api, bucket: str) -> None:
    upload = begin(api, bucket, "k")
    one, two = part(api, upload, 1, b"small"), part(api, upload, 2, b"end")
    cases: list[tuple[list[dict[str, Any]], str]] = [
        ([], "MalformedXML"),
        ([one, two], "EntityTooSmall"),
        ([two, one], "InvalidPartOrder"),
        ([one | {"ETag": '"0"'}], "InvalidPart"),
        ([{"PartNumber": 3, "ETag": one["ETag"]}], "InvalidPart"),
        ([one | {"PartNumber": 10_001}], "InvalidArgument"),
    ]
    for parts, code in cases:
        assert api.refused("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}) == code
    other = upload | {"UploadId": "none"}
    assert api.refused("upload_part", **other, PartNumber=1) == "NoSuchUpload"
    assert api.refused("upload_part", **upload, PartNumber=0) == "InvalidArgument"
    assert api.refused("abort_multipart_upload", **other) == "NoSuchUpload"
    api.put(bucket, "k", b"there")
    assert (
        api.refused("complete_multipart_upload", **upload, MultipartUpload={"Parts": [two]}, IfNoneMatch="*")
        == "PreconditionFailed"
    )
    api.s3.abort_multipart_upload(**upload)
    assert api.refused("abort_multipart_upload", **upload) == "NoSuchUpload"
    assert api.body(bucket, "k") == b"there"


def test_parts_can_be_copied_and_replaced(api: Api, bucket: str) -> None:
    api.put(bucket, "source", b"0123456789")
    upload = begin(api, bucket, "k")
    part(api, upload, 1, b"replaced")
    copied = api.s3.upload_part_copy(
        **upload, PartNumber=1, CopySource=f"{bucket}/source", CopySourceRange="bytes=2-4"
    )
    etag = copied["CopyPartResult"]["ETag"]
    code = api.refused(
        "upload_part_copy",
        **upload,
        PartNumber=2,
        CopySource=f"{bucket}/source",
        CopySourceRange="bytes=2-10",
    )
    assert code == "InvalidArgument"
    api.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert api.body(bucket, "k") == b"234"


def test_uploads_are_listed_in_pages(api: Api, bucket: str) -> None:
    for key in ("a/1", "a/2", "b", "c"):
        begin(api, bucket, key)
    first = api.s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=2)
    assert [each["Prefix"] for each in first["CommonPrefixes"]] == ["a/"]
    assert [each["Key"] for each in first["Uploads"]] == ["b"]
    rest = api.s3.list_multipart_uploads(
        Bucket=bucket, KeyMarker=first["NextKeyMarker"], UploadIdMarker=first["NextUploadIdMarker"]
    )
    assert ([each["Key"] for each in rest["Uploads"]], rest["IsTruncated"]) == (["c"], False)
    with_prefix = api.s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")
    assert len(with_prefix["Uploads"]) == 2


# Checksums


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("CRC32", b64(zlib.crc32(b"body").to_bytes(4, "big"))),
        ("SHA1", b64(hashlib.sha1(b"body").digest())),
        ("SHA256", b64(hashlib.sha256(b"body").digest())),
    ],
)
def test_checksums_are_verified_and_given_back(api: Api, bucket: str, algorithm: str, value: str) -> None:
    name = f"Checksum{algorithm}"
    assert api.put(bucket, "k", b"body", ChecksumAlgorithm=algorithm)[name] == value
    assert api.put(bucket, "k", b"body", **{name: value})[name] == value
    got = api.s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[name], got["ChecksumType"], got["Body"].read()) == (value, "FULL_OBJECT", b"body")
    assert name not in api.s3.head_object(Bucket=bucket, Key="k")
    wrong = {name: b64(bytes(len(base64.b64decode(value))))}
    assert api.refused("put_object", Bucket=bucket, Key="k", Body=b"body", **wrong) == "BadDigest"
    assert api.refused("put_object", Bucket=bucket, Key="k", **{name: "YWJj"}) == "InvalidRequest"
    copied = api.s3.copy_object(Bucket=bucket, Key="j", CopySource=f"{bucket}/k", ChecksumAlgorithm="SHA256")
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == b64(hashlib.sha256(b"body").digest())


def test_a_checksum_of_the_whole_of_several_parts(api: Api, bucket: str) -> None:
    upload = begin(api, bucket, "k", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    bodies = [b"a" * 5 * MEBIBYTE, b"b"]
    parts = [part(api, upload, number, body) for number, body in enumerate(bodies, start=1)]
    value = b64(zlib.crc32(b"".join(bodies)).to_bytes(4, "big"))
    wrong = {"ChecksumCRC32": b64(bytes(4)), "ChecksumType": "FULL_OBJECT"}
    code = api.refused("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}, **wrong)
    assert code == "BadDigest"
    done = api.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (value, "FULL_OBJECT")


# Presigned


def test_presigned_urls(api: Api, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "a b"}
    put = urlsplit(api.s3.generate_presigned_url("put_object", Params=here))
    status, _, _ = api.raw("PUT", f"{put.path}?{put.query}", b"signed")
    assert status == 200
    got = urlsplit(
        api.s3.generate_presigned_url("get_object", Params=here | {"ResponseContentType": "text/x"})
    )
    status, headers, body = api.raw("GET", f"{got.path}?{got.query}")
    assert (status, headers["content-type"], body) == (200, "text/x", b"signed")


def form(fields: dict[str, str], body: bytes) -> tuple[bytes, dict[str, str]]:
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="photo.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n" + body + b"\r\n--edge--\r\n"
    )
    return b"".join(parts), {"Content-Type": "multipart/form-data; boundary=edge"}


def test_presigned_forms(api: Api) -> None:
    signed = api.s3.generate_presigned_post(
        "heard",
        "up/${filename}",
        Fields={"Content-Type": "text/css", "success_action_status": "201"},
        Conditions=[
            {"Content-Type": "text/css"},
            {"success_action_status": "201"},
            ["content-length-range", 1, 10],
        ],
    )
    body, headers = form(signed["fields"], b"posted")
    status, said, answer = api.raw("POST", "/heard", body, headers)
    assert (status, b"<Key>up/photo.txt</Key>" in answer) == (201, True)
    assert said["etag"] == f'"{hashlib.md5(b"posted").hexdigest()}"'
    assert api.s3.get_object(Bucket="heard", Key="up/photo.txt")["ContentType"] == "text/css"
    api.expect_heard("up/photo.txt", "ObjectCreated:Post")
    body, headers = form(signed["fields"], b"much too long")
    assert b"EntityTooLarge" in api.raw("POST", "/heard", body, headers)[2]
    body, headers = form(signed["fields"] | {"key": "elsewhere"}, b"posted")
    assert b"Policy Condition failed" in api.raw("POST", "/heard", body, headers)[2]
    body, headers = form(signed["fields"] | {"acl": "private"}, b"posted")
    assert b"Extra input fields: acl" in api.raw("POST", "/heard", body, headers)[2]
    assert api.raw("POST", "/heard", b"x", {"Content-Type": "text/plain"})[0] == 412


def test_virtual_hosts(api: Api) -> None:
    port = urlsplit(api.url).port
    host = {"Host": f"hosted.localhost:{port}"}
    assert api.raw("PUT", "/", headers=host)[0] == 200
    assert api.raw("PUT", "/a%20b", b"x", host)[0] == 200
    assert api.keys("hosted") == ["a b"]
    assert api.raw("GET", "/a%20b", headers={"Host": f"hosted.s3.localhost:{port}"})[2] == b"x"
    assert api.raw("DELETE", "/a%20b", headers=host)[0] == 204
    assert api.raw("DELETE", "/", headers=host)[0] == 204


# Events and notifications


def test_each_operation_raises_its_own_event(api: Api) -> None:
    api.put("heard", "events", b"1")
    api.put("heard", "other", b"2")
    api.s3.copy_object(Bucket="heard", Key="events", CopySource="heard/other")
    api.s3.delete_object(Bucket="heard", Key="events")
    api.s3.delete_objects(Bucket="heard", Delete={"Objects": [{"Key": "events"}]})
    api.expect_heard(
        "events",
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectRemoved:Delete",
        "ObjectRemoved:Delete",
    )


def test_notifications_can_be_put(api: Api, bucket: str) -> None:
    s3 = api.s3
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    wanted = {
        "LambdaFunctionConfigurations": [
            {
                "Id": "pictures",
                "LambdaFunctionArn": FUNCTION,
                "Events": ["s3:ObjectCreated:Put"],
                "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}},
            }
        ],
        "QueueConfigurations": [
            {"QueueArn": QUEUE, "Events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:Copy"]}
        ],
    }
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
    kept = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert kept["LambdaFunctionConfigurations"][0]["Filter"]["Key"]["FilterRules"] == [
        {"Name": "Suffix", "Value": ".jpg"}
    ]
    assert kept["QueueConfigurations"][0]["Id"]
    api.put(bucket, "notified.jpg")
    api.put(bucket, "notified.png")
    s3.delete_object(Bucket=bucket, Key="notified.png")
    wait_until(lambda: api.heard("notified.jpg"), "the function is told")
    assert api.heard("notified.png") == []

    sqs = api.client("sqs")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    received: list[Any] = []
    while len(received) < 2:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        received += [json.loads(each["Body"]) for each in answer["Messages"]]
    tests = [each for each in received if "Records" not in each]
    records = [record for each in received for record in each.get("Records", [])]
    assert [(each["Event"], each["Bucket"]) for each in tests] == [("s3:TestEvent", bucket)]
    assert [(each["eventName"], each["s3"]["object"]["key"]) for each in records] == [
        ("ObjectRemoved:Delete", "notified.png")
    ]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    api.put(bucket, "unheard.jpg")
    assert api.heard("unheard.jpg") == []


def function(**options: Any) -> dict[str, Any]:
    return {
        "LambdaFunctionConfigurations": [
            {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"], **options}
        ]
    }


def queue(arn: str) -> dict[str, Any]:
    return {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in pairs]}}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(
            function(LambdaFunctionArn=f"{FUNCTION}-none"),
            "Unable to validate the following destination configurations",
            id="no such function",
        ),
        pytest.param(
            queue(f"{QUEUE}-none"),
            "Unable to validate the following destination configurations",
            id="no such queue",
        ),
        pytest.param(function(LambdaFunctionArn="resize"), "The ARN could not be parsed", id="no ARN"),
        pytest.param(queue(FUNCTION), "The ARN could not be parsed", id="the ARN of something else"),
        pytest.param(queue(f"{QUEUE}.fifo"), "FIFO", id="a FIFO queue"),
        pytest.param(
            function(Events=["s3:Never"]), "The event is not supported for notifications", id="no event"
        ),
        pytest.param(function(Events=["s3:ObjectRestore:*"]), "not simulated", id="an event never raised"),
        pytest.param(
            function(Filter=rules(("infix", "a"))),
            "filter rule name must be either prefix or suffix",
            id="no such filter",
        ),
        pytest.param(
            function(Filter=rules(("prefix", "a"), ("Prefix", "b"))),
            "Cannot specify more than one prefix rule in a filter",
            id="two prefixes",
        ),
        pytest.param(function() | queue(QUEUE), "Configuration is ambiguously defined", id="overlap"),
    ],
)
def test_notifications_that_are_refused(api: Api, bucket: str, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        api.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)


def test_configured_notifications_stay(api: Api) -> None:
    s3 = api.s3
    fixed = s3.get_bucket_notification_configuration(Bucket="inbox")["LambdaFunctionConfigurations"]
    assert [(each["Id"], each["LambdaFunctionArn"]) for each in fixed] == [("fixed", FUNCTION)]
    with pytest.raises(ClientError, match=r"headrace\.toml declares the bucket inbox.*fixed"):
        s3.put_bucket_notification_configuration(Bucket="inbox", NotificationConfiguration={})
    more = {
        "Id": "more",
        "LambdaFunctionArn": FUNCTION,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": rules(("prefix", "more/")),
    }
    s3.put_bucket_notification_configuration(
        Bucket="inbox", NotificationConfiguration={"LambdaFunctionConfigurations": [*fixed, more]}
    )
    listed = s3.get_bucket_notification_configuration(Bucket="inbox")["LambdaFunctionConfigurations"]
    assert [each["Id"] for each in listed] == ["fixed", "more"]
    s3.put_bucket_notification_configuration(
        Bucket="inbox", NotificationConfiguration={"LambdaFunctionConfigurations": fixed}
    )


# Broken requests


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/inbox?delete", b"<Delete>", "MalformedXML"),
        ("PUT", "/inbox/k?tagging", b"", "MalformedXML"),
        ("PUT", "/inbox/k?tagging", b'<!DOCTYPE a [<!ENTITY e "x">]><Tagging/>', "MalformedXML"),
        ("PUT", f"/inbox?{NOTIFY}", b"<Other/>", "MalformedXML"),
        ("PUT", f"/inbox?{NOTIFY}", f"<{ROOT}><X/></{ROOT}>".encode(), "MalformedXML"),
        ("GET", "/inbox/%FF", None, "InvalidURI"),
        ("PATCH", "/inbox/k", None, "NotImplemented"),
        ("GET", "/inbox?sesame", None, "NotImplemented"),
        ("POST", "/inbox/k", b"", "NotImplemented"),
        ("PUT", "/", b"", "NotImplemented"),
        ("GET", "/inbox/k?partNumber=x", None, "NoSuchKey"),
    ],
)  # fmt: skip
def test_broken_requests_are_answered_with_errors_of_s3(
    api: Api, method: str, path: str, body: bytes | None, code: str
) -> None:
    headers = {} if body is None else {"Content-MD5": b64(hashlib.md5(body).digest())}
    status, said, answer = api.raw(method, path, body, headers)
    assert f"<Code>{code}</Code>".encode() in answer, answer
    assert status >= 400
    assert said["x-amz-request-id"].encode() in answer


def test_a_client_that_hangs_up_leaves_nothing_behind(api: Api, folder: Path) -> None:
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=30)
    connection.putrequest("PUT", "/heard/broken-off")
    connection.putheader("Content-Length", str(10 * MEBIBYTE))
    connection.endheaders()
    connection.send(b"x" * 3 * MEBIBYTE)
    wait_until(lambda: list((folder / "heard").glob(".headrace-upload-*")), "the upload has begun")
    connection.close()
    wait_until(lambda: not list((folder / "heard").glob(".headrace-upload-*")), "it is given up")
    assert api.refused("head_object", Bucket="heard", Key="broken-off") == "404"
