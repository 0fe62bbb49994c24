"""The scope of a signature: it names the service and the region that a request is for, and who asks.

Source: IAM user guide, "Elements of an AWS API request signature".
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

SCOPE = re.compile(r"Credential=([^/,\s]+)/[0-9]{8}/([^/]*)/([^/]+)/aws4_request")


class Scope(NamedTuple):
    """What a request was signed for, and with which access key."""

    access_key_id: str
    region: str
    service: str


def scope_of(authorization: str | None, path: str) -> Scope | None:
    """Return what a request was signed for, in its header or its query; None when it says nothing of it."""
    text = authorization
    if text is None and "X-Amz-Credential=" in path:
        text = unquote(path).replace("X-Amz-Credential=", "Credential=")
    found = SCOPE.search(text) if text is not None else None
    return None if found is None else Scope(*found.groups())


def signed_service(authorization: str | None, path: str) -> str | None:
    """Return the service that a request was signed for; None when it does not say."""
    scope = scope_of(authorization, path)
    return None if scope is None else scope.service
