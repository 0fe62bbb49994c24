"""Lets in only requests that were signed with the configured keys, or with keys that STS gave out.

What AWS answers unsigned is let in unsigned. Source: IAM user guide, "AWS Signature Version 4 for API
requests".
"""

import hmac
import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qs

from aiohttp import web

from engine.clock import Clock, to_millis
from engine.functions.variables import KeyPair
from headrace.aws.buffered_request import BufferedRequest
from headrace.aws.credentials import secret_of
from headrace.aws.signature_errors import SignatureRefused
from headrace.aws.signature_payload import PayloadCheck
from headrace.aws.signature_v2 import OldClaim, old_claim_of, possible_signatures, signature_of
from headrace.aws.signature_v4 import (
    AS_SENT,
    MOMENT,
    UNSIGNED,
    Claim,
    claim_of,
    expected_signature,
    signing_key,
)

MOST_SKEW = timedelta(minutes=15)
MOST_BODY_BYTES = 128 * 1024 * 1024  # the code of a function in base64, and as much again
HASHED = "x-amz-content-sha256"
FORM = "application/x-www-form-urlencoded"
UNSIGNED_TARGETS = ("AWSCognitoIdentityService.", "AWSCognitoIdentityProviderService.")
UNSIGNED_ACTIONS = frozenset(("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"))
UNSIGNED_PATHS = re.compile(r"/[^/]+/\.well-known/(jwks\.json|openid-configuration)")


class SignatureCheck:
    """Judges requests by their signatures, and by their age where `judges_time`."""

    def __init__(self, keys: KeyPair, clock: Clock, *, judges_time: bool) -> None:
        self._keys = keys
        self._clock = clock
        self._judges_time = judges_time

    async def check(self, request: BufferedRequest) -> None:
        """Return if a request may be answered. Raises SignatureRefused.

        What is sent to S3 is read later and checked then; any other body is in memory afterwards.
        """
        claim = claim_of(request.raw_path, request.headers)
        if claim is not None:
            await self._check_claim(request, claim)
        elif (old := old_claim_of(request.raw_path, request.headers)) is not None:
            self._check_old(request, old)
        elif request.content_type == "multipart/form-data" and request.method == "POST":
            request.form_check = self.check_form
        elif not await _needs_no_signature(request):
            raise SignatureRefused("missing")

    def check_form(self, fields: Mapping[str, str]) -> None:
        """Judge an upload by a form, by its fields' names in lower case. Raises SignatureRefused."""
        policy = fields.get("policy")
        if policy is None:
            raise SignatureRefused("missing")
        access_key_id, _, scope = fields.get("x-amz-credential", "").partition("/")
        if scope:
            key = signing_key(self._secret(access_key_id), scope)
            expected, given = (
                hmac.digest(key, policy.encode(), "sha256").hex(),
                fields.get("x-amz-signature", ""),
            )
        else:
            secret = self._secret(fields.get("awsaccesskeyid", ""))
            expected, given = signature_of(secret, policy), fields.get("signature", "")
        if not _same(expected, given):
            raise SignatureRefused("mismatch")

    async def _check_claim(self, request: BufferedRequest, claim: Claim) -> None:
        secret = self._secret(claim.access_key_id)
        is_s3 = claim.service in AS_SENT
        declared = request.headers.get(HASHED) or request.query.get("X-Amz-Content-Sha256")
        if is_s3:
            payload = declared if declared is not None else UNSIGNED
            if declared is None and claim.expires is None:
                raise SignatureRefused("malformed", f"Missing required header for this request: {HASHED}")
        else:
            body = await request.buffered(MOST_BODY_BYTES)
            payload = sha256(body).hexdigest()
            if declared == UNSIGNED:
                payload = UNSIGNED
            elif declared is not None and declared != payload:
                raise SignatureRefused("content")
        expected = expected_signature(
            secret, claim, request.method, request.raw_path, request.headers, payload
        )
        if not _same(expected, claim.signature):
            raise SignatureRefused("mismatch")
        self._check_time(claim)
        if is_s3:
            if any(
                name.lower().startswith("x-amz-") and name.lower() not in claim.signed_headers
                for name in request.headers
            ):
                raise SignatureRefused("unsigned")
            request.payload_check = PayloadCheck(payload, claim, secret)

    def _check_old(self, request: web.BaseRequest, claim: OldClaim) -> None:
        secret = self._secret(claim.access_key_id)
        possible = possible_signatures(secret, claim, request.method, request.raw_path, request.headers)
        if not any(_same(each, claim.signature) for each in possible):
            raise SignatureRefused("mismatch")
        if (
            claim.expires is not None
            and self._judges_time
            and claim.expires * 1000 < to_millis(self._clock.now())
        ):
            raise SignatureRefused("expired")

    def _check_time(self, claim: Claim) -> None:
        if not self._judges_time:
            return
        now = self._clock.now()
        if claim.expires is not None:
            if now > claim.moment + timedelta(seconds=claim.expires):
                raise SignatureRefused("expired")
            if claim.moment > now + MOST_SKEW:
                raise SignatureRefused("expired", "Request is not yet valid")
        elif abs(now - claim.moment) > MOST_SKEW:
            detail = (
                ""
                if claim.service in AS_SENT
                else (
                    f"Signature expired: {claim.moment:{MOMENT}} is more than 15 minutes from {now:{MOMENT}}"
                )
            )
            raise SignatureRefused("skewed", detail)

    def _secret(self, access_key_id: str) -> str:
        secret = secret_of(self._keys, access_key_id)
        if secret is None:
            raise SignatureRefused("unknown key")
        return secret


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())


async def _needs_no_signature(request: BufferedRequest) -> bool:
    if request.headers.get("X-Amz-Target", "").startswith(UNSIGNED_TARGETS):
        return True
    if request.method == "GET" and UNSIGNED_PATHS.fullmatch(request.path):
        return True
    if request.method != "POST" or request.content_type != FORM:
        return False
    form = parse_qs((await request.buffered(MOST_BODY_BYTES)).decode(errors="replace"))
    return form.get("Action", [""])[0] in UNSIGNED_ACTIONS
