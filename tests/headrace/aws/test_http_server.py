"""What is no HTTP request, or too much of one, is answered so that AWS clients can read it."""

import asyncio
import http.client
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.parsers import create_parser

from engine.clock import Clock
from engine.store.database import Store
from tests.fakes.endpoint import Served, served
from tests.fakes.scripted_functions import ScriptedFunctions


@pytest.fixture
async def there(clock: Clock, store: Store) -> AsyncIterator[Served]:
    async with served(clock, store, ScriptedFunctions(clock), "feeling") as running:
        yield running


async def exchange(url: str, content: bytes) -> dict[str, Any]:
    """Send bytes; return the answer as botocore's parsers take it."""

    def talk() -> dict[str, Any]:
        address = urlsplit(url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
            connection.sendall(content)
            response = http.client.HTTPResponse(connection)
            response.begin()
            body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return {"status_code": response.status, "headers": headers, "body": body}

    return await asyncio.get_running_loop().run_in_executor(None, talk)


@pytest.mark.parametrize("protocol", ["json", "rest-json", "query", "rest-xml"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"GRAB / HTTP/1.1\r\n\r\n", id="a method that is none"),
        pytest.param(b"GET / HTTP/7.7\r\n\r\n", id="another version of HTTP"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", id="a length that is no number"),
        pytest.param(b"POST / HTTP/1.1\r\nno colon\r\n\r\n", id="a header without a colon"),
        pytest.param(b"GET /%b HTTP/1.1\r\n\r\n" % (b"x" * 100_000), id="a path longer than any"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", id="encrypted traffic"),
    ],
)
async def test_what_is_no_request_is_answered_for_every_client(
    there: Served, content: bytes, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await exchange(there.url, content)
    found = create_parser(protocol).parse(answer, None)  # type: ignore[arg-type]
    assert found["Error"]["Code"] == ("400" if protocol == "json" else "BadRequest")
    assert found["Error"]["Message"]
    assert found["ResponseMetadata"]["RequestId"]
    assert answer["status_code"] == 400
    assert not [record for record in caplog.records if record.exc_info and record.levelno > logging.DEBUG]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("Host", "[::1", id="a host that is no address"),
        pytest.param("Origin", "http://[::1", id="an origin that is no address"),
        pytest.param("Host", "\xff\xfe", id="a host that is no text"),
    ],
)
async def test_addresses_that_are_none_are_not_of_this_machine(there: Served, name: str, value: str) -> None:
    reply = await there.request("POST", "/", b"", {name: value})
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")


async def test_an_operation_that_is_no_text_is_refused_by_name(there: Served) -> None:
    content = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Some.\xff\xfe\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await exchange(there.url, content)
    assert answer["status_code"] == 501
    assert b"NotImplementedException" in answer["body"]
