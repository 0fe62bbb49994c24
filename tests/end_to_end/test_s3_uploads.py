"""Multipart uploads, checksums, presigned URLs and forms, with boto3."""

import base64
import hashlib
import http.client
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig

from tests.end_to_end.headrace_process import wait_until
from tests.fakes.s3_api import MEBIBYTE, Api, b64
from tests.fakes.s3_api import api as api
from tests.fakes.s3_api import bucket as bucket
from tests.fakes.s3_api import folder as folder
from triggers.s3.buckets import ARRIVING

SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def test_many_small_objects_at_once_are_all_there(api: Api, bucket: str, folder: Path) -> None:
    content = {f"many/{number}": os.urandom(number) for number in range(400)}
    netloc = urlsplit(api.url).netloc

    def put(keys: list[str]) -> None:
        connection = http.client.HTTPConnection(netloc, timeout=30)
        for key in keys:
            connection.request("PUT", f"/{bucket}/{key}", content[key], {"Authorization": SIGNED})
            with connection.getresponse() as answer:
                assert (answer.status, answer.read()) == (200, b"")
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [list(content)[part::8] for part in range(8)]))
    for key, body in content.items():
        assert api.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    arriving = folder / ".headrace" / ARRIVING
    # Some were made ahead, as they came so closely; what nobody took does not stay.
    wait_until(lambda: not any(path.is_file() for path in arriving.rglob("*")), "nothing is left there")


def test_a_put_says_how_long_it_is(api: Api, bucket: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=30)
    connection.putrequest("PUT", f"/{bucket}/k")
    connection.endheaders()
    with connection.getresponse() as answer:
        assert answer.status == 411
        assert b"<Code>MissingContentLength</Code>" in answer.read()
    connection.close()
    assert api.refused("head_object", Bucket=bucket, Key="k") == "404"


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
    assert api.s3.head_object(Bucket="heard", Key="up/photo.txt")["ContentType"] == "text/css"
    api.expect_heard("up/photo.txt", "ObjectCreated:Post")
    body, headers = form(signed["fields"], b"much too long")
    assert b"EntityTooLarge" in api.raw("POST", "/heard", body, headers)[2]
    body, headers = form(signed["fields"] | {"key": "elsewhere"}, b"posted")
    assert b"Policy Condition failed" in api.raw("POST", "/heard", body, headers)[2]
    body, headers = form(signed["fields"] | {"acl": "private"}, b"posted")
    assert b"Extra input fields: acl" in api.raw("POST", "/heard", body, headers)[2]
    assert api.raw("POST", "/heard", b"x", {"Content-Type": "text/plain"})[0] == 412


def test_forms_cannot_smuggle_headers(api: Api) -> None:
    for name, value in (("x-amz-meta-a", "1\r\nX: 1"), ("success_action_redirect", "http://a\r\nX: 1")):
        body, headers = form({"key": "smuggled", name: value}, b"x")
        assert b"<Code>InvalidArgument</Code>" in api.raw("POST", "/heard", body, headers)[2]
    body, headers = form({"key": "with\nnewline", "success_action_status": "201"}, b"x")
    assert api.raw("POST", "/heard", body, headers)[1]["location"].endswith("/heard/with%0Anewline")


def test_an_object_that_is_too_large_is_refused_before_it_comes(api: Api) -> None:
    for header in ("Content-Length", "x-amz-decoded-content-length"):
        status, _, answer = api.raw("PUT", "/heard/large", headers={header: str(5 * 1024**3 + 1)})
        assert (status, b"<Code>EntityTooLarge</Code>" in answer) == (400, True)


def test_virtual_hosts(api: Api) -> None:
    port = urlsplit(api.url).port
    host = {"Host": f"hosted.localhost:{port}"}
    assert api.raw("PUT", "/", headers=host)[0] == 200
    assert api.raw("PUT", "/a%20b", b"x", host)[0] == 200
    assert api.keys("hosted") == ["a b"]
    assert api.raw("GET", "/a%20b", headers={"Host": f"hosted.s3.localhost:{port}"})[2] == b"x"
    assert api.raw("DELETE", "/a%20b", headers=host)[0] == 204
    assert api.raw("DELETE", "/", headers=host)[0] == 204
