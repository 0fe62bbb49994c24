"""Signatures, with botocore's own signers as the judge: what they sign is let in, anything else is not."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import time_machine
from aiohttp import web
from botocore.auth import HmacV1Auth, S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from engine.clock import Clock
from engine.functions.variables import KeyPair
from headrace.aws.buffered_request import BufferedRequest
from headrace.aws.credentials import temporary
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from headrace.aws.s3_body import read_text
from headrace.aws.signature_check import SignatureCheck
from tests.fakes.endpoint import Reply, request

KEYS = KeyPair("AKIDHEADRACETEST", "a secret of forty characters, more or less")
GOOD = Credentials(KEYS.access_key_id, KEYS.secret_access_key)
WRONG = Credentials(KEYS.access_key_id, "another secret")
STRANGER = Credentials("AKIDSOMEBODYELSE", KEYS.secret_access_key)
NO_HEADERS: Mapping[str, str] = {}
START = datetime(2026, 1, 1, tzinfo=UTC)  # of virtual time


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with the body as a handler reads it."""
    return web.Response(body=b"".join([chunk async for chunk in request.content.iter_any()]))


async def echo_of_s3(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with the body as S3 reads it; a form's fields are in a header here."""
    assert isinstance(request, BufferedRequest)
    if request.form_check is not None:
        request.form_check(json.loads(request.headers["fields"]))
    body = await read_text(request)
    return web.Response(body=b"" if "x-amz-sdk-checksum-algorithm" in request.headers else body)


@dataclass(frozen=True, slots=True)
class Guarded:
    """An endpoint that asks for signatures, and answers with the body."""

    url: str

    async def send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], to: str = ""
    ) -> Reply:
        sending = partial(request, to or self.url, method, path, body, headers)
        return await asyncio.get_running_loop().run_in_executor(None, sending)

    async def send_signed(self, signed: AWSRequest) -> Reply:
        prepared = signed.prepare()
        path = prepared.url.removeprefix(self.url)
        return await self.send(str(signed.method), path, signed.data, dict(prepared.headers))


@pytest.fixture
def now() -> Iterator[None]:
    """Let botocore sign at the moment at which virtual time begins."""
    with time_machine.travel(START, tick=False):
        yield


@pytest.fixture
async def guarded(clock: Clock, now: None) -> AsyncIterator[Guarded]:
    check = SignatureCheck(KEYS, clock, judges_time=True)
    handlers = Handlers(echo, echo_of_s3, echo, {"AmazonSQS": echo}, {"sts": echo, "ec2": echo}, echo)
    async with Endpoint(listen("127.0.0.1", 0), handlers, let_in=check.check) as endpoint:
        yield Guarded(endpoint.url)


def signed(
    url: str,
    service: str,
    method: str = "POST",
    path: str = "/",
    body: bytes = b"",
    credentials: Credentials = GOOD,
    headers: Mapping[str, str] = NO_HEADERS,
) -> AWSRequest:
    made = AWSRequest(method, url + path, dict(headers), body)
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, "us-east-1")
    signer.add_auth(made)
    return made


@pytest.mark.parametrize(
    ("service", "method", "path", "body", "headers"),
    [
        pytest.param("s3", "PUT", "/b/k", b"content", {}, id="a put to S3"),
        pytest.param(
            "s3", "GET", "/b/a%20b/%C3%A9+%2F~x?list-type=2&prefix=a%2Fb&x=", b"", {}, id="odd keys"
        ),
        pytest.param("s3", "GET", "/b//x/../y", b"", {}, id="keys that look like paths"),
        pytest.param("lambda", "GET", "/2015-03-31/functions/arn%3Aaws%3Ax/", b"", {}, id="an encoded path"),
        pytest.param("lambda", "POST", "/2015-03-31/functions/f/invocations", b"{}", {}, id="an invocation"),
        pytest.param("sts", "POST", "/", b"Action=GetCallerIdentity", {}, id="a form"),
        pytest.param(
            "sqs", "POST", "/", b"{}", {"X-Amz-Target": "AmazonSQS.X", "a": "  b   c "}, id="spaces"
        ),
        pytest.param("logs", "POST", "/a//b/./c/..//d?b=2&a=1&a=0", b"x" * 200_000, {}, id="an untidy path"),
    ],
)
async def test_what_botocore_signs_is_let_in_with_its_body(
    guarded: Guarded, service: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    reply = await guarded.send_signed(signed(guarded.url, service, method, path, body, headers=headers))
    assert (reply.status, reply.body) == (200, body)


OTHER_FORMS = {
    "s3": ("s3", "/b/k", {}),
    "json": ("sqs", "/", {"X-Amz-Target": "AmazonSQS.SendMessage"}),
    "rest-json": ("lambda", "/2015-03-31/functions/", {}),
    "query": ("sts", "/", {"Content-Type": "application/x-www-form-urlencoded"}),
    "ec2": ("ec2", "/", {"Content-Type": "application/x-www-form-urlencoded"}),
}


@pytest.mark.parametrize(
    ("form", "credentials", "status", "code"),
    [
        ("s3", WRONG, 403, b"<Code>SignatureDoesNotMatch</Code>"),
        ("s3", STRANGER, 403, b"<Code>InvalidAccessKeyId</Code>"),
        ("json", WRONG, 400, b'"__type":"InvalidSignatureException"'),
        ("json", STRANGER, 400, b'"__type":"UnrecognizedClientException"'),
        ("rest-json", WRONG, 403, b"InvalidSignatureException"),
        ("rest-json", STRANGER, 403, b"UnrecognizedClientException"),
        ("query", WRONG, 403, b"<Code>SignatureDoesNotMatch</Code>"),
        ("query", STRANGER, 403, b"<Code>InvalidClientTokenId</Code>"),
        ("ec2", WRONG, 401, b"<Code>AuthFailure</Code>"),
        ("ec2", STRANGER, 401, b"<Code>AuthFailure</Code>"),
    ],
)
async def test_what_others_sign_is_refused_in_the_words_of_the_protocol(
    guarded: Guarded, form: str, credentials: Credentials, status: int, code: bytes
) -> None:
    service, path, headers = OTHER_FORMS[form]
    made = signed(guarded.url, service, "POST", path, b"Action=X", credentials, headers)
    reply = await guarded.send_signed(made)
    assert reply.status == status
    assert code in reply.body or code.decode() == reply.headers.get("x-amzn-errortype")
    assert reply.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/b/k", {}, 403, b"<Code>AccessDenied</Code>"),
        ("/", {"X-Amz-Target": "AmazonSQS.SendMessage"}, 400, b"MissingAuthenticationTokenException"),
        ("/2015-03-31/functions/", {}, 403, b"Missing Authentication Token"),
        ("/", {"Content-Type": "application/x-www-form-urlencoded"}, 403, b"MissingAuthenticationToken"),
        ("/b/k", {"Authorization": "AWS4-HMAC-SHA256 nothing"}, 400, b"AuthorizationHeaderMalformed"),
        ("/b/k", {"Authorization": "Basic eDp5"}, 403, b"<Code>AccessDenied</Code>"),
    ],
)
async def test_unsigned_requests_are_refused(
    guarded: Guarded, path: str, headers: dict[str, str], status: int, code: bytes
) -> None:
    reply = await guarded.send("POST", path, b"Action=GetCallerIdentity", headers)
    assert reply.status == status
    assert code in reply.body


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        pytest.param("GET", "/_headrace/status", None, {}, id="what headrace's own commands ask"),
        pytest.param(
            "POST",
            "/",
            b"{}",
            {"X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"},
            id="a sign-in",
        ),
        pytest.param(
            "POST",
            "/",
            b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15",
            {"Content-Type": "application/x-www-form-urlencoded"},
            id="a web identity",
        ),
        pytest.param("GET", "/us-east-1_a/.well-known/jwks.json", None, {}, id="a pool's keys"),
    ],
)
async def test_what_aws_answers_unsigned_is_let_in(
    guarded: Guarded, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> None:
    assert (await guarded.send(method, path, body, headers)).status == 200


@pytest.mark.parametrize(
    ("service", "path", "headers", "change"),
    [
        pytest.param("s3", "/b/k", {}, {"path": "/b/other"}, id="another key"),
        pytest.param("s3", "/b/k?a=1", {}, {"path": "/b/k?a=2"}, id="another query"),
        pytest.param("s3", "/b/k", {}, {"method": "DELETE"}, id="another method"),
        pytest.param(
            "s3", "/b/k", {"x-amz-acl": "private"}, {"x-amz-acl": "public-read"}, id="another header"
        ),
        pytest.param("s3", "/b/k", {}, {"x-amz-tagging": "a=b"}, id="a header that is not signed"),
        pytest.param("s3", "/b/k", {}, {"body": b"changed"}, id="another body to S3"),
        pytest.param("lambda", "/2015-03-31/functions/", {}, {"body": b"changed"}, id="another body"),
        pytest.param("s3", "/b/k", {}, {"Host": "localhost:1"}, id="another host"),
    ],
)
async def test_what_was_changed_after_it_was_signed_is_refused(
    guarded: Guarded, service: str, path: str, headers: dict[str, str], change: dict[str, Any]
) -> None:
    made = signed(guarded.url, service, "PUT", path, b"content", headers=headers)
    given = {**dict(made.headers), **{k: v for k, v in change.items() if k not in ("path", "method", "body")}}
    reply = await guarded.send(
        change.get("method", "PUT"), change.get("path", path), change.get("body", b"content"), given
    )
    assert reply.status in (400, 403)


async def test_old_requests_are_refused(guarded: Guarded) -> None:
    made = signed(guarded.url, "s3", "GET", "/b/k")
    await asyncio.sleep(14 * 60)
    assert (await guarded.send_signed(made)).status == 200
    await asyncio.sleep(2 * 60)
    reply = await guarded.send_signed(made)
    assert reply.status == 403
    assert b"RequestTimeTooSkewed" in reply.body


async def test_age_says_nothing_where_time_is_not_real(clock: Clock, now: None) -> None:
    check = SignatureCheck(KEYS, clock, judges_time=False)
    async with Endpoint(listen("127.0.0.1", 0), Handlers(echo, echo, echo), let_in=check.check) as endpoint:
        there = Guarded(endpoint.url)
        made = signed(there.url, "s3", "GET", "/b/k")
        await asyncio.sleep(7 * 86_400)
        assert (await there.send_signed(made)).status == 200


def client(url: str, service: str, **options: Any) -> Any:
    return boto3.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}, **options),
    )


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("style", ["path", "virtual"])
async def test_presigned_urls_are_let_in_until_they_expire(
    guarded: Guarded, version: str, style: str
) -> None:
    host = guarded.url.replace("127.0.0.1", "localhost")
    s3 = client(host, "s3", signature_version=version, s3={"addressing_style": style})
    url = s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": "photos", "Key": "a b/\u00e9", "ResponseContentType": "text/plain; charset=x"},
        ExpiresIn=60,
    )
    s3.close()
    address = urlsplit(url)

    async def get(query: str) -> Reply:
        path = f"{address.path}?{query}"
        return await guarded.send("GET", path, None, {"Host": address.netloc})

    assert (await get(address.query)).status == 200
    assert b"SignatureDoesNotMatch" in (await get(address.query + "&versionId=1")).body
    await asyncio.sleep(61)
    late = await get(address.query)
    assert late.status == 403
    assert b"Request has expired" in late.body


@pytest.mark.parametrize("version", ["s3v4", "s3"])
async def test_presigned_uploads_are_let_in(guarded: Guarded, version: str) -> None:
    s3 = client(guarded.url, "s3", signature_version=version)
    parameters = {"Bucket": "photos", "Key": "k", "ContentType": "text/plain", "Metadata": {"a": "b"}}
    url = s3.generate_presigned_url("put_object", Params=parameters)
    s3.close()
    path = url.removeprefix(guarded.url)
    headers = {"Content-Type": "text/plain", "x-amz-meta-a": "b"}
    assert (await guarded.send("PUT", path, b"content", headers)).body == b"content"
    assert (await guarded.send("PUT", path, b"content", {**headers, "x-amz-meta-a": "c"})).status == 403


async def test_presigned_requests_to_other_services(guarded: Guarded) -> None:
    made = AWSRequest("GET", guarded.url + "/?Action=GetCallerIdentity&Version=2011-06-15")
    SigV4QueryAuth(GOOD, "sts", "us-east-1", expires=60).add_auth(made)
    assert (await guarded.send_signed(made)).status == 200
    await asyncio.sleep(61)
    assert b"<Code>SignatureDoesNotMatch</Code>" in (await guarded.send_signed(made)).body


async def test_requests_with_the_old_header_are_let_in(guarded: Guarded) -> None:
    made = AWSRequest("GET", guarded.url + "/b/k?acl", {"x-amz-meta-a": "b"}, auth_path="/b/k")
    HmacV1Auth(GOOD).add_auth(made)
    assert (await guarded.send_signed(made)).status == 200
    other = AWSRequest("GET", guarded.url + "/b/k?acl", auth_path="/b/k")
    HmacV1Auth(WRONG).add_auth(other)
    assert (await guarded.send_signed(other)).status == 403


@pytest.mark.parametrize("version", ["s3v4", "s3"])
async def test_forms_are_let_in_with_their_policy(guarded: Guarded, version: str) -> None:
    s3 = client(guarded.url, "s3", signature_version=version)
    fields = s3.generate_presigned_post("photos", "k")["fields"]
    s3.close()

    async def post(**changes: str) -> Reply:
        given = {name.lower(): value for name, value in {**fields, **changes}.items()}
        headers = {"Content-Type": "multipart/form-data; boundary=x", "fields": json.dumps(given)}
        return await guarded.send("POST", "/photos", b"", headers)

    assert (await post()).status == 200
    assert b"SignatureDoesNotMatch" in (await post(policy="e30=")).body
    headers = {"Content-Type": "multipart/form-data; boundary=x", "fields": "{}"}
    assert b"AccessDenied" in (await guarded.send("POST", "/photos", b"", headers)).body


def chunked(made: AWSRequest, chunks: list[bytes], trailer: str = "") -> bytes:
    """Frame and sign chunks as AWS's Java SDK does, with botocore's signer for the arithmetic."""
    signer = S3SigV4Auth(GOOD, "s3", "us-east-1")
    stamp = made.context["timestamp"]
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    previous = made.headers["Authorization"].rpartition("=")[2]
    body = b""
    empty = hashlib.sha256(b"").hexdigest()
    for chunk in [*chunks, b""]:
        digest = hashlib.sha256(chunk).hexdigest()
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{scope}\n{previous}\n{empty}\n{digest}"
        previous = signer.signature(text, made)
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk
        body += b"\r\n" if chunk else b""
    if trailer:
        digest = hashlib.sha256(f"{trailer}\n".encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256-TRAILER\n{stamp}\n{scope}\n{previous}\n{digest}"
        body += f"{trailer}\r\nx-amz-trailer-signature:{signer.signature(text, made)}\r\n".encode()
    return body + b"\r\n"


def streaming(url: str, kind: str, length: int) -> AWSRequest:
    """Sign the head of an upload whose body follows in chunks."""
    headers = {
        "x-amz-content-sha256": kind,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(length),
    }
    made = AWSRequest("PUT", f"{url}/b/k", headers, b"")
    signer = S3SigV4Auth(GOOD, "s3", "us-east-1")
    signer.payload = lambda request: kind  # type: ignore[method-assign]
    signer.add_auth(made)
    return made


@pytest.mark.parametrize(
    ("kind", "trailer"),
    [
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "x-amz-meta-checksum:abc="),
    ],
)
async def test_the_signatures_of_chunks_build_on_each_other(
    guarded: Guarded, kind: str, trailer: str
) -> None:
    chunks = [b"a" * 70_000, b"bc"]
    made = streaming(guarded.url, kind, 70_002)
    body = chunked(made, chunks, trailer)
    headers = dict(made.headers)
    assert (await guarded.send("PUT", "/b/k", body, headers)).body == b"".join(chunks)
    for place in (body.index(b"aaaa") + 5, body.index(b"\nbc") + 1, body.rindex(b"0;chunk") + 30):
        broken = body[:place] + (b"0" if body[place : place + 1] != b"0" else b"1") + body[place + 1 :]
        assert b"SignatureDoesNotMatch" in (await guarded.send("PUT", "/b/k", broken, headers)).body
    if trailer:
        broken = body.replace(b"abc=", b"abd=")
        assert b"SignatureDoesNotMatch" in (await guarded.send("PUT", "/b/k", broken, headers)).body


async def test_unsigned_trailers_are_let_in(guarded: Guarded) -> None:
    made = streaming(guarded.url, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", 7)
    body = b"7\r\ncontent\r\n0\r\nx-amz-meta-a:b\r\n\r\n"
    assert (await guarded.send("PUT", "/b/k", body, dict(made.headers))).body == b"content"


async def test_what_boto3_uploads_is_let_in(guarded: Guarded) -> None:
    s3 = client(guarded.url, "s3")
    upload = partial(s3.put_object, Bucket="b", Key="k", Body=b"content", ChecksumAlgorithm="CRC32")
    answer = await asyncio.get_running_loop().run_in_executor(None, upload)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    s3.close()


async def test_credentials_that_were_given_out_are_let_in(guarded: Guarded) -> None:
    given = temporary(KEYS)
    session = Credentials(given.access_key_id, given.secret_access_key, "a token")
    reply = await guarded.send_signed(signed(guarded.url, "sts", credentials=session))
    assert reply.status == 200
    forged = Credentials("ASIA" + "0" * 16, given.secret_access_key)
    assert (await guarded.send_signed(signed(guarded.url, "sts", credentials=forged))).status == 403


async def test_boto3_sees_the_errors_of_the_service(guarded: Guarded) -> None:
    sqs = boto3.Session().client(
        "sqs",
        endpoint_url=guarded.url,
        region_name="us-east-1",
        aws_access_key_id="AKIDSOMEBODYELSE",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as caught:
        await asyncio.get_running_loop().run_in_executor(None, sqs.list_queues)
    sqs.close()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


async def test_a_body_that_is_too_large_is_not_kept(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.aws.signature_check.MOST_BODY_BYTES", 1000)
    made = signed(guarded.url, "lambda", "POST", "/2015-03-31/functions/", b"x" * 2000)
    assert (await guarded.send_signed(made)).status == 413
