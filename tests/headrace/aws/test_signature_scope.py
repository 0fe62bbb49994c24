"""Which service a request was signed for."""

import pytest

from headrace.aws.signature_scope import signed_service

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)


@pytest.mark.parametrize(
    ("authorization", "path", "expected"),
    [
        pytest.param(SIGNED.format("sqs"), "/", "sqs", id="signed in the header"),
        pytest.param(
            None,
            "/b/k?X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=x",
            "s3",
            id="signed in the query",
        ),
        pytest.param("AWS AKID:signature", "/", None, id="an old signature names no service"),
        pytest.param(None, "/", None, id="unsigned"),
    ],
)
def test_the_service_is_read_from_the_signature(
    authorization: str | None, path: str, expected: str | None
) -> None:
    assert signed_service(authorization, path) == expected
