"""The HTTP server below the services: what is no HTTP request is answered so that AWS clients can read it.

What they read differs, and nobody knows which of them has sent such a thing. Clients of XML protocols find
the code in the body, those of REST-JSON in a header; those of the JSON protocol take the status for it.
"""

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from headrace.aws.error_body import refusal

LOGGER = logging.getLogger("headrace.aws.http")
BAD_REQUEST = "BadRequest"


class HttpServer(web.Server):
    """aiohttp's server, with errors of its own in AWS's form and one line in the log for each."""

    def __call__(self) -> RequestHandler:
        """Return what handles a new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        plain = super().handle_error(request, status, exc, message)
        text = " ".join((message or "the request cannot be answered").split())
        response = refusal("query", plain.status, BAD_REQUEST, text)
        response.headers["x-amzn-ErrorType"] = BAD_REQUEST
        response.force_close()
        return response


def name_the_fault_of_a_client(record: logging.LogRecord) -> bool:
    """Log what is not HTTP in one line: aiohttp shows a traceback, as if it were the server's fault."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "a client sent what is not HTTP: %s", (error.message.replace("\n", " "),)
        record.exc_info = None
    return True
