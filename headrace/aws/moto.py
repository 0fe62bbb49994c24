"""Passes requests on to moto's server, for services that Headrace does not simulate.

The server is a process of its own, started at the first such request. It ends with the simulator, however
that ends: it reads from a pipe that only the simulator holds open.
"""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from engine.arn import Account
from engine.clock import Clock
from engine.errors import HeadraceError
from engine.functions.variables import MADE_UP
from headrace.aws.unknown_request import FORM

LOGGER = logging.getLogger(__name__)
SERVER = Path(__file__).with_name("moto_server.py")
NEEDED = ("moto", "flask", "flask_cors", "werkzeug")
OUTCOME = "X-Headrace-Outcome"
BLOCK_BYTES = 256 * 1024
OF_THE_CONNECTION = frozenset(("connection", "expect", "keep-alive", "transfer-encoding", "upgrade", "te"))
NOT_FOUND_PAGES = (b"<!doctype html>", b"Not Found")  # what moto answers where it has no route


class MotoFailed(HeadraceError):
    """moto's server could not be started, or failed at a request."""


def has_moto() -> bool:
    """Say whether the extra `headrace[aws]` is installed."""
    return all(find_spec(name) is not None for name in NEEDED)


class Moto:
    """The server and the connections to it."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._url = ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Answer a request as moto does; None when moto has no such operation. Raises MotoFailed.

        The bodies pass through in pieces as they come.
        """
        with self._clock.outside():
            session = await self._opened()
            try:
                async with session.request(
                    request.method,
                    URL(self._url + request.raw_path, encoded=True),
                    headers=_passed(request.headers),
                    data=await _body(request),
                    skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                    allow_redirects=False,
                ) as answer:
                    return await _pass_back(request, answer)
            except aiohttp.ClientError as error:
                if (gone := request.content.exception()) is not None:
                    raise gone from error  # the body has not come to its end: nobody waits for an answer
                raise MotoFailed(f"moto's server did not answer: {error}") from error

    async def close(self) -> None:
        """End the server."""
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            await asyncio.to_thread(_end, self._process)

    async def _opened(self) -> aiohttp.ClientSession:
        async with self._starting:
            if self._process is not None and self._process.poll() is not None:
                LOGGER.warning("moto's server has ended and is started anew, without what it had")
                self._process = None
            if self._process is None:
                self._process = self._start()
                line = await asyncio.to_thread(_first_line, self._process)
                if not line.strip().isdigit():
                    raise MotoFailed("moto's server does not start: is headrace[aws] installed completely?")
                self._url = f"http://127.0.0.1:{int(line)}"
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    auto_decompress=False,
                    connector=aiohttp.TCPConnector(force_close=True, limit=0),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),
                )
            return self._session

    def _start(self) -> subprocess.Popen[bytes]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.Popen(
            [sys.executable, "-P", str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the simulator, which ends it
            env={
                **variables,
                "MOTO_ACCOUNT_ID": self._account.account_id,
                "AWS_DEFAULT_REGION": self._account.region,
                "AWS_ACCESS_KEY_ID": MADE_UP.access_key_id,
                "AWS_SECRET_ACCESS_KEY": MADE_UP.secret_access_key,
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )


def _first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()  # it has nothing to keep
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _passed(headers: "aiohttp.typedefs.LooseHeaders") -> CIMultiDict[str]:
    passed = CIMultiDict(headers)
    for name in OF_THE_CONNECTION:
        passed.popall(name, None)
    return passed


async def _body(request: web.BaseRequest) -> AsyncIterator[bytes] | bytes | None:
    if not request.body_exists:
        return None
    if request.content_type == FORM:
        return await request.read()  # a form has been read to know what it is for
    return request.content.iter_chunked(BLOCK_BYTES)


async def _pass_back(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse | None:
    outcome = answer.headers.get(OUTCOME)
    if outcome == "not implemented":
        return None
    if outcome is not None:
        raise MotoFailed(f"moto failed: {outcome}")
    if answer.status == 404 and answer.content_type == "text/html":
        page = await answer.read()
        if page.startswith(NOT_FOUND_PAGES):
            return None
        return web.Response(status=404, body=page, headers=_passed(answer.headers))
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=_passed(answer.headers))
    await response.prepare(request)
    async for block in answer.content.iter_any():
        await response.write(block)
    await response.write_eof()
    return response
