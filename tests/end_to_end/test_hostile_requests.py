"""What hostile requests can do: nothing outside the folders meant for it, and nothing from web pages."""

import contextlib
import http.client
import io
import json
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import HeadraceProcess, write_function

SECRET = "what nobody may read"
ROLE = "arn:aws:iam::000000000000:role/any"
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.noop]
handler = "handler.handler"
code = "functions/noop"

[buckets.inbox]
folder = "buckets/inbox"

[queues.jobs]

[tables.orders]
database = "shop.db"
"""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    folder = tmp_path_factory.mktemp("hostile") / "project"
    inbox = folder / "buckets" / "inbox"
    inbox.mkdir(parents=True)
    (folder / "headrace.toml").write_text(CONFIGURATION)
    write_function(folder, "noop", "def handler(event, context):\n    return {}\n")
    (folder.parent / "outside").mkdir()
    for place in (folder.parent / "outside", folder.parent, folder, folder / "buckets"):
        (place / "secret").write_text(SECRET)
    (inbox / "link").symlink_to(folder.parent / "outside")
    (inbox / "linked-file").symlink_to(folder.parent / "outside" / "secret")
    (inbox / "loop").symlink_to(inbox / "loop")
    (inbox / "fine").write_text("fine")
    with HeadraceProcess(folder) as running:
        yield running


@pytest.fixture
def nothing_outside(simulator: HeadraceProcess) -> Iterator[None]:
    """Fail when anything has changed beside the bucket and the state folder, or the simulator has failed."""
    before = contents(simulator)
    yield
    assert contents(simulator) == before
    assert simulator.invoke("noop", {}) == 200
    assert b"Traceback" not in simulator.errors


def contents(simulator: HeadraceProcess) -> dict[str, str | None]:
    root = simulator.folder.parent
    own = (
        simulator.folder / ".headrace",
        simulator.folder / "buckets" / "inbox",
        simulator.folder / "shop.db",
    )
    found = (path for path in root.rglob("*") if not any(path.is_relative_to(each) for each in own))
    return {
        str(path): path.read_text() if path.is_file() else None
        for path in found
        if not path.name.startswith("shop.db") and "__pycache__" not in path.parts
    }


def ask(
    simulator: HeadraceProcess,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Send a request line as it is, which no SDK would."""
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=60)
    try:
        connection.putrequest(method, path, skip_host=headers is not None and "Host" in headers)
        for name, value in {"Content-Length": str(len(body or b"")), **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def client(simulator: HeadraceProcess, service: str) -> Any:
    return client_of(simulator.url, service)


@cache
def client_of(url: str, service: str) -> Any:
    return boto3.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


KEYS = (
    "../secret",
    "a/../../secret",
    "..%2fsecret",
    "%2e%2e/secret",
    "%2E%2E%2Fsecret",
    "a/%2e%2e/%2e%2e/secret",
    "..%5csecret",
    "..%252fsecret",
    "/../secret",
    "//secret",
    "./../secret",
    "link/secret",
    "link/../secret",
    "linked-file",
    "link/new",
    "loop",
    "loop/x",
    "%00",
    "a%00/../../secret",
    "..",
    ".",
    "%c0%ae%c0%ae/secret",
    "x" * 1100,
    "/".join(["d" * 250] * 5),
)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.usefixtures("nothing_outside")
def test_no_key_leaves_its_bucket(simulator: HeadraceProcess, key: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        status, body = ask(simulator, method, f"/inbox/{key}", b"evil" if method == "PUT" else None)
        assert status < 500, (method, body)
        assert SECRET.encode() not in body
    status, body = ask(simulator, "PUT", "/inbox/copied", b"", {"x-amz-copy-source": f"/inbox/{key}"})
    assert status < 500, body
    assert SECRET.encode() not in ask(simulator, "GET", "/inbox/copied")[1]
    listed = ask(simulator, "GET", f"/inbox?list-type=2&prefix={key}")
    assert listed[0] < 500
    assert b"<Key>link" not in listed[1]


@pytest.mark.parametrize(
    "bucket", ["..", "%2e%2e", "..%2foutside", ".", "%2e", "a%2fb", "%00", "-", "a" * 300]
)
@pytest.mark.usefixtures("nothing_outside")
def test_no_bucket_is_a_way_out(simulator: HeadraceProcess, bucket: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        status, body = ask(simulator, method, f"/{bucket}")
        assert status < 500, body
        assert SECRET.encode() not in body
        assert SECRET.encode() not in ask(simulator, "GET", f"/{bucket}/secret")[1]


@pytest.mark.usefixtures("nothing_outside")
def test_uploads_in_parts_and_forms_stay_inside(simulator: HeadraceProcess) -> None:
    for upload in ("..%2f..%2fsecret", "%2fetc%2fpasswd", "%00", "x" * 500):
        for method in ("PUT", "GET", "DELETE", "POST"):
            path = f"/inbox/k?uploadId={upload}{'&partNumber=1' if method == 'PUT' else ''}"
            assert ask(simulator, method, path, b"evil")[0] in (400, 404)
    for key, filename in (
        ("../secret", "f"),
        ("${filename}", "../../secret"),
        ("link/${filename}", "secret"),
    ):
        form = (
            f'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n{key}\r\n'
            f'--x\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\nevil\r\n'
            "--x--\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        assert ask(simulator, "POST", "/inbox", form.encode(), headers)[0] < 500
    keys = "".join(
        f"<Object><Key>{key}</Key></Object>" for key in ("../secret", "link/secret", "linked-file")
    )
    headers = {"Content-MD5": ""}
    ask(simulator, "POST", "/inbox?delete", f"<Delete>{keys}</Delete>".encode(), headers)
    client(simulator, "s3").delete_objects(
        Bucket="inbox", Delete={"Objects": [{"Key": "../secret"}, {"Key": "link/secret"}]}
    )


def archive(entries: Mapping[str, str], links: Mapping[str, str] | None = None) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("handler.py", "def handler(event, context):\n    return open('secret').read()\n")
        for name, text in entries.items():
            file.writestr(name, text)
        for name, target in (links or {}).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(entry, target)
    return content.getvalue()


ARCHIVES = {
    "upwards": archive({"../../evil": "x"}),
    "absolute": archive({"/tmp/headrace-evil": "x"}),
    "backslashes": archive({"..\\..\\evil": "x"}),
    "a link and through it": archive({"out/evil": "x"}, {"out": "../../.."}),
    "a link to a file": archive({}, {"secret": "../../../../../../../../../../etc/hostname"}),
    "not a zip": b"PK\x03\x04 but nothing else",
    "a name twice": archive({"twice": "a", "./twice": "b", "twice/": ""}),
}


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.usefixtures("nothing_outside")
def test_no_archive_unpacks_outside(simulator: HeadraceProcess, name: str) -> None:
    lambda_ = client(simulator, "lambda")
    function = "evil-" + "".join(letter for letter in name if letter.isalpha())
    with contextlib.suppress(ClientError):
        lambda_.create_function(
            FunctionName=function,
            Role=ROLE,
            Runtime=f"python{sys.version_info[0]}.{sys.version_info[1]}",
            Handler="handler.handler",
            Code={"ZipFile": ARCHIVES[name]},
        )
        answer = lambda_.invoke(FunctionName=function)
        host = Path("/etc/hostname").read_text().strip() if Path("/etc/hostname").exists() else SECRET
        assert host not in answer["Payload"].read().decode()
        lambda_.delete_function(FunctionName=function)
    with contextlib.suppress(ClientError):
        lambda_.publish_layer_version(LayerName="evil", Content={"ZipFile": ARCHIVES[name]})
    assert not Path("/tmp/headrace-evil").exists()


NAMES = (
    "../secret",
    "..",
    "a/b",
    "a\x00b",
    "a\nb",
    "a" * 2000,
    "",
    "\u00e9\u202e",
    "$(touch evil)",
    "'; DROP TABLE x",
)
MAKING = (
    ("sqs", "create_queue", "QueueName"),
    ("sqs", "get_queue_url", "QueueName"),
    ("sqs", "send_message", "QueueUrl"),
    ("kinesis", "create_stream", "StreamName"),
    ("dynamodb", "create_table", "TableName"),
    ("dynamodb", "describe_table", "TableName"),
    ("sns", "create_topic", "Name"),
    ("sns", "publish", "TopicArn"),
    ("events", "create_event_bus", "Name"),
    ("events", "put_rule", "Name"),
    ("scheduler", "create_schedule_group", "Name"),
    ("logs", "create_log_group", "logGroupName"),
    ("logs", "filter_log_events", "logGroupName"),
    ("iam", "create_role", "RoleName"),
    ("sts", "assume_role", "RoleArn"),
    ("lambda", "get_function", "FunctionName"),
    ("lambda", "create_function", "FunctionName"),
    ("lambda", "get_layer_version_by_arn", "Arn"),
)


def status_of(call: Callable[..., Any], parameters: Mapping[str, Any]) -> int:
    """Return the status of an answer; 0 for a request that the client itself could not send."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        answer = error.response
    except (ValueError, TypeError):
        return 0
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


@pytest.mark.parametrize(("service", "operation", "parameter"), MAKING)
@pytest.mark.usefixtures("nothing_outside")
def test_no_name_is_more_than_a_name(
    simulator: HeadraceProcess, service: str, operation: str, parameter: str
) -> None:
    rest: dict[str, dict[str, Any]] = {
        "create_table": {
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
        "create_stream": {"ShardCount": 1},
        "create_role": {"AssumeRolePolicyDocument": "{}"},
        "assume_role": {"RoleSessionName": "me"},
        "send_message": {"MessageBody": "x"},
        "publish": {"Message": "x"},
        "put_rule": {"ScheduleExpression": "rate(1 day)"},
        "create_function": {
            "Role": ROLE,
            "Runtime": "provided.al2023",
            "Handler": "x",
            "Code": {"S3Bucket": "inbox", "S3Key": "../../secret"},
        },
    }
    for name in NAMES:
        call = getattr(client(simulator, service), operation)
        status = status_of(call, {parameter: name, **rest.get(operation, {})})
        assert status < 500 or status == 501, name


@pytest.mark.usefixtures("nothing_outside")
def test_the_paths_of_headrace_itself_are_no_way_in(simulator: HeadraceProcess) -> None:
    for path in ("code/../../../secret", "code/..%2f..%2fsecret", "code//etc/passwd", "operations/../x", "x"):
        status, body = ask(simulator, "GET", f"/_headrace/{path}")
        assert 400 <= status < 500, body
        assert SECRET.encode() not in body


JSON = {"Content-Type": "application/x-amz-json-1.0"}
SCOPED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
PROTOCOLS = [
    pytest.param("POST", "/", b"{}", {**JSON, "X-Amz-Target": "AmazonSQS.ListQueues"}, id="JSON"),
    pytest.param("POST", "/", b"{}", {**JSON, "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, id="logs"),
    pytest.param(
        "POST",
        "/",
        b"{}",
        {**JSON, "X-Amz-Target": "AmazonSSM.DescribeParameters", "Authorization": SCOPED.format("ssm")},
        id="moto",
    ),
    pytest.param(
        "POST",
        "/",
        b"Action=GetCallerIdentity&Version=2011-06-15",
        {"Content-Type": "application/x-www-form-urlencoded"},
        id="Query",
    ),
    pytest.param("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", b"", {}, id="Query in a URL"),
    pytest.param("POST", "/2015-03-31/functions/noop/invocations", b"{}", {}, id="Invoke"),
    pytest.param(
        "GET", "/2018-10-31/layers", b"", {"Authorization": SCOPED.format("lambda")}, id="REST-JSON"
    ),
    pytest.param("GET", "/schedules", b"", {"Authorization": SCOPED.format("scheduler")}, id="scheduler"),
    pytest.param("GET", "/inbox/fine", b"", {}, id="S3"),
    pytest.param(
        "GET",
        "/inbox/fine?X-Amz-Credential=x%2F20260101%2Fus-east-1%2Fs3%2Faws4_request",
        b"",
        {},
        id="presigned",
    ),
    pytest.param("GET", "/_headrace/status", b"", {}, id="headrace's own"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers"), PROTOCOLS)
def test_no_web_page_reaches_a_service(
    simulator: HeadraceProcess, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    for foreign in (
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert ask(simulator, method, path, body, {**headers, **foreign})[0] == 403, foreign
    near = {**headers, "Origin": "http://localhost:3000"}
    assert ask(simulator, method, path, body, near)[0] in (200, 400)


def test_the_simulator_has_lived_through_it(simulator: HeadraceProcess) -> None:
    assert simulator.process.poll() is None
    assert json.loads(ask(simulator, "GET", "/_headrace/status")[1])["functions"]["noop"]
