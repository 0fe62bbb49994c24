"""What a handler can reach: the simulator, other hosts, and never AWS itself by accident."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.clock import running_clock
from engine.feed import Feed
from engine.functions.definition import define
from engine.functions.invocation import Invocation, InvocationResult
from engine.functions.pool import Functions
from engine.functions.settings import FunctionSettings

HANDLER = """
import os
import socket

import boto3


def handler(event, context):
    os.environ.pop("AWS_ENDPOINT_URL", None)
    if event["how"] == "boto3":
        boto3.client(
            "s3", endpoint_url="https://s3.eu-west-1.amazonaws.com", region_name="eu-west-1"
        ).list_buckets()
    if event["how"] == "socket":
        socket.create_connection((event["host"], 443), timeout=0.001)
    if event["how"] == "name":
        socket.gethostbyname(event["host"])
    return "reached"
"""


@asynccontextmanager
async def functions(folder: Path, **settings: Any) -> AsyncIterator[Functions]:
    (folder / "handler.py").write_text(HANDLER)
    given = FunctionSettings(handler="handler.handler", code=folder, timeout=30, memory=512, **settings)
    definition = define("reaching", given, folder)
    async with Functions(
        [definition], clock=running_clock(), feed=Feed(), endpoint=lambda: "http://127.0.0.1:4566"
    ) as pool:
        yield pool


async def invoke(pool: Functions, **event: str) -> dict[str, Any]:
    result = await pool.invoke("reaching", Invocation("r", json.dumps(event).encode()))
    assert isinstance(result, InvocationResult)
    answer = json.loads(result.payload)
    return answer if isinstance(answer, dict) else {"errorType": None}


async def test_a_client_that_asks_for_aws_itself_is_told_why_not(tmp_path: Path) -> None:
    async with functions(tmp_path) as pool:
        found = await invoke(pool, how="boto3")
        assert "s3.eu-west-1.amazonaws.com is AWS itself" in found["errorMessage"]
        assert "AWS_ENDPOINT_URL (http://127.0.0.1:4566)" in found["errorMessage"]
        assert "reach_aws = true in [functions.reaching]" in found["errorMessage"]


HOSTS_OF_AWS = (
    "sqs.us-east-1.AMAZONAWS.com.",
    "b.s3.cn-north-1.amazonaws.com.cn",
    "lambda.us-east-1.api.aws",
    "x.lambda-url.us-east-1.on.aws",
)
OTHER_HOSTS = ("amazonaws.com.example.invalid", "notamazonaws.invalid", "localhost")


async def test_no_host_of_aws_is_found_and_any_other_is_asked_for(tmp_path: Path) -> None:
    async with functions(tmp_path) as pool:
        for how in ("socket", "name"):
            for host in HOSTS_OF_AWS:
                assert (await invoke(pool, how=how, host=host))["errorType"] == "AwsOutOfReach"
            for host in OTHER_HOSTS:
                found = await invoke(pool, how=how, host=host)
                assert found["errorType"] != "AwsOutOfReach"


async def test_who_asks_for_it_may_reach_aws(tmp_path: Path) -> None:
    async with functions(tmp_path, reach_aws=True) as pool:
        found = await invoke(pool, how="socket", host="sqs.us-east-1.amazonaws.com")
        assert found["errorType"] != "AwsOutOfReach"
