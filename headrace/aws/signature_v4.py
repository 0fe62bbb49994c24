"""AWS Signature Version 4: what a request claims, and what its signature ought to be. Pure.

Source: IAM user guide, "Create a signed AWS API request"; S3 API reference, "Authenticating Requests (AWS
Signature Version 4)".
"""

import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote

from multidict import MultiMapping

from engine.value import dataclass
from headrace.aws.signature_errors import SignatureRefused

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_HASH = sha256(b"").hexdigest()
SAFE = "-_.~"
# These sign the path as it is sent; all others encode it once more.
AS_SENT = frozenset(("s3", "s3express", "s3-object-lambda", "s3-outposts"))
FIELD = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
MOMENT = "%Y%m%dT%H%M%SZ"
LONGEST_EXPIRY = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature. `expires` is in seconds, None unless it is presigned."""

    access_key_id: str
    scope: str
    signed_headers: Sequence[str]
    signature: str
    moment: datetime
    expires: int | None

    @property
    def service(self) -> str:
        """The service in the scope."""
        return self.scope.split("/")[2]


def claim_of(raw_path: str, headers: MultiMapping[str]) -> Claim | None:
    """Return what a request claims; None for one without a signature of this version.

    Raises SignatureRefused for one that is incomplete.
    """
    authorization = headers.get("Authorization")
    query = dict(parse_qsl(raw_path.partition("?")[2], keep_blank_values=True))
    if authorization is None:
        if "X-Amz-Algorithm" not in query:
            return None
        algorithm, expires = query["X-Amz-Algorithm"], query.get("X-Amz-Expires", "")
        fields = {
            name: query.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders", "Signature")
        }
        moment = query.get("X-Amz-Date", "")
    else:
        algorithm, _, rest = authorization.partition(" ")
        if not algorithm.startswith("AWS4"):
            return None
        fields = {"Credential": "", "SignedHeaders": "", "Signature": "", **dict(FIELD.findall(rest))}
        moment, expires = headers.get("X-Amz-Date", headers.get("Date", "")), None
    if algorithm != ALGORITHM:
        raise SignatureRefused("malformed", f"Signatures by {algorithm} are not simulated by Headrace.")
    return _claim(fields, moment, expires)


def _claim(fields: dict[str, str], moment: str, expires: str | None) -> Claim:
    for name, value in fields.items():
        if not value:
            raise SignatureRefused("malformed", f"Authorization requires '{name}' parameter.")
    access_key_id, _, scope = fields["Credential"].partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[3] != "aws4_request":
        raise SignatureRefused("malformed", "Credential must be ACCESS_KEY/DATE/REGION/SERVICE/aws4_request.")
    try:
        parsed = datetime.strptime(moment, MOMENT).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefused(
            "malformed", "Authorization requires a date such as 20260101T000000Z."
        ) from None
    if not moment.startswith(parts[0]):
        raise SignatureRefused("malformed", "Date in Credential scope does not match that of the request.")
    if expires is not None and not (expires.isdigit() and int(expires) <= LONGEST_EXPIRY):
        raise SignatureRefused("malformed", "X-Amz-Expires must be a number of seconds of at most a week.")
    signed = fields["SignedHeaders"].lower().split(";")
    if "host" not in signed:
        raise SignatureRefused("malformed", "The header host must be signed.")
    return Claim(
        access_key_id,
        scope,
        signed,
        fields["Signature"],
        parsed,
        None if expires is None else int(expires),
    )


def expected_signature(
    secret: str, claim: Claim, method: str, raw_path: str, headers: MultiMapping[str], payload_hash: str
) -> str:
    """Return the signature that a request ought to have."""
    path, _, query = raw_path.partition("?")
    lines = (
        method,
        canonical_path(path, claim.service),
        _canonical_query(query),
        *(f"{name}:{_values(headers, name)}" for name in claim.signed_headers),
        "",
        ";".join(claim.signed_headers),
        payload_hash,
    )
    request = sha256("\n".join(lines).encode()).hexdigest()
    text = f"{ALGORITHM}\n{claim.moment:{MOMENT}}\n{claim.scope}\n{request}"
    return hmac.digest(signing_key(secret, claim.scope), text.encode(), "sha256").hex()


def signing_key(secret: str, scope: str) -> bytes:
    """Return the key of a scope such as `20260101/us-east-1/s3/aws4_request`."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_path(path: str, service: str) -> str:
    """Return the path as it is signed."""
    if service in AS_SENT:
        return path or "/"
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    closing = "/" if segments and path.endswith("/") else ""
    return quote(f"/{'/'.join(segments)}{closing}", safe=f"/{SAFE}")


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    decoded = ((unquote(name), unquote(value)) for name, _, value in pairs)
    encoded = (
        (quote(name, safe=SAFE), quote(value, safe=SAFE))
        for name, value in decoded
        if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _values(headers: MultiMapping[str], name: str) -> str:
    return ",".join(" ".join(value.split()) for value in headers.getall(name, []))
