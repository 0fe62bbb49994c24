"""A simulator that requires signatures, and all that talks to it: scripts, handlers, commands, the CLI."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import HeadraceProcess, headrace, write_function
from tests.end_to_end.lambda_deployment import answer_of

AWS = Path(sys.executable).with_name("aws")
KEY, SECRET = "AKIDSIGNEDSIMULATOR", "a secret that only its users know"
CONFIGURATION = f"""
[simulator]
endpoint = "127.0.0.1:0"
require_signature = true
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"

[functions.signing]
handler = "handler.handler"
code = "functions/signing"
timeout = 60
memory = 512

[buckets.inbox]
folder = "inbox"

[queues.jobs]
"""
HANDLER = """
import boto3


def handler(event, context):
    print("at work on", event["name"])
    boto3.client("s3").put_object(Bucket="inbox", Key=event["name"], Body=b"from the handler")
    queue = boto3.client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=event["name"])
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    folder = tmp_path_factory.mktemp("signed")
    (folder / "headrace.toml").write_text(CONFIGURATION)
    write_function(folder, "signing", HANDLER)
    with HeadraceProcess(folder) as running:
        yield running


def client(simulator: HeadraceProcess, service: str, **credentials: str) -> Any:
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, **credentials}
    return boto3.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=simulator.url,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
        **keys,
    )


def test_handlers_sign_as_the_simulator_asks(simulator: HeadraceProcess) -> None:
    answer = client(simulator, "lambda").invoke(FunctionName="signing", Payload=json.dumps({"name": "a.txt"}))
    arn = json.loads(answer["Payload"].read())
    assert arn == "arn:aws:sts::000000000000:assumed-role/headrace-function/signing"
    assert (simulator.folder / "inbox" / "a.txt").read_bytes() == b"from the handler"


def test_the_logs_of_the_function_are_read(simulator: HeadraceProcess) -> None:
    answer_of(client(simulator, "lambda"), "signing", Payload=json.dumps({"name": "logged"}))
    found = client(simulator, "logs").filter_log_events(
        logGroupName="/aws/lambda/signing", filterPattern='"at work" -a.txt'
    )
    assert [event["message"] for event in found["events"]] == ["at work on logged\n"]
    (stream, *_) = client(simulator, "logs").describe_log_streams(logGroupName="/aws/lambda/signing")[
        "logStreams"
    ]
    events = client(simulator, "logs").get_log_events(
        logGroupName="/aws/lambda/signing", logStreamName=stream["logStreamName"], startFromHead=True
    )["events"]
    assert events[0]["message"].startswith("INIT_START Runtime Version: python:")
    assert events[-1]["message"].startswith("REPORT RequestId: ")


def test_other_keys_are_refused(simulator: HeadraceProcess) -> None:
    for service, operation, code in (
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("sqs", "list_queues", "InvalidSignatureException"),
        ("lambda", "list_functions", "InvalidSignatureException"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(client(simulator, service, aws_secret_access_key="other"), operation)()
        assert caught.value.response["Error"]["Code"] == code


def test_assumed_credentials_work(simulator: HeadraceProcess) -> None:
    keys = client(simulator, "sts").assume_role(
        RoleArn="arn:aws:iam::000000000000:role/deployer", RoleSessionName="me"
    )["Credentials"]
    assumed = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    client(simulator, "s3", **assumed).put_object(Bucket="inbox", Key="assumed", Body=b"x" * 100_000)
    assert (simulator.folder / "inbox" / "assumed").stat().st_size == 100_000
    identity = client(simulator, "sts", **assumed).get_caller_identity()
    assert identity["Arn"].endswith(":assumed-role/deployer/me")


def test_presigned_urls_and_forms_need_no_other_signature(simulator: HeadraceProcess) -> None:
    s3 = client(simulator, "s3")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "inbox", "Key": "by-url"})
    urlopen(Request(url, b"content", {"Content-Type": ""}, method="PUT")).read()
    assert (simulator.folder / "inbox" / "by-url").read_bytes() == b"content"
    form = s3.generate_presigned_post("inbox", "by-form")
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form["fields"].items()
    ]
    parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--x--\r\n')
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    urlopen(Request(form["url"], "".join(parts).encode(), headers)).read()
    assert (simulator.folder / "inbox" / "by-form").read_bytes() == b"hello"


def test_the_aws_cli_signs_what_it_sends(simulator: HeadraceProcess, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"y" * 9_000_000)  # in parts
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for arguments in (
        ("s3", "cp", str(tmp_path / "large"), "s3://inbox/from/cli"),
        ("sqs", "list-queues"),
        ("logs", "describe-log-groups"),
        ("iam", "list-roles"),
    ):
        command = [AWS, "--endpoint-url", simulator.url, *arguments]
        ran = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr.decode()
    assert (simulator.folder / "inbox" / "from" / "cli").stat().st_size == 9_000_000


def test_commands_of_headrace_need_no_keys(simulator: HeadraceProcess) -> None:
    event = '{"name": "commanded"}'
    (simulator.folder / "event.json").write_text(event)
    for arguments in (
        ("status",),
        ("send", "jobs", "hello"),
        ("invoke", "signing", "--payload", event),
        ("invoke", "signing", "--payload", event, "--invocation-type", "Event"),
        ("replay", "event.json"),
    ):
        ran = headrace(simulator.folder, *arguments)
        assert ran.returncode == 0, ran.stderr.decode()


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("require_signature = true", "require_signature needs access_key_id and secret_access_key"),
        (
            'access_key_id = "AKIDSIGNEDSIMULATOR"',
            "access_key_id and secret_access_key have no use without require_signature = true",
        ),
    ],
)
def test_keys_and_their_use_go_together(tmp_path: Path, lines: str, problem: str) -> None:
    (tmp_path / "headrace.toml").write_text(f"[simulator]\n{lines}\n")
    ran = headrace(tmp_path, "check")
    assert ran.returncode == 2
    assert problem in ran.stderr.decode()
