"""How many requests of a kind an AWS endpoint answers, asked by clients that are as light as can be.

The same bytes go to any endpoint: what both have is made with boto3 first, then each client sends one request
after the other over a connection of its own, for as long as the server keeps it.
"""

import asyncio
import io
import itertools
import json
import sys
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3

from bench.moto_server import MotoServer
from bench.simulator_process import SimulatorProcess

CLIENTS = 8
SECONDS = 3.0
WARM_UP = 0.5  # of the clients' time, for what is loaded at the first request
CONFIGURATION = '[simulator]\nendpoint = "127.0.0.1:0"\n'
HANDLER = "def handler(event, context):\n    return {}\n"
TRUST = '{"Version": "2012-10-17", "Statement": []}'
BODY = "a message that is not long, as most are"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request: its name, the service it is signed for, and its bytes, one after the other."""

    name: str
    service: str
    method: str
    paths: Callable[[], Iterator[str]]
    body: bytes
    headers: Mapping[str, str]


def _json(service: str, target: str, members: Mapping[str, Any]) -> Kind:
    version = "1.1" if service == "kinesis" else "1.0"
    headers = {"X-Amz-Target": target, "Content-Type": f"application/x-amz-json-{version}"}
    name = target.rpartition(".")[2]
    return Kind(name, service, "POST", lambda: itertools.repeat("/"), json.dumps(members).encode(), headers)


def kinds(queue_url: str) -> list[Kind]:
    """Return the kinds of requests, in an order in which each finds what it needs."""
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(10)]
    data = b64encode(BODY.encode()).decode()
    records = [{"Data": data, "PartitionKey": str(number)} for number in range(10)]
    item = {"TableName": "orders", "Key": {"id": {"S": "one"}}}
    # Messages come back after a second, or a fast machine has 120,000 in flight before the time is over.
    receive = {"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 1}
    numbers = itertools.count()
    return [
        _json("sqs", "AmazonSQS.SendMessageBatch", {"QueueUrl": queue_url, "Entries": entries}),
        _json("sqs", "AmazonSQS.ReceiveMessage", receive),
        _json("kinesis", "Kinesis_20131202.PutRecords", {"StreamName": "clicks", "Records": records}),
        Kind(
            "PutObject",
            "s3",
            "PUT",
            lambda: (f"/inbox/object-{number}" for number in numbers),
            b"x" * 1000,
            {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
        ),
        _json("dynamodb", "DynamoDB_20120810.GetItem", item),
        Kind(
            "Invoke",
            "lambda",
            "POST",
            lambda: itertools.repeat("/2015-03-31/functions/noop/invocations"),
            b"{}",
            {},
        ),
    ]


def prepare(endpoint: str) -> str:
    """Make what the requests are about; return the queue's URL."""

    def client(service: str) -> Any:
        return boto3.Session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=f"http://{endpoint}",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )

    queue_url = client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    client("s3").create_bucket(Bucket="inbox")
    client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("dynamodb").get_waiter("table_exists").wait(TableName="orders")
    client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "one"}, "text": {"S": BODY}})
    role = client("iam").create_role(RoleName="noop", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("handler.py", HANDLER)
    client("lambda").create_function(
        FunctionName="noop",
        Role=role,
        Runtime=f"python{sys.version_info[0]}.{sys.version_info[1]}",
        Handler="handler.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName="noop")
    return str(queue_url)


def requests_per_second(endpoint: str, kind: Kind, seconds: float = SECONDS) -> float:
    """Return how many requests a second are answered, all well."""
    return asyncio.run(_measure(endpoint, kind, seconds))


async def _measure(endpoint: str, kind: Kind, seconds: float) -> float:
    done: list[float] = []
    begin = time.perf_counter()
    stop = begin + seconds + WARM_UP
    await asyncio.gather(*(_client(endpoint, kind, stop, done) for _ in range(CLIENTS)))
    return sum(moment >= begin + WARM_UP for moment in done) / (max(done) - begin - WARM_UP)


async def _client(endpoint: str, kind: Kind, stop: float, done: list[float]) -> None:
    host, _, port = endpoint.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = {
        "Host": endpoint,
        "Authorization": (
            f"AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{kind.service}/aws4_request, "
            "SignedHeaders=host, Signature=0"
        ),
        "Content-Length": str(len(kind.body)),
        **kind.headers,
    }
    rest = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n" + kind.body
    for path in kind.paths():
        writer.write(f"{kind.method} {path} HTTP/1.1\r\n".encode() + rest)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0] or 0)
        body = await reader.readexactly(length)
        if b" 200 " not in head[:15]:
            raise RuntimeError(f"{kind.name}: {head.decode()}{body.decode()}")
        done.append(time.perf_counter())
        if done[-1] > stop:
            break
        if b"connection: close" in head.lower():  # as moto has it: a connection for each request
            writer.close()
            reader, writer = await asyncio.open_connection(host, int(port))
    writer.close()


def compare() -> list[tuple[str, float, float]]:
    """Return what Headrace and moto's server answer a second of each kind, right after each other.

    Headrace's files are in memory, too, as moto keeps all it has there: the servers are compared, not a disk.
    """
    with SimulatorProcess(CONFIGURATION, in_memory=True) as simulator, MotoServer() as moto:
        ours, theirs = (kinds(prepare(each.endpoint)) for each in (simulator, moto))
        return [
            (
                kind.name,
                requests_per_second(simulator.endpoint, kind),
                requests_per_second(moto.endpoint, other),
            )
            for kind, other in zip(ours, theirs, strict=True)
        ]
