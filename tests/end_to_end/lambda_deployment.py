"""Deploying functions to a running simulator with boto3."""

import io
import json
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import HeadraceProcess, write_function

ROLE = "arn:aws:iam::000000000000:role/worker"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:{}"
RUNTIME = f"python3.{sys.version_info[1]}"
ECHO = """
    import os

    def handler(event, context):
        return {"event": event, "version": context.function_version, "arn": context.invoked_function_arn,
                "stage": os.environ.get("STAGE"), "text": "one"}
"""
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.declared]
handler = "handler.handler"
code = "functions/declared"
memory = 256
environment = { STAGE = "file" }
reserved_concurrency = 5
maximum_retry_attempts = 1

[functions.plain]
handler = "handler.handler"
code = "functions/declared"

[queues.jobs]
[queues.results]

[buckets.packages]
folder = "packages"
"""


def zip_of(source: str, name: str = "app.py") -> bytes:
    """Return a .zip file with one module."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, textwrap.dedent(source))
    return content.getvalue()


def write_configuration(folder: Path) -> Path:
    """Write a configuration with two functions, two queues and a bucket; return its folder."""
    write_function(folder, "declared", "def handler(event, context):\n    return 'declared'\n")
    (folder / "packages").mkdir()
    (folder / "headrace.toml").write_text(CONFIGURATION, encoding="utf-8")
    return folder


def client(process: HeadraceProcess, service: Any = "lambda") -> Any:
    """Return a boto3 client that tries once."""
    return boto3.client(
        service,
        endpoint_url=process.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=30),
    )


def create(functions: Any, name: str, source: str = ECHO, **parameters: Any) -> dict[str, Any]:
    """Make a function; return what is answered."""
    given = {
        "FunctionName": name,
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": zip_of(source)},
        **parameters,
    }
    answer: dict[str, Any] = functions.create_function(**{k: v for k, v in given.items() if v is not None})
    return answer


def invoke(functions: Any, name: str, **parameters: Any) -> Any:
    """Invoke synchronously; return what the function returned, which is JSON."""
    return json.loads(answer_of(functions, name, **parameters)["Payload"])


def answer_of(functions: Any, name: str, **parameters: Any) -> dict[str, Any]:
    """Invoke synchronously; return the whole answer, read to its end, as a socket is left open otherwise."""
    answer: dict[str, Any] = functions.invoke(FunctionName=name, **parameters)
    return {**answer, "Payload": answer["Payload"].read()}


def refused(call: Any, **parameters: Any) -> tuple[int, str, str]:
    """Call an operation that is refused; return status, code and message."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer: Any = caught.value.response
    error = answer["Error"]
    message = error["Message"] or answer.get("message", "")
    return answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], message
