"""Lambda's Invoke operation: boto3, the AWS CLI and a plain client against the endpoint."""

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.clock import Clock
from engine.errors import CodeError, StoreFull
from engine.functions.invocation import Invocation, Throttled
from engine.invocation import event_table
from engine.invocation.event import AsyncEvent
from engine.store.database import Store
from tests.fakes.endpoint import RUNNING_ROOT, Served, served
from tests.fakes.scripted_functions import ScriptedFunctions, raised, returned

PATH = "/2015-03-31/functions/feeling/invocations"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:feeling"


@pytest.fixture
async def there(clock: Clock, store: Store) -> AsyncIterator[Served]:
    functions = ScriptedFunctions(clock)
    async with served(clock, store, functions, "feeling", "other") as running:
        yield running


async def boto3_invoke(there: Served, **parameters: Any) -> dict[str, Any]:
    def call() -> dict[str, Any]:
        client = boto3.client(
            "lambda",
            endpoint_url=there.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            answer = client.invoke(**parameters)
            return {**answer, "Payload": answer["Payload"].read()}
        finally:
            client.close()

    return await asyncio.get_running_loop().run_in_executor(None, call)


def echo(function: str, invocation: Invocation) -> Any:
    return returned({"function": function, "event": json.loads(invocation.payload)}, log_tail=b"START\nEND\n")


@pytest.mark.parametrize(
    "name",
    [
        "feeling",
        "feeling:$LATEST",
        "function:feeling",
        "000000000000:function:feeling",
        "us-east-1:000000000000:function:feeling",
        ARN,
        ARN + ":$LATEST",
    ],
)
async def test_boto3_names_a_function_in_every_way_aws_accepts(there: Served, name: str) -> None:
    there.functions.script = echo
    answer = await boto3_invoke(there, FunctionName=name, Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"]) == {"function": "feeling", "event": {"a": 1}}
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert "LogResult" not in answer


async def test_the_answers_request_id_is_the_invocations(there: Served) -> None:
    answer = await boto3_invoke(there, FunctionName="feeling")
    assert answer["ResponseMetadata"]["RequestId"] == there.functions.attempts[0].invocation.request_id
    assert answer["Payload"] == b"null"


async def test_an_empty_body_reaches_the_handler_as_an_empty_object(there: Served) -> None:
    await there.request("POST", PATH)
    assert there.functions.attempts[0].invocation.payload == b"{}"


async def test_a_function_error_is_an_answer(there: Served) -> None:
    there.functions.script = lambda function, invocation: raised("ValueError", "no", invocation.request_id)
    answer = await boto3_invoke(there, FunctionName="feeling", LogType="Tail")
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"])["errorMessage"] == "no"
    assert answer["LogResult"] == ""


async def test_the_log_tail_comes_in_base64_when_asked_for(there: Served) -> None:
    there.functions.script = echo
    answer = await boto3_invoke(there, FunctionName="feeling", LogType="Tail")
    assert base64.b64decode(answer["LogResult"]) == b"START\nEND\n"


async def test_the_client_context_reaches_a_synchronous_invocation_as_json_text(
    there: Served, clock: Clock
) -> None:
    context = base64.b64encode(b'{"custom": {"k": "v"}}').decode()
    await boto3_invoke(there, FunctionName="feeling", ClientContext=context)
    await boto3_invoke(there, FunctionName="feeling", ClientContext=context, InvocationType="Event")
    await clock.idle()
    contexts = [attempt.invocation.client_context for attempt in there.functions.attempts]
    assert contexts == ['{"custom": {"k": "v"}}', None]


async def test_an_event_is_accepted_before_it_runs(there: Served, clock: Clock) -> None:
    answer = await boto3_invoke(there, FunctionName="feeling", Payload=b"[1]", InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert answer["Payload"] == b""
    assert "ExecutedVersion" not in answer
    await clock.idle()
    (attempt,) = there.functions.attempts
    assert attempt.invocation.request_id == answer["ResponseMetadata"]["RequestId"]
    assert attempt.invocation.payload == b"[1]"


async def test_an_event_is_in_the_store_when_the_answer_arrives(clock: Clock, store: Store) -> None:
    async with served(clock, store, ScriptedFunctions(clock), "feeling", run_events=False) as there:
        reply = await there.request("POST", PATH, b"1", {"X-Amz-Invocation-Type": "Event"})
        assert (reply.status, reply.body) == (202, b"")
        assert await store.read(event_table.waiting_by_function) == {"feeling": 1}


async def test_a_dry_run_runs_nothing(there: Served) -> None:
    answer = await boto3_invoke(there, FunctionName="feeling", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert answer["Payload"] == b""
    assert there.functions.attempts == []


@pytest.mark.parametrize(
    ("parameters", "status", "code", "text"),
    [
        pytest.param(
            {"FunctionName": "doesnotexist"},
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:doesnotexist:$LATEST",
            id="an unknown function",
        ),
        pytest.param(
            {"FunctionName": "feeling", "Qualifier": "7"},
            404,
            "ResourceNotFoundException",
            f"Function not found: {ARN}:7",
            id="an unknown version",
        ),
        pytest.param(
            {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:feeling"},
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:feeling:$LATEST",
            id="another region",
        ),
        pytest.param(
            {"FunctionName": "feeling:$LATEST", "Qualifier": "live"},
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
            id="two qualifiers",
        ),
        pytest.param(
            {"FunctionName": "feeling", "Payload": b"{"},
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: ",
            id="a payload that is not JSON",
        ),
        pytest.param(
            {"FunctionName": "feeling", "Payload": b"n\x87r\x9e"},
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: ",
            id="a payload that is not text",
        ),
        pytest.param(
            {"FunctionName": "feeling", "Payload": b"NaN", "InvocationType": "Event"},
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: ",
            id="an event that is not JSON",
        ),
        pytest.param(
            {"FunctionName": "feeling", "InvocationType": "Later"},
            400,
            "ValidationException",
            "1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [RequestResponse, Event, DryRun]",
            id="an unknown invocation type",
        ),
        pytest.param(
            {"FunctionName": "feeling", "Payload": b'"' + b"x" * 6_291_455 + b'"'},
            413,
            "RequestTooLargeException",
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
            id="a synchronous payload over 6 MB",
        ),
        pytest.param(
            {"FunctionName": "feeling", "Payload": b'"' + b"x" * 1_048_575 + b'"', "InvocationType": "Event"},
            413,
            "RequestTooLargeException",
            "Request must be smaller than 1048576 bytes for the InvokeFunction operation",
            id="an event over 1 MB",
        ),
        pytest.param(
            {"FunctionName": "feeling", "ClientContext": "e30=" * 896},
            400,
            "InvalidRequestContentException",
            "Client context must be at most 3583 bytes of base64, got 3584.",
            id="a client context over its limit",
        ),
        pytest.param(
            {"FunctionName": "feeling", "ClientContext": "not base64"},
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            id="a client context that is not base64",
        ),
        pytest.param(
            {"FunctionName": "feeling", "TenantId": "blue"},
            400,
            "InvalidParameterValueException",
            "X-Amz-Tenant-Id is not simulated by Headrace.",
            id="a parameter that is not simulated",
        ),
    ],
)
async def test_boto3_meets_the_errors_of_lambda(
    there: Served, parameters: dict[str, Any], status: int, code: str, text: str
) -> None:
    with pytest.raises(ClientError) as caught:
        await boto3_invoke(there, **parameters)
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"].startswith(text)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer["ResponseMetadata"]["RequestId"]
    assert there.functions.attempts == []


async def test_the_largest_payloads_are_accepted(there: Served) -> None:
    largest = b'"' + b"x" * 6_291_454 + b'"'
    assert (await there.request("POST", PATH, largest)).status == 200
    event = {"X-Amz-Invocation-Type": "Event"}
    assert (await there.request("POST", PATH, b'"' + b"x" * 1_048_574 + b'"', event)).status == 202


@pytest.mark.parametrize(
    ("name", "answer", "status", "body"),
    [
        pytest.param(
            "doesnotexist",
            None,
            404,
            {"Type": "User", "Message": f"Function not found: {ARN[:-7]}doesnotexist:$LATEST"},
            id="ResourceNotFoundException has a Message",
        ),
        pytest.param(
            "feeling",
            Throttled("ReservedFunctionConcurrentInvocationLimitExceeded"),
            429,
            {
                "Type": "User",
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "message": "Rate Exceeded.",
            },
            id="TooManyRequestsException has a Reason",
        ),
        pytest.param(
            "feeling",
            CodeError("feeling", "the folder code/ is missing"),
            500,
            {"Type": "Service", "Message": "functions.feeling: the folder code/ is missing"},
            id="a function that cannot be run is a ServiceException",
        ),
    ],
)
async def test_error_bodies_have_the_recorded_keys(
    there: Served, name: str, answer: Any, status: int, body: dict[str, str]
) -> None:
    there.functions.script = lambda function, invocation: answer
    reply = await there.request("POST", f"/2015-03-31/functions/{name}/invocations", b"{}")
    assert reply.status == status
    assert list(json.loads(reply.body).items()) == list(body.items())
    assert reply.headers["x-amzn-errortype"].endswith("Exception")


async def test_a_name_that_matches_no_pattern_is_a_validation_error(there: Served) -> None:
    name = "arn:aws:lambda:us-east-1:123400000000@function:myfn"
    reply = await there.request("POST", f"/2015-03-31/functions/{quote(name, safe='')}/invocations", b"{}")
    assert reply.status == 400
    pattern = (
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
        r"(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
    )
    assert json.loads(reply.body) == {
        "message": f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy "
        f"constraint: Member must satisfy regular expression pattern: {pattern}"
    }


async def test_a_full_disk_is_told_to_the_sender_and_nothing_is_accepted(
    there: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(event: AsyncEvent) -> None:
        raise StoreFull(Path("state/headrace.db"))

    monkeypatch.setattr(there.events, "accept", full)
    reply = await there.request("POST", PATH, b"{}", {"X-Amz-Invocation-Type": "Event"})
    assert reply.status == 500
    assert reply.headers["x-amzn-errortype"] == "ServiceException"
    assert "free some disk space" in json.loads(reply.body)["Message"]


async def test_a_running_invocation_that_calls_itself_too_often_is_stopped(there: Served) -> None:
    trace = {"X-Amzn-Trace-Id": f"Root={RUNNING_ROOT};Parent=53995c3f42cd8ad8;Sampled=0"}
    reply = await there.request("POST", PATH, b"{}", trace)
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"] == "RecursiveInvocationException"
    other = await there.request("POST", PATH.replace("feeling", "other"), b"{}", trace)
    assert other.status == 200
    assert there.functions.attempts[0].invocation.lineage == ("feeling",) * 16


async def test_an_invocation_goes_on_when_its_caller_leaves(there: Served, clock: Clock) -> None:
    there.functions.seconds = 5
    host, port = urlsplit(there.url).netloc.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    await writer.drain()
    await there.functions.called.wait()
    writer.close()
    await asyncio.sleep(10)
    assert there.functions.running == 0
    assert len(there.functions.attempts) == 1
    reader.feed_eof()


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: loc", id="half a head"),
        pytest.param(
            b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{}",
            id="a body that ends early",
        ),
        pytest.param(
            b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: two\r\n\r\n{}",
            id="a length that is no number",
        ),
        pytest.param(
            b"POST "
            + PATH.encode()
            + b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            id="a chunk that is none",
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="somebody speaks TLS"),
    ],
)
async def test_a_broken_request_runs_nothing_and_harms_nobody(
    there: Served, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    def send() -> bytes:
        with socket.create_connection((urlsplit(there.url).hostname, urlsplit(there.url).port), 10) as client:
            client.sendall(request_bytes)
            client.shutdown(socket.SHUT_WR)
            return client.recv(65536)

    answer = await asyncio.get_running_loop().run_in_executor(None, send)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")), answer
    assert there.functions.attempts == []
    assert (await there.request("POST", PATH, b"{}")).status == 200
    assert "Traceback" not in caplog.text


AWS = Path(sys.executable).with_name("aws")
CLI_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def is_version_1() -> bool:
    told = subprocess.run([AWS, "--version"], env=CLI_ENVIRONMENT, capture_output=True, text=True, timeout=60)
    return "aws-cli/1." in told.stdout + told.stderr


@pytest.mark.parametrize("kind", [None, "Event"])
async def test_the_aws_cli_invokes_unmodified(
    there: Served, clock: Clock, tmp_path: Path, kind: str | None
) -> None:
    there.functions.script = echo
    command: list[str | Path] = [AWS, "--endpoint-url", there.url, "lambda", "invoke"]
    command += ["--function-name", "feeling", "--payload", '{"key1": "value1"}']
    if not is_version_1():  # which sends the payload as it is, and does not know the option
        command += ["--cli-binary-format", "raw-in-base64-out"]
    command += ["--invocation-type", kind] if kind else []
    command.append(tmp_path / "output.txt")
    call = partial(subprocess.run, command, env=CLI_ENVIRONMENT, capture_output=True, text=True, timeout=60)
    done = await asyncio.get_running_loop().run_in_executor(None, call)
    assert done.returncode == 0, done.stderr
    await clock.idle()
    assert [json.loads(attempt.invocation.payload) for attempt in there.functions.attempts] == [
        {"key1": "value1"}
    ]
    output = (tmp_path / "output.txt").read_text(encoding="utf-8")
    if kind is None:
        assert json.loads(done.stdout) == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
        assert json.loads(output) == {"function": "feeling", "event": {"key1": "value1"}}
    else:
        assert json.loads(done.stdout) == {"StatusCode": 202}
        assert output == ""
