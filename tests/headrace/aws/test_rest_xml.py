"""Documents of requests and answers."""

import pytest

from headrace.aws.rest_xml import Markup, S3Error, document, parse


def test_a_document_is_read_without_its_namespace() -> None:
    node = parse(b'<A xmlns="urn:x"><B>1</B><B> 2 </B><C/><!-- D --></A>', "A")
    assert [(each.name, each.content) for each in node.children("B", "C")] == [
        ("B", "1"),
        ("B", " 2 "),
        ("C", ""),
    ]
    assert (node.text("B"), node.text("C"), node.text("D"), node.child("D")) == ("1", "", None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<A>",
        b"<B/>",
        b"{}",
        b'<!DOCTYPE A [<!ENTITY e "x">]><A>&e;</A>',
        b"<A>&undefined;</A>",
        b"\xff",
    ],
)
def test_what_is_no_such_document_is_refused(body: bytes) -> None:
    with pytest.raises(S3Error) as caught:
        parse(body, "A")
    assert caught.value.code == "MalformedXML"


@pytest.mark.parametrize(
    ("members", "inside"),
    [
        ("", ""),
        ("a & b", "a &amp; b"),
        ({"A": ["x", "y"]}, "<A>x</A><A>y</A>"),
        ({"A": [{"B": False}]}, "<A><B>false</B></A>"),
        ({"A": "\x01\r"}, "<A>&#x1;&#xd;</A>"),
        ({"A": Markup("<B/>")}, "<A><B/></A>"),
    ],
)
def test_values_of_answers(members: object, inside: str) -> None:
    assert document("R", members).decode().partition("2006-03-01/")[2] == f'">{inside}</R>'
