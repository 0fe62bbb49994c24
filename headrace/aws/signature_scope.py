"""The scope of a signature: it names the service and the region that a request is for.

Source: IAM user guide, "Elements of an AWS API request signature".
"""

import re
from urllib.parse import unquote

SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/[^/]*/([^/]+)/aws4_request")


def signed_service(authorization: str | None, path: str) -> str | None:
    """Return the service that a request was signed for, in its header or its query; None when unsigned."""
    text = authorization
    if text is None and "X-Amz-Credential=" in path:
        text = unquote(path).replace("X-Amz-Credential=", "Credential=")
    found = SCOPE.search(text) if text is not None else None
    return found[1] if found is not None else None
