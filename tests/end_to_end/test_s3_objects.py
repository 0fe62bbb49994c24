"""Objects, copies, listings and tags, with boto3."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import wait_until
from tests.fakes.s3_api import Api
from tests.fakes.s3_api import api as api
from tests.fakes.s3_api import bucket as bucket
from tests.fakes.s3_api import folder as folder


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


def test_metadata_may_be_any_text(api: Api, bucket: str) -> None:
    for text, coding in (("é", "latin-1"), ("é", "utf-8"), ("😀", "utf-8")):
        headers: Any = {"x-amz-meta-a": text.encode(coding)}
        assert api.raw("PUT", f"/{bucket}/k", b"1", headers)[0] == 200
        said = api.raw("HEAD", f"/{bucket}/k")[1]["x-amz-meta-a"]
        assert said.encode("latin-1").decode() == text
    odd: Any = {"x-amz-copy-source": b"\xe9", "If-None-Match": b"\xe9"}
    for name, value in odd.items():
        status, _, answer = api.raw("PUT", f"/{bucket}/k", b"", {name: value})
        assert (status, b"<Error>" in answer) in ((400, True), (501, True)), answer


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
    assert api.s3.get_object(**here, IfMatch=etag, IfUnmodifiedSince="2000-01-01")["Body"].read()
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
    with pytest.raises(ClientError, match=f"in the folder, {here}/a/b is in the way"):
        api.put(bucket, "a/b/c", b"1")
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
