"""S3's wire format: answers and errors in XML.

Source: botocore's service model s3 2006-03-01.
"""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

Value = Any  # text, a number, a truth value, a mapping (nested), or mappings (repeated)


class S3Error(Exception):
    """An error as S3 answers it; `details` are further members, such as Key."""

    def __init__(self, code: str, message: str, status: int, **details: str) -> None:
        super().__init__(message)
        self.code, self.status, self.details = code, status, details
        self.headers: dict[str, str] = {}

    def body(self, request_id: str, host_id: str) -> bytes:
        """Return the XML document, in S3's order of members."""
        members = {
            "Code": self.code,
            "Message": str(self),
            **self.details,
            "RequestId": request_id,
            "HostId": host_id,
        }
        return f"{DECLARATION}<Error>{elements(members)}</Error>".encode()


def document(root: str, members: Mapping[str, Value]) -> bytes:
    """Return an XML document in S3's namespace."""
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{elements(members)}</{root}>'.encode()


def elements(members: Mapping[str, Value]) -> str:
    """Return members as elements: a mapping nests, any other iterable of mappings repeats the element."""
    return "".join(_element(name, value) for name, value in members.items())


def _element(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    if isinstance(value, str | int):
        return f"<{name}>{escape(str(value))}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{elements(value)}</{name}>"
    return "".join(f"<{name}>{elements(each)}</{name}>" for each in value)
