"""What a request is for that none of the simulated services answers: named in the words of its service.

Its protocol is told by what only that protocol has; REST protocols are told apart by the few services that
speak XML. Source: Smithy's protocols; botocore's service models.
"""

import asyncio
import re
from urllib.parse import parse_qsl

from aiohttp import web

from engine.value import dataclass
from headrace.aws.error_body import Form, refusal
from headrace.aws.signature_scope import signed_service

FORM = "application/x-www-form-urlencoded"
RPC_PATH = re.compile(r"/service/([^/]+)/operation/([^/?]+)")
XML_SERVICES = frozenset(("cloudfront", "route53", "s3"))  # S3 Control signs as s3


@dataclass(frozen=True, slots=True)
class UnknownRequest:
    """The service and the operation, as far as the request names them, and the form its client reads."""

    service: str
    operation: str
    form: Form

    def refuse(self, reason: str) -> web.Response:
        """Answer that this operation is not implemented."""
        text = f"{self.service} {self.operation} {reason}"
        return refusal(self.form, 501, "NotImplementedException", text)


def form_of(request: web.BaseRequest, service: str | None) -> Form:
    """Return the form in which the client of a service reads errors."""
    if "smithy-protocol" in request.headers:
        return "cbor"
    if "X-Amz-Target" in request.headers:
        return "amz-cbor" if "cbor" in request.content_type else "json"
    if request.content_type == FORM or "Action" in request.query:
        return "ec2" if service == "ec2" else "query"
    return "rest-xml" if service in XML_SERVICES else "rest-json"


async def describe(request: web.BaseRequest) -> UnknownRequest:
    """Return what a request is for."""
    scope = signed_service(request.headers.get("Authorization"), request.raw_path)
    form = form_of(request, scope)
    service, operation = scope or "?", None
    if form in ("json", "amz-cbor"):
        prefix, _, operation = request.headers["X-Amz-Target"].rpartition(".")
        service = scope or prefix
    elif form == "cbor" and (found := RPC_PATH.fullmatch(request.path)) is not None:
        service, operation = scope or found[1], found[2]
    elif form in ("query", "ec2"):
        text = request.query_string or (await request.read()).decode(errors="replace")
        operation = dict(parse_qsl(text)).get("Action")
    elif scope is not None:
        operation = await asyncio.to_thread(_rest_operation, scope, request.method, request.raw_path)
    return UnknownRequest(service, operation or f"{request.method} {request.path}", form)


def _rest_operation(scope: str, method: str, raw_path: str) -> str | None:
    from headrace.aws.service_catalog import rest_operation

    return rest_operation(scope, method, raw_path)
