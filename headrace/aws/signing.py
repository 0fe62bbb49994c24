"""Signs what Headrace's own commands ask of a simulator that requires signatures."""

from datetime import datetime

from multidict import CIMultiDict

from engine.functions.variables import KeyPair
from headrace.aws.signature_v4 import ALGORITHM, MOMENT, UNSIGNED, Claim, expected_signature

SIGNED_HEADERS = ("host", "x-amz-content-sha256", "x-amz-date")


def signing_headers(keys: KeyPair, host: str, path: str, region: str, moment: datetime) -> dict[str, str]:
    """Return the headers that sign a POST of any body to Lambda. `host` is with its port, as it is sent."""
    headers = {"Host": host, "X-Amz-Content-Sha256": UNSIGNED, "X-Amz-Date": f"{moment:{MOMENT}}"}
    scope = f"{moment:%Y%m%d}/{region}/lambda/aws4_request"
    claim = Claim(keys.access_key_id, scope, SIGNED_HEADERS, "", moment, None)
    signature = expected_signature(
        keys.secret_access_key, claim, "POST", path, CIMultiDict(headers), UNSIGNED
    )
    credential = f"Credential={keys.access_key_id}/{scope}"
    signed = f"SignedHeaders={';'.join(SIGNED_HEADERS)}"
    return {**headers, "Authorization": f"{ALGORITHM} {credential}, {signed}, Signature={signature}"}
