"""The endpoint itself: who is answered, by whom, and what happens when something is wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.clock import Clock
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handler, Handlers, is_local_host_header
from headrace.aws.listener import listen
from tests.fakes.endpoint import Served, served
from tests.fakes.scripted_functions import ScriptedFunctions

PATH = "/2015-03-31/functions/feeling/invocations"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)


@pytest.fixture
async def there(clock: Clock, store: Store) -> AsyncIterator[Served]:
    async with served(clock, store, ScriptedFunctions(clock), "feeling") as running:
        yield running


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("localhost", True),
        ("localhost:4566", True),
        ("LOCALHOST.", True),
        ("photos.localhost:4566", True),
        ("photos.s3.localhost", True),
        ("127.0.0.1:4566", True),
        ("127.1.2.3", True),
        ("[::1]:4566", True),
        ("[::1]", True),
        ("example.com", False),
        ("localhost.example.com", False),
        ("notlocalhost", False),
        ("192.168.0.7:4566", False),
        ("127.0.0.1.example.com", False),
        ("", False),
        ("[::1", False),
        ("[example]", False),
    ],
)
def test_only_names_of_this_machine_are_local(header: str, expected: bool) -> None:
    assert is_local_host_header(header) is expected


@pytest.mark.parametrize(
    ("method", "path", "headers", "answer"),
    [
        pytest.param("GET", "/", {}, b"s3 GET /", id="the root is S3's"),
        pytest.param("PUT", "/photos/a%20b.jpg", {}, b"s3 PUT /photos/a b.jpg", id="any other path is S3's"),
        pytest.param(
            "GET",
            "/x",
            {"Authorization": SIGNED.format("s3")},
            b"s3 GET /x",
            id="what is signed for S3 is S3's",
        ),
        pytest.param(
            "PUT",
            "/2015-03-31/functions/k",
            {"Authorization": SIGNED.format("s3")},
            b"s3 PUT /2015-03-31/functions/k",
            id="also in a bucket called like a version of Lambda's",
        ),
        pytest.param("PUT", "/2015-03-31/k", {}, b"s3 PUT /2015-03-31/k", id="a bucket called like one"),
        pytest.param("GET", "/_headrace/status", {}, b"control GET /_headrace/status", id="control paths"),
    ],
)
async def test_requests_find_their_service(
    there: Served, method: str, path: str, headers: dict[str, str], answer: bytes
) -> None:
    reply = await there.request(method, path, headers=headers)
    assert (reply.status, reply.body) == (200, answer)
    assert reply.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    "path", ["/2018-10-31/layers", "/2017-03-31/tags/arn", "/2019-09-25/functions/f?x=y"]
)
async def test_unsigned_requests_are_lambdas_by_their_paths(there: Served, path: str) -> None:
    reply = await there.request("GET", path)
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (501, "NotImplementedException")
    assert b"lambda GET " in reply.body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Host": "example.com"}, 403, id="another name for this address is refused"),
        pytest.param({"Host": "feeling.localhost:1"}, 200, id="a name below localhost is fine"),
        pytest.param({"Origin": "https://example.com"}, 403, id="a web page of another site is refused"),
        pytest.param({"Origin": "null"}, 403, id="a web page without an origin is refused"),
        pytest.param({"Origin": "http://localhost:3000"}, 200, id="a web page of this machine is fine"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="an image of another site is refused"),
        pytest.param({"Sec-Fetch-Site": "none"}, 200, id="an address typed by the user is fine"),
    ],
)
async def test_no_web_page_drives_the_simulator(there: Served, headers: dict[str, str], status: int) -> None:
    reply = await there.request("POST", PATH, b"{}", headers)
    assert reply.status == status
    assert len(there.functions.attempts) == (1 if status == 200 else 0)
    assert reply.headers["x-amzn-requestid"]


async def raise_for_client(there: Served, service: str, operation: str, **parameters: str) -> ClientError:
    def call() -> ClientError:
        client: Any = boto3.Session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=there.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            with pytest.raises(ClientError) as caught:
                getattr(client, operation)(**parameters)
            return caught.value
        finally:
            client.close()

    return await asyncio.get_running_loop().run_in_executor(None, call)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        pytest.param("dynamodb", "list_tables", {}, "dynamodb ListTables", id="a JSON service"),
        pytest.param("sts", "get_caller_identity", {}, "sts GetCallerIdentity", id="a Query service"),
        pytest.param("scheduler", "list_schedules", {}, "scheduler ListSchedules", id="a REST service"),
        pytest.param(
            "lambda",
            "get_function",
            {"FunctionName": "feeling"},
            "lambda GET /2015-03-31/functions/feeling",
            id="another operation of Lambda",
        ),
    ],
)
async def test_what_is_not_simulated_is_refused_by_name(
    there: Served, service: str, operation: str, parameters: dict[str, str], named: str
) -> None:
    error = (await raise_for_client(there, service, operation, **parameters)).response
    assert error["Error"]["Code"].startswith("NotImplemented")
    assert error["Error"]["Message"] == f"{named} is not simulated by Headrace."
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


def endpoint(handler: Handler, grace: float = 2.0) -> Endpoint:
    return Endpoint(listen("127.0.0.1", 0), Handlers(handler, handler, handler), grace)


async def ask(url: str, *lines: str, body: bytes = b"") -> bytes:
    """Send one request on the test's own loop; return all that comes back until the connection closes."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write("\r\n".join((*lines, "Host: localhost", "Connection: close", "", "")).encode())
        answer = b""
        if body:
            answer = await reader.readuntil(b"\r\n\r\n")
            writer.write(body)
        return answer + await reader.read()
    except ConnectionResetError:
        return answer
    finally:
        writer.close()


@pytest.mark.parametrize("streams", [False, True])
async def test_answers_are_dated_by_the_simulators_clock(clock: Clock, streams: bool) -> None:
    async def answers(request: web.BaseRequest) -> web.StreamResponse:
        if not streams:
            return web.Response(body=b"there")
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write_eof()
        return response

    handlers = Handlers(answers, answers, answers)
    async with Endpoint(listen("127.0.0.1", 0), handlers, now=clock.now) as there:
        answer = await ask(there.url, "GET / HTTP/1.1")
    assert answer.count(b"Date: ") == 1
    assert b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n" in answer


async def test_a_bug_in_a_handler_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(request: web.BaseRequest) -> web.StreamResponse:
        raise KeyError("secret detail")

    async with endpoint(fails) as there:
        answer = await ask(there.url, "GET / HTTP/1.1")
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500")
    assert json.loads(body)["Type"] == "Service"
    assert b"secret" not in answer
    assert "secret detail" in caplog.text


async def test_a_bug_in_the_middle_of_an_answer_cuts_it_off(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"half")
        raise KeyError("detail")

    async with endpoint(fails) as there:
        answer = await ask(there.url, "GET / HTTP/1.1")
    assert b"InternalFailure" not in answer
    assert len(answer.partition(b"\r\n\r\n")[2]) < 100


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    async def read(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with endpoint(read) as there:
        answer = await ask(
            there.url, "PUT /b/k HTTP/1.1", "Content-Length: 2", "Expect: 100-continue", body=b"{}"
        )
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n{}")


async def test_closing_lets_a_request_in_progress_end(clock: Clock) -> None:
    begun = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        await asyncio.sleep(1)
        return web.Response(text="done")

    async with endpoint(slow, grace=5.0) as there:
        asking = asyncio.create_task(ask(there.url, "GET / HTTP/1.1"))
        await begun.wait()
    assert (await asking).endswith(b"done")


async def test_closing_cancels_what_takes_longer_than_the_grace(clock: Clock) -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    async def stuck(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("cancelled")
        return web.Response()

    start = clock.now()
    async with endpoint(stuck, grace=1.0) as there:
        asking = asyncio.create_task(ask(there.url, "GET / HTTP/1.1"))
        await begun.wait()
    await asyncio.gather(asking, return_exceptions=True)
    assert ended == ["cancelled"]
    assert (clock.now() - start).total_seconds() < 10
