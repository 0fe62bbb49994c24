"""boto3 against the S3 wire, on a real folder."""

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiohttp import ClientSession
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.clock import Clock
from engine.errors import StoreFull
from engine.feed import Fact, Feed, RecursionStopped
from engine.store.database import Store
from tests.fakes.accepted_events import AcceptedEvents
from tests.fakes.s3_endpoint import served_buckets
from tests.fakes.waiting import until
from triggers.s3.settings import BucketSettings


class Served:
    """A bucket called inbox, its wire, and a client."""

    def __init__(self, folder: Path, accepted: AcceptedEvents, url: str) -> None:
        self.folder = folder
        self.accepted = accepted
        self.url = url
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    async def call(self, operation: str, **parameters: Any) -> Any:
        """Call the client on a thread."""
        return await asyncio.to_thread(lambda: getattr(self.client, operation)(**parameters))

    async def refused(self, operation: str, **parameters: Any) -> tuple[str, int]:
        """Return the code and status of the error that a call gives."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **parameters)
        response: Any = caught.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


LINEAGES = {"1-69560000-000000000000000000000001": ("resize",)}


@pytest.fixture
async def served(tmp_path: Path, clock: Clock, store: Store, feed: Feed) -> AsyncIterator[Served]:
    """The endpoint for one bucket whose folder is watched."""
    accepted = AcceptedEvents()
    settings = BucketSettings.model_validate(
        {
            "folder": tmp_path / "inbox",
            "settle_time": 0.1,
            "notifications": [{"function": "resize", "events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}],
        }
    )
    async with served_buckets(
        tmp_path / "state", {"inbox": settings}, accepted, clock, store, feed, lineages=LINEAGES
    ) as (url, buckets):
        yield Served(buckets["inbox"].folder, accepted, url)


async def test_an_object_comes_back_as_it_was_put(served: Served) -> None:
    put = await served.call(
        "put_object",
        Bucket="inbox",
        Key="a/b.txt",
        Body=b"hello",
        ContentType="text/plain",
        Metadata={"x": "1"},
    )
    got = await served.call("get_object", Bucket="inbox", Key="a/b.txt")

    assert await asyncio.to_thread(got["Body"].read) == b"hello"
    assert got["ETag"] == put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"x": "1"})
    assert (served.folder / "a/b.txt").read_bytes() == b"hello"


async def test_a_put_through_the_endpoint_is_one_event(served: Served) -> None:
    await served.call("put_object", Bucket="inbox", Key="one", Body=b"1")
    await asyncio.sleep(0.3)

    assert served.accepted.names_and_keys() == [("ObjectCreated:Put", "one")]


async def test_a_dropped_file_can_be_read_when_its_event_is_there(served: Served) -> None:
    (served.folder / "dropped").write_bytes(b"x" * 300_000)
    await until(lambda: bool(served.accepted.events))

    got = await served.call("get_object", Bucket="inbox", Key="dropped")
    assert await asyncio.to_thread(got["Body"].read) == b"x" * 300_000


async def test_deleting_raises_an_event_and_deletes_the_file(served: Served) -> None:
    await served.call("put_object", Bucket="inbox", Key="one", Body=b"1")
    await served.call("delete_object", Bucket="inbox", Key="one")
    await asyncio.sleep(0.3)

    assert served.accepted.names_and_keys() == [
        ("ObjectCreated:Put", "one"),
        ("ObjectRemoved:Delete", "one"),
    ]
    assert list(served.folder.iterdir()) == []
    assert await served.refused("get_object", Bucket="inbox", Key="one") == ("NoSuchKey", 404)


async def test_a_large_object_is_streamed_both_ways(served: Served, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(b"0123456789" * 700_000)

    with source.open("rb") as body:
        put = await served.call("put_object", Bucket="inbox", Key="large", Body=body)
    got = await served.call("get_object", Bucket="inbox", Key="large")

    assert put["ETag"].strip('"') == hashlib.md5(source.read_bytes()).hexdigest()
    assert await asyncio.to_thread(got["Body"].read) == source.read_bytes()
    assert [path.name for path in served.folder.iterdir()] == ["large"]


@pytest.mark.parametrize(
    ("given", "expected", "content_range"),
    [
        pytest.param("bytes=0-3", b"0123", "bytes 0-3/10", id="first bytes"),
        pytest.param("bytes=7-", b"789", "bytes 7-9/10", id="from an offset"),
        pytest.param("bytes=-2", b"89", "bytes 8-9/10", id="last bytes"),
        pytest.param("bytes=5-100", b"56789", "bytes 5-9/10", id="beyond the end"),
    ],
)
async def test_ranges(served: Served, given: str, expected: bytes, content_range: str) -> None:
    await served.call("put_object", Bucket="inbox", Key="digits", Body=b"0123456789")

    got = await served.call("get_object", Bucket="inbox", Key="digits", Range=given)

    assert (await asyncio.to_thread(got["Body"].read), got["ContentRange"]) == (expected, content_range)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        pytest.param("get_object", {"Key": "none"}, ("NoSuchKey", 404), id="missing key"),
        pytest.param("head_object", {"Key": "none"}, ("404", 404), id="head of a missing key has no body"),
        pytest.param(
            "get_object", {"Key": "k", "Bucket": "none"}, ("NoSuchBucket", 404), id="missing bucket"
        ),
        pytest.param(
            "get_object", {"Key": "k", "Range": "bytes=9-"}, ("InvalidRange", 416), id="no such range"
        ),
        pytest.param(
            "get_object",
            {"Key": "k", "IfNoneMatch": '"9dd4e461268c8034f5c8564e155c67a6"'},
            ("304", 304),
            id="not modified",
        ),
        pytest.param(
            "get_object", {"Key": "k", "IfMatch": '"0"'}, ("PreconditionFailed", 412), id="another etag"
        ),
        pytest.param(
            "put_object", {"Key": "k", "IfNoneMatch": "*"}, ("PreconditionFailed", 412), id="only when new"
        ),
        pytest.param("put_object", {"Key": "../k"}, ("InvalidArgument", 400), id="a key outside the folder"),
        pytest.param("put_object", {"Key": "k/below"}, ("InvalidArgument", 400), id="a file is no folder"),
        pytest.param("put_object", {"Key": "x" * 1025}, ("KeyTooLongError", 400), id="too long a key"),
        pytest.param(
            "put_object", {"Key": "y" * 300}, ("InvalidArgument", 400), id="too long for the folder"
        ),
        pytest.param("put_object", {"Key": "m", "ContentMD5": "YWJj"}, ("InvalidDigest", 400), id="no MD5"),
        pytest.param(
            "put_object",
            {"Key": "m", "ChecksumSHA256": base64.b64encode(bytes(32)).decode()},
            ("BadDigest", 400),
            id="wrong checksum",
        ),
        pytest.param(
            "put_object",
            {"Key": "m", "Metadata": {"a": "x" * 2048}},
            ("MetadataTooLarge", 400),
            id="too much metadata",
        ),
        pytest.param(
            "list_objects_v2", {"ContinuationToken": "\u00e9"}, ("InvalidArgument", 400), id="foreign token"
        ),
        pytest.param("get_bucket_policy_status", {}, ("NotImplemented", 501), id="not simulated"),
    ],
)
async def test_errors(
    served: Served, operation: str, parameters: dict[str, Any], expected: tuple[str, int]
) -> None:
    await served.call("put_object", Bucket="inbox", Key="k", Body=b"x")

    assert await served.refused(operation, **({"Bucket": "inbox"} | parameters)) == expected
    assert sorted(path.name for path in served.folder.iterdir()) == ["k"]
    assert {path.name for path in served.folder.parent.iterdir()} <= {"inbox"}


@pytest.mark.parametrize(
    ("operation", "parameters", "name"),
    [
        pytest.param("restore_object", {"Key": "k"}, "RestoreObject", id="restore"),
        pytest.param(
            "put_bucket_versioning",
            {"VersioningConfiguration": {"Status": "Enabled"}},
            "PutBucketVersioning",
            id="versioning",
        ),
        pytest.param("get_object_torrent", {"Key": "k"}, "GetObjectTorrent", id="torrent"),
    ],
)
async def test_what_is_not_simulated_is_refused_by_name(
    served: Served, operation: str, parameters: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError, match=name + " is not simulated"):
        await served.call(operation, Bucket="inbox", **parameters)


async def test_listing_pages_and_rolls_up(served: Served) -> None:
    for key in ("a/1", "a/2", "b", "c/1", "é +%/ü", "z"):
        await served.call("put_object", Bucket="inbox", Key=key, Body=b"x")
    pages = await asyncio.to_thread(
        lambda: list(
            served.client.get_paginator("list_objects_v2").paginate(
                Bucket="inbox", Delimiter="/", PaginationConfig={"PageSize": 2}
            )
        )
    )

    assert [
        [each["Key"] for each in page.get("Contents", [])]
        + [each["Prefix"] for each in page.get("CommonPrefixes", [])]
        for page in pages
    ] == [["b", "a/"], ["z", "c/"], ["é +%/"]]
    assert [page["KeyCount"] for page in pages] == [2, 2, 1]


async def test_listing_starts_after_a_key_and_keeps_to_the_prefix(served: Served) -> None:
    for key in ("p/1", "p/2", "p/3", "q"):
        await served.call("put_object", Bucket="inbox", Key=key, Body=b"x")

    listed = await served.call("list_objects_v2", Bucket="inbox", Prefix="p/", StartAfter="p/1")

    assert [each["Key"] for each in listed["Contents"]] == ["p/2", "p/3"]
    assert listed["IsTruncated"] is False


async def test_buckets(served: Served) -> None:
    listed = await served.call("list_buckets")
    head = await served.call("head_bucket", Bucket="inbox")

    assert [each["Name"] for each in listed["Buckets"]] == ["inbox"]
    assert head["BucketRegion"] == "us-east-1"
    assert await served.refused("head_bucket", Bucket="none") == ("404", 404)


async def test_virtual_host_style(served: Served) -> None:
    await served.call("put_object", Bucket="inbox", Key="a b", Body=b"x")
    async with ClientSession() as session:
        headers = {"Host": "inbox.localhost:4566"}
        async with session.get(f"{served.url}/a%20b", headers=headers) as response:
            assert (response.status, await response.read()) == (200, b"x")


def aws_chunked(payload: bytes, trailers: str) -> bytes:
    """Frame a payload in two chunks, signed as older clients do."""
    middle = len(payload) // 2
    framed = b""
    for chunk in (payload[:middle], payload[middle:]):
        framed += f"{len(chunk):x};chunk-signature={'0' * 64}\r\n".encode() + chunk + b"\r\n"
    return framed + b"0\r\n" + trailers.encode() + b"\r\n"


@pytest.mark.parametrize(
    ("damage", "status"), [(0, 200), (1, 400)], ids=["right trailing checksum", "wrong trailing checksum"]
)
async def test_aws_chunked_bodies_are_taken_apart(served: Served, damage: int, status: int) -> None:
    payload = b"0123456789" * 1000
    crc = base64.b64encode((zlib.crc32(payload) ^ damage).to_bytes(4, "big")).decode()
    async with ClientSession() as session:
        response = await session.put(
            f"{served.url}/inbox/framed",
            data=aws_chunked(payload, f"x-amz-checksum-crc32:{crc}\r\n"),
            headers={
                "Content-Encoding": "aws-chunked",
                "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "x-amz-decoded-content-length": str(len(payload)),
                "x-amz-trailer": "x-amz-checksum-crc32",
            },
        )
        body = await response.text()

    assert response.status == status, body
    if status == 200:
        assert response.headers["x-amz-checksum-crc32"] == crc
        assert (served.folder / "framed").read_bytes() == payload
    else:
        assert "<Code>BadDigest</Code>" in body
        assert list(served.folder.iterdir()) == []


async def test_an_error_is_xml_with_the_key_and_request_id(served: Served) -> None:
    async with ClientSession() as session, session.get(f"{served.url}/inbox/a%26b") as response:
        body = await response.text()
        request_id = response.headers["x-amz-request-id"]

    assert response.content_type == "application/xml"
    assert body.endswith(
        "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&amp;b</Key>"
        f"<RequestId>{request_id}</RequestId><HostId>{response.headers['x-amz-id-2']}</HostId></Error>"
    )


async def test_a_handler_that_writes_into_its_own_bucket_does_not_loop(served: Served, feed: Feed) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)
    trace = "Root=1-69560000-000000000000000000000001;Parent=53995c3f42cd8ad8;Sampled=0"
    async with ClientSession() as session:
        headers = {"X-Amzn-Trace-Id": trace}
        async with session.put(f"{served.url}/inbox/result", data=b"x", headers=headers) as response:
            assert response.status == 200
    await asyncio.sleep(0.3)

    assert served.accepted.events == []
    assert [(fact.function, fact.detail) for fact in facts if isinstance(fact, RecursionStopped)] == [
        ("resize", "result")
    ]


async def test_a_hidden_name_that_is_put_is_an_object(served: Served) -> None:
    await served.call("put_object", Bucket="inbox", Key=".config", Body=b"1")
    (served.folder / ".config").write_text("22")
    await until(lambda: len(served.accepted.events) == 2)

    assert (await served.call("head_object", Bucket="inbox", Key=".config"))["ContentLength"] == 2


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        pytest.param("put_object", {"Key": "known", "Body": b"2"}, id="a put over an object"),
        pytest.param("put_object", {"Key": "new", "Body": b"2"}, id="a new object"),
        pytest.param("delete_object", {"Key": "known"}, id="a deletion"),
    ],
)
async def test_what_could_not_be_stored_has_not_happened(
    served: Served, operation: str, parameters: dict[str, Any]
) -> None:
    await served.call("put_object", Bucket="inbox", Key="known", Body=b"1", Metadata={"kept": "yes"})
    served.accepted.refusal = StoreFull(None)

    refused = await served.refused(operation, Bucket="inbox", **parameters)
    served.accepted.refusal = None
    await asyncio.sleep(0.5)

    assert refused == ("InternalError", 500)
    assert [(path.name, path.read_bytes()) for path in served.folder.iterdir()] == [("known", b"1")]
    assert served.accepted.names_and_keys() == [("ObjectCreated:Put", "known")]
    assert (await served.call("head_object", Bucket="inbox", Key="known"))["Metadata"] == {"kept": "yes"}


async def test_symbolic_links_out_of_the_folder_do_not_exist(served: Served, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (served.folder / "link").symlink_to(tmp_path / "secret")
    (served.folder / "way-out").symlink_to(tmp_path)
    await asyncio.sleep(0.5)

    assert served.accepted.events == []
    assert await served.refused("get_object", Bucket="inbox", Key="link") == ("NoSuchKey", 404)
    for key in ("way-out/new", "way-out/new/deeper"):
        refused = await served.refused("put_object", Bucket="inbox", Key=key, Body=b"x")
        assert refused == ("InvalidArgument", 400)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "header"),
    [
        pytest.param({"StorageClass": "GLACIER"}, "x-amz-storage-class", id="another storage class"),
        pytest.param({"ObjectLockLegalHoldStatus": "ON"}, "x-amz-object-lock", id="a legal hold"),
    ],
)
async def test_what_an_upload_asks_for_and_is_not_simulated_is_refused_by_name(
    served: Served, options: dict[str, str], header: str
) -> None:
    with pytest.raises(ClientError, match=header):
        await served.call("put_object", Bucket="inbox", Key="k", Body=b"", **options)
    assert not (served.folder / "k").exists()


async def test_what_every_object_has_may_be_asked_for(served: Served) -> None:
    await served.call("put_object", Bucket="inbox", Key="k", Body=b"", ACL="private", StorageClass="STANDARD")
    assert (served.folder / "k").exists()
