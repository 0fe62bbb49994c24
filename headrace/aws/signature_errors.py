"""Why a request is not let in, in the words of each protocol.

Source: IAM user guide, "Troubleshoot Signature Version 4 signing"; S3 API reference, "Error responses";
botocore's recorded errors of SQS, DynamoDB, STS and Lambda.
"""

from collections.abc import Mapping
from typing import Literal

from engine.value import dataclass
from headrace.aws.error_body import Form

Reason = Literal[
    "missing", "malformed", "unknown key", "mismatch", "expired", "skewed", "unsigned", "content"
]
DOES_NOT_MATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - a message


class SignatureRefused(Exception):
    """A request is not signed as it must be. `detail` takes the place of the usual text, if there is one."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Saying:
    """How a protocol says it."""

    code: str
    status: int
    text: str


OF_S3: Mapping[Reason, Saying] = {
    "missing": Saying("AccessDenied", 403, "Access Denied"),
    "malformed": Saying(
        "AuthorizationHeaderMalformed", 400, "The authorization that you provided is not valid."
    ),
    "unknown key": Saying(
        "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."
    ),
    "mismatch": Saying(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and "
        "signing method.",
    ),
    "expired": Saying("AccessDenied", 403, "Request has expired"),
    "skewed": Saying(
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    "unsigned": Saying(
        "AccessDenied", 403, "There were headers present in the request which were not signed"
    ),
    "content": Saying(
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
}
OF_QUERY: Mapping[Reason, Saying] = {
    "missing": Saying("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
    "malformed": Saying(
        "IncompleteSignature", 400, "The request signature does not conform to AWS standards."
    ),
    "unknown key": Saying("InvalidClientTokenId", 403, INVALID_TOKEN),
    "mismatch": Saying("SignatureDoesNotMatch", 403, DOES_NOT_MATCH),
    "expired": Saying("SignatureDoesNotMatch", 403, "Signature expired"),
}
OF_JSON: Mapping[Reason, Saying] = {
    "missing": Saying("MissingAuthenticationTokenException", 400, "Request is missing Authentication Token"),
    "malformed": Saying(
        "IncompleteSignatureException", 400, "The request signature does not conform to AWS standards."
    ),
    "unknown key": Saying("UnrecognizedClientException", 400, INVALID_TOKEN),
    "mismatch": Saying("InvalidSignatureException", 400, DOES_NOT_MATCH),
    "expired": Saying("InvalidSignatureException", 400, "Signature expired"),
}
OF_REST_JSON = {reason: Saying(each.code, 403, each.text) for reason, each in OF_JSON.items()} | {
    "missing": Saying("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
}
NOT_VALIDATED = Saying("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
# What only S3 tells apart.
ALIKE: Mapping[Reason, Reason] = {"skewed": "expired", "unsigned": "mismatch", "content": "mismatch"}


def saying(form: Form, refused: SignatureRefused) -> Saying:
    """Return code, status and text in a protocol."""
    if form == "rest-xml":
        found = OF_S3[refused.reason]
    elif form == "ec2":
        found = NOT_VALIDATED
    else:
        table = OF_QUERY if form == "query" else OF_REST_JSON if form == "rest-json" else OF_JSON
        found = table[ALIKE.get(refused.reason, refused.reason)]
    return Saying(found.code, found.status, refused.detail) if refused.detail else found
