"""S3's wire format: requests, answers and errors in XML.

Source: botocore's service model s3 2006-03-01.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\r\x0e-\x1f]")  # S3 writes them although XML 1.0 has no such text

Value = Any  # text, a number, a truth value, a mapping (nested), or a list of these (repeated)


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
        return f"{DECLARATION}<Error>{elements(members)}</Error>".encode(errors="replace")


class Markup(str):
    """The inside of an element, written already."""

    __slots__ = ()


def document(root: str, members: Value) -> bytes:
    """Return an XML document in S3's namespace."""
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{_inside(members)}</{root}>'.encode()


def elements(members: Mapping[str, Value]) -> str:
    """Return members as elements, one after the other; a list of values repeats the element."""
    return "".join(_element(name, value) for name, value in members.items())


def _element(name: str, value: Value) -> str:
    if isinstance(value, str | int | Mapping):
        return f"<{name}>{_inside(value)}</{name}>"
    return "".join(f"<{name}>{_inside(each)}</{name}>" for each in value)


def _inside(value: Value) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, Mapping):
        return elements(value)
    if isinstance(value, bool):
        return str(value).lower()
    text = escape(str(value))
    return _CONTROL.sub(lambda found: f"&#x{ord(found[0]):x};", text)


class Node:
    """An element of a request, by names without their namespace."""

    def __init__(self, element: "ET.Element[str]") -> None:
        self._element = element

    @property
    def name(self) -> str:
        """The element's name."""
        return self._element.tag.rpartition("}")[2]

    def children(self, *names: str) -> "Iterator[Node]":
        """Yield the children of these names, all without any, in their order."""
        nodes = (Node(child) for child in self._element)
        return (node for node in nodes if not names or node.name in names)

    def child(self, name: str) -> "Node | None":
        """Return the first child of a name."""
        return next(self.children(name), None)

    def text(self, name: str) -> str | None:
        """Return the text of a child; None when there is no such child."""
        found = self.child(name)
        return None if found is None else found.content

    @property
    def content(self) -> str:
        """The element's own text."""
        return self._element.text or ""


def parse(body: bytes, root: str) -> Node:
    """Return the document of a request. Raises S3Error MalformedXML unless `root` is its root element.

    Documents with a DTD are refused: nothing that S3 reads has one.
    """
    try:
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise malformed_xml()
        node = Node(ET.fromstring(body))  # noqa: S314 - no DTD, so no entities
    except ET.ParseError:
        raise malformed_xml() from None
    if node.name != root:
        raise malformed_xml()
    return node


def malformed_xml() -> S3Error:
    """Return the error for a document that S3 does not understand."""
    return S3Error(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
        400,
    )
