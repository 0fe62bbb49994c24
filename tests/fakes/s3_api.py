"""boto3 and plain HTTP as clients of the S3 of one running simulator."""

import base64
import http.client
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
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
        self.s3 = self.client("s3", s3={"addressing_style": "path"})

    def client(self, service: Any, **options: Any) -> Any:
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
        return str(response["Error"]["Code"])

    def put(self, bucket: str, key: str, body: bytes = b"x", **options: Any) -> Any:
        return self.s3.put_object(Bucket=bucket, Key=key, Body=body, **options)

    def body(self, bucket: str, key: str, **options: Any) -> bytes:
        return bytes(self.s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read())

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


def b64(data: bytes) -> str:
    """Return bytes as checksums are written."""
    return base64.b64encode(data).decode()
