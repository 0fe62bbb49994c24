"""S3's older signatures, which boto3 still gives presigned URLs and forms by default. Pure.

Source: S3 API reference, "Signing and Authenticating REST Requests (AWS Signature Version 2)".
"""

import base64
import hmac
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from multidict import MultiMapping

from engine.value import dataclass

SUBRESOURCES = frozenset(
    (
        *("accelerate", "acl", "cors", "defaultObjectAcl", "location", "logging", "partNumber", "policy"),
        *("requestPayment", "torrent", "versioning", "versionId", "versions", "website", "uploads"),
        *("uploadId", "response-content-type", "response-content-language", "response-expires"),
        *("response-cache-control", "response-content-disposition", "response-content-encoding"),
        *("delete", "lifecycle", "tagging", "restore", "storageClass", "notification", "replication"),
        *("analytics", "metrics", "inventory", "select", "select-type", "object-lock"),
    )
)


@dataclass(frozen=True, slots=True)
class OldClaim:
    """What a request says of its signature. `expires` is in seconds from 1970, None unless presigned."""

    access_key_id: str
    signature: str
    expires: int | None


def old_claim_of(raw_path: str, headers: MultiMapping[str]) -> OldClaim | None:
    """Return what a request claims; None for one without such a signature."""
    authorization = headers.get("Authorization", "")
    if authorization.startswith("AWS "):
        access_key_id, _, signature = authorization.removeprefix("AWS ").rpartition(":")
        return OldClaim(access_key_id, signature, None)
    query = dict(parse_qsl(raw_path.partition("?")[2], keep_blank_values=True))
    if not {"AWSAccessKeyId", "Signature", "Expires"} <= query.keys() or not query["Expires"].isdigit():
        return None
    return OldClaim(query["AWSAccessKeyId"], query["Signature"], int(query["Expires"]))


def possible_signatures(
    secret: str, claim: OldClaim, method: str, raw_path: str, headers: MultiMapping[str]
) -> Iterator[str]:
    """Yield the signatures that a request may have, by each bucket that its host may name."""
    query = dict(parse_qsl(raw_path.partition("?")[2], keep_blank_values=True))
    moment = str(claim.expires) if claim.expires is not None else headers.get("Date", "")
    if claim.expires is None and "x-amz-date" in headers:
        moment = ""
    described = [headers.get("Content-MD5", ""), headers.get("Content-Type", ""), moment]
    amz = {name.lower(): value for name, value in query.items() if name.lower().startswith("x-amz-")}
    for name in {name.lower() for name in headers if name.lower().startswith("x-amz-")}:
        amz[name] = ",".join(value.strip() for value in headers.getall(name))
    described += [f"{name}:{value}" for name, value in sorted(amz.items())]
    path, _, text = raw_path.partition("?")
    subresource = "&".join(sorted(_subresources(text)))
    for bucket in _buckets(headers.get("Host", "")):
        resource = f"{bucket}{path}{'?' if subresource else ''}{subresource}"
        yield signature_of(secret, "\n".join((method, *described, resource)))


def signature_of(secret: str, text: str) -> str:
    """Return the signature of a text, such as a form's policy."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def _buckets(host: str) -> Iterator[str]:
    """Yield what is put before the path: nothing, and the buckets that the host may name."""
    yield ""
    labels = host.partition(":")[0].split(".")
    for count in range(1, len(labels)):
        yield f"/{'.'.join(labels[:count])}"


def _subresources(query: str) -> Iterator[str]:
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if unquote(name) in SUBRESOURCES:
            # What overrides headers of the answer is signed as it is meant.
            yield f"{name}={unquote(value)}" if equals and value else name
