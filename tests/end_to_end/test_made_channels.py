"""Queues and streams that are made over the API, in a real simulator: used, killed, found again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.end_to_end.headrace_process import HEADRACE, PATIENCE_SECONDS, HeadraceProcess, wait_until

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:made"
STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/made"
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.keep]
handler = "app.handler"
code = "code"
environment = { KEPT = "kept.txt" }
"""
HANDLER = '''
import base64, os


def handler(event, context):
    """Write down what arrived."""
    with open(os.environ["KEPT"], "a") as kept:
        for record in event["Records"]:
            if "body" in record:
                kept.write(record["body"] + "\\n")
            else:
                kept.write(base64.b64decode(record["kinesis"]["data"]).decode() + "\\n")
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    kept = folder / "kept.txt"
    kept.touch()
    (folder / "headrace.toml").write_text(CONFIGURATION.replace("kept.txt", str(kept)))
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text(HANDLER)
    return folder


def client(url: str, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [HEADRACE, *arguments], cwd=folder, capture_output=True, timeout=PATIENCE_SECONDS, check=False
    )


def aws(url: str, *arguments: str) -> Any:
    """Run the AWS CLI, and return what it prints as JSON."""
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }
    ended = subprocess.run(
        [Path(sys.executable).with_name("aws"), "--endpoint-url", url, *arguments, "--output", "json"],
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        env=environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return json.loads(ended.stdout) if ended.stdout.strip() else None


@pytest.fixture(scope="module")
def made(folder: Path) -> Iterator[HeadraceProcess]:
    """A simulator whose former self made a queue, a stream and mappings of them, and was killed."""
    with HeadraceProcess(folder) as first:
        queue = client(first.url, "sqs").create_queue(QueueName="made", Attributes={"DelaySeconds": "0"})
        client(first.url, "kinesis").create_stream(StreamName="made", ShardCount=1)
        lambda_ = client(first.url, "lambda")
        lambda_.create_event_source_mapping(EventSourceArn=QUEUE_ARN, FunctionName="keep")
        lambda_.create_event_source_mapping(
            EventSourceArn=STREAM_ARN, FunctionName="keep", StartingPosition="TRIM_HORIZON"
        )
        client(first.url, "sqs").send_message(QueueUrl=queue["QueueUrl"], MessageBody="before")
        wait_until(lambda: "before" in kept(folder), "the message arrived")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(PATIENCE_SECONDS)
    assert run(folder, "send", "made", "meanwhile").returncode == 0
    assert run(folder, "put-record", "made", "meanwhile").returncode == 0
    with HeadraceProcess(folder) as second:
        yield second


def kept(folder: Path) -> list[str]:
    return (folder / "kept.txt").read_text().split()


def test_what_was_made_is_found_again_after_a_kill(made: HeadraceProcess, folder: Path) -> None:
    wait_until(lambda: kept(folder).count("meanwhile") == 2, "both were delivered")
    described = client(made.url, "kinesis").describe_stream_summary(StreamName="made")
    assert described["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"


def test_commands_know_what_was_made(made: HeadraceProcess, folder: Path) -> None:
    assert b"made" in run(folder, "queue", "ls").stdout
    assert run(folder, "send", QUEUE_ARN, "beside").returncode == 0
    assert run(folder, "put-record", "streams.made", "beside").returncode == 0
    wait_until(lambda: kept(folder).count("beside") == 2, "both were delivered")
    status = json.loads(run(folder, "status", "--json").stdout)
    assert "made" in status["queues"]
    assert status["streams"] == {"made": 1}
    assert len(status["event_source_mappings"]) == 2
    unknown = run(folder, "send", "none", "a")
    assert unknown.returncode == 2
    assert b"there is no queue 'none'" in unknown.stderr
    assert b"made" in unknown.stderr


def test_the_aws_cli_makes_and_deletes(made: HeadraceProcess) -> None:
    url = aws(made.url, "sqs", "create-queue", "--queue-name", "short")["QueueUrl"]
    assert url in aws(made.url, "sqs", "list-queues")["QueueUrls"]
    aws(made.url, "sqs", "delete-queue", "--queue-url", url)
    aws(made.url, "kinesis", "create-stream", "--stream-name", "short", "--shard-count", "1")
    aws(made.url, "kinesis", "wait", "stream-exists", "--stream-name", "short")
    assert aws(made.url, "kinesis", "list-streams")["StreamNames"] == ["made", "short"]
    aws(made.url, "kinesis", "delete-stream", "--stream-name", "short")
    aws(made.url, "kinesis", "wait", "stream-not-exists", "--stream-name", "short")
