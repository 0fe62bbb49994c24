"""The simulator's AWS endpoint: one HTTP server for all services, told apart by path and signature.

`/_headrace/` is for other `headrace` processes, services of the JSON protocol say their name in
`X-Amz-Target`, others in the scope of the signature. What is unsigned is for Lambda by its paths, or for S3,
whose bucket names may be any path.
"""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Self
from urllib.parse import parse_qs, urlsplit

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from engine.errors import ApiError
from engine.invocation.event import new_request_id
from engine.value import dataclass
from headrace.aws.buffered_request import BufferedRequest
from headrace.aws.error_body import (
    REQUEST_ID,
    Form,
    broken_request,
    error_response,
    internal_failure,
    refusal,
    refused_origin,
)
from headrace.aws.http_server import LOGGER as HTTP_LOGGER
from headrace.aws.http_server import HttpServer, name_the_fault_of_a_client
from headrace.aws.light_request import S3_CONTROL_PATH, LightRequest
from headrace.aws.light_server import LightServer
from headrace.aws.listener import BACKLOG, Listener
from headrace.aws.signature_errors import SignatureRefused, saying
from headrace.aws.signature_scope import Scope, scope_of, signed_service

LOGGER = logging.getLogger(__name__)

LAMBDA_PATH = re.compile(
    r"/20\d\d-\d\d-\d\d/(account-settings|event-source-mappings|functions|layers|tags)(?=[/?]|$)", re.ASCII
)
CONTROL_PATH = "/_headrace/"
BODY_BYTES = 6 * 1024 * 1024  # the most that is read into memory at once: a synchronous payload
HEADER_BYTES = 64 * 1024
REQUEST_IDS = (REQUEST_ID, "x-amz-request-id")  # the latter is that of S3
TOO_LARGE = "RequestEntityTooLargeException"
FORM = "application/x-www-form-urlencoded"
QUERY_VERSIONS = {"2012-11-05": "sqs", "2010-03-31": "sns", "2011-06-15": "sts", "2010-05-08": "iam"}
QUEUE_PATH = re.compile(r"/\d{12}/[A-Za-z0-9_-]+(\.fifo)?")
KEYS_OF_TOKENS = re.compile(
    r"/[a-z]{2}(-[a-z]+)+-\d_[0-9A-Za-z]+/\.well-known/(jwks\.json|openid-configuration)"
)  # of Cognito, asked for unsigned

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def refuse(request: web.BaseRequest) -> web.StreamResponse:
    """Answer that what is asked for is not simulated."""
    from headrace.aws.unknown_request import describe

    return (await describe(request)).refuse("is not simulated by Headrace.")


@dataclass(frozen=True, slots=True)
class Handlers:
    """Who answers what. Each may raise ApiError, which is answered as REST-JSON.

    `targets` are the services of the JSON protocol by what `X-Amz-Target` begins with, `signed` those of the
    other protocols by the name in the scope of their clients' signatures, such as `sns`. `other` answers
    what remains, in whatever protocol.
    """

    lambda_: Handler
    s3: Handler
    control: Handler
    targets: Mapping[str, Handler] = field(default_factory=dict)
    signed: Mapping[str, Handler] = field(default_factory=dict)
    other: Handler = refuse


class Unavailable(Exception):
    """Nobody can answer at present; the text says why."""


Elsewhere = Callable[[Scope, Mapping[str, str]], Awaitable[Handlers] | None]


class Endpoint:
    """Listens while entered with `async with`; on leaving, requests in progress may end within the grace.

    Bound to a loopback address, it answers only requests that address this machine by such a name, and none
    that a web page of another site makes in the user's browser.
    """

    def __init__(
        self,
        listener: Listener,
        handlers: Handlers,
        grace_seconds: float = 2.0,
        during: Callable[[str | None], AbstractAsyncContextManager[object]] = nullcontext,
        let_in: Callable[[BufferedRequest], Awaitable[None]] | None = None,
        now: Callable[[], datetime] | None = None,
        elsewhere: Elsewhere = lambda _scope, _headers: None,
    ) -> None:
        """Each request is answered within what `during` returns for its trace header.

        `let_in` raises SignatureRefused. `now` dates the answers where time is not the real one. What is
        signed for another region or account is for the handlers that `elsewhere` returns.
        """
        self._listener = listener
        self._handlers = handlers
        self._grace_seconds = grace_seconds
        self._during = during
        self._let_in = let_in
        self._now = now
        self._elsewhere = elsewhere
        self._only_local_names = is_local_name(listener.host)
        self._http: web.Server | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Answer what connects, and what has connected since the address was taken."""
        loop = asyncio.get_running_loop()
        HTTP_LOGGER.addFilter(name_the_fault_of_a_client)
        self._http = HttpServer(
            self._answer,  # type: ignore[arg-type]  # the requests it is given are those of the factory
            request_factory=self._request,
            access_log=None,
            logger=HTTP_LOGGER,
            auto_decompress=False,  # S3 stores what was sent
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        self._light = LightServer(self._answer_light, self._http)
        self._server = await loop.create_server(self._light, sock=self._listener.socket, backlog=BACKLOG)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Accept no more, then end what is in progress."""
        assert self._server is not None
        assert self._http is not None
        self._server.close()
        self._http.pre_shutdown()
        await self._light.shutdown(self._grace_seconds)
        await self._http.shutdown(self._grace_seconds)

    @property
    def url(self) -> str:
        """Where clients find it, such as `http://127.0.0.1:4566`."""
        return self._listener.url

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> BufferedRequest:
        loop = asyncio.get_running_loop()
        request = BufferedRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_BYTES)
        request.now = self._now
        return request

    async def _answer_light(self, request: LightRequest) -> web.StreamResponse:
        request.now = self._now
        return await self._answer(request)

    async def _answer(self, request: BufferedRequest) -> web.StreamResponse:
        """Answer anything with something an AWS client understands; a handler's bug is logged, not shown."""
        response: web.StreamResponse
        try:
            async with self._during(request.headers.get("X-Amzn-Trace-Id")):
                response = self._refusal(request) or await self._dispatch(request)
        except ApiError as error:
            response = error_response(error)
        except Unavailable as error:
            response = refusal(_form(request), 503, "ServiceUnavailable", str(error))
        except SignatureRefused as refused:
            response = _unsigned(request, refused)
        except web.HTTPRequestEntityTooLarge as error:
            response = refusal(_form(request), error.status, TOO_LARGE, error.text or "")
        except Exception as error:
            if _client_is_gone(request, error):
                LOGGER.debug("%s %s: the client went away: %s", request.method, request.path, error)
                response = broken_request()
            else:
                LOGGER.exception("%s %s failed", request.method, request.path)
                response = internal_failure()
            if _has_begun(request) and request.transport is not None:
                request.transport.abort()  # half an answer must not look like a whole one
        if not response.prepared and not any(name in response.headers for name in REQUEST_IDS):
            response.headers[REQUEST_ID] = new_request_id()
        return response

    async def _dispatch(self, request: BufferedRequest) -> web.StreamResponse:
        path = request.raw_path
        if "Expect" in request.headers:
            await _continue(request)
        if path.startswith(CONTROL_PATH):
            return await self._handlers.control(request)
        if self._let_in is not None:
            await self._let_in(request)
        scope, handlers = scope_of(request.headers.get("Authorization"), path), self._handlers
        if scope is not None and (other := self._elsewhere(scope, request.headers)) is not None:
            handlers = await other
        service = scope.service if scope is not None else "lambda" if LAMBDA_PATH.match(path) else None
        if service == "lambda":
            return await handlers.lambda_(request)
        target = request.headers.get("X-Amz-Target")
        if target is not None:
            return await handlers.targets.get(target.rpartition(".")[0], handlers.other)(request)
        if service is None and (form := await _query_form(request)) is not None:
            service = form_service(form, request.path)
        if service is None or service == "s3":
            return await (handlers.other if _is_beside_s3(request) else handlers.s3)(request)
        return await handlers.signed.get(service, handlers.other)(request)

    def _refusal(self, request: web.BaseRequest) -> web.Response | None:
        headers = request.headers
        origin = headers.get("Origin")
        if origin is not None and not is_local_origin(origin):
            return refused_origin(f"Requests from web pages of {origin} are refused.")
        if origin is None and headers.get("Sec-Fetch-Site") == "cross-site":
            return refused_origin("Requests from web pages of other sites are refused.")
        host = headers.get("Host", "")
        if self._only_local_names and host and not is_local_host_header(host):
            return refused_origin(
                f"Host {host} is not a name of this machine: use 127.0.0.1, localhost or one below localhost."
            )
        return None


def is_local_name(name: str) -> bool:
    """Say whether a host name or address always means this machine: localhost, *.localhost, 127.*, ::1."""
    name = name.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def is_local_host_header(header: str) -> bool:
    """Say whether a Host header, with or without a port, names this machine."""
    return is_local_origin(f"//{header}")


def is_local_origin(origin: str) -> bool:
    """Say whether a web page of this origin comes from this machine; no for what is no address at all."""
    try:
        return is_local_name(urlsplit(origin).hostname or "")
    except ValueError:
        return False


def _unsigned(request: web.BaseRequest, refused: SignatureRefused) -> web.Response:
    """Refuse a request in the form its client reads."""
    form = _form(request)
    said = saying(form, refused)
    return refusal(form, said.status, said.code, said.text)


def _form(request: web.BaseRequest) -> Form:
    """Return the form a request's client reads; without a service it is taken for one to S3."""
    from headrace.aws.unknown_request import form_of

    service = signed_service(request.headers.get("Authorization"), request.raw_path)
    return form_of(request, service or ("lambda" if LAMBDA_PATH.match(request.raw_path) else "s3"))


def _is_beside_s3(request: web.BaseRequest) -> bool:
    """Say whether a request is for another service, although it is signed as those for S3, or unsigned."""
    path = request.raw_path
    return (
        (path.startswith(S3_CONTROL_PATH) and "x-amz-account-id" in request.headers)
        or "smithy-protocol" in request.headers
        or KEYS_OF_TOKENS.fullmatch(path) is not None
    )


def form_service(form: Mapping[str, list[str]], path: str) -> str | None:
    """Return the service that an unsigned form of the Query protocol is for; None when it does not say."""
    version = form.get("Version", [""])[0]
    if version in QUERY_VERSIONS:
        return QUERY_VERSIONS[version]
    return "sqs" if "QueueUrl" in form or QUEUE_PATH.fullmatch(path) else None


async def _query_form(request: web.BaseRequest) -> Mapping[str, list[str]] | None:
    """Return the form of a request in the Query protocol, posted or in a query; None for any other."""
    if request.method == "GET":
        text = request.query_string if "Action=" in request.raw_path else ""
    elif request.method == "POST" and request.content_type == FORM:
        text = (await request.read()).decode(errors="replace")
    else:
        return None
    form = parse_qs(text)
    return form if "Action" in form else None


async def _continue(request: web.BaseRequest) -> None:
    """Let a client that asked first send its body."""
    if request.version == HttpVersion11 and request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _client_is_gone(request: web.BaseRequest, error: Exception) -> bool:
    if isinstance(error, web.RequestPayloadError | ConnectionError):
        return True
    # What aiohttp raises when a body is read whose connection has been lost before.
    return isinstance(error, RuntimeError) and request.transport is None


def _has_begun(request: web.BaseRequest) -> bool:
    return request.writer.output_size > 0
