"""Text in XML: what is read is what was written, as far as XML has characters for it."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.aws.xml_text import xml_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('<a> & "b" ]]>', '<a> & "b" ]]>', id="markup is text"),
        pytest.param("a\r\n\tb", "a\r\n\tb", id="line ends and tabs are kept"),
        pytest.param("a\x00\x1bb\x7f", "a\ufffd\ufffdb\x7f", id="control characters are replaced"),
        pytest.param("\ufffe\uffff", "\ufffd\ufffd", id="what is no character is replaced"),
        pytest.param("\ud800", "\ufffd", id="half a character is replaced"),
        pytest.param("漢字🦉", "漢字🦉", id="letters of all alphabets are kept"),
    ],
)
def test_text_is_read_as_it_was_written(text: str, expected: str) -> None:
    assert ET.fromstring(f"<a>{xml_text(text)}</a>").text == expected


@given(st.text(st.characters(exclude_categories=[]), min_size=1))
def test_any_text_can_be_written(text: str) -> None:
    read = ET.fromstring(f"<a>{xml_text(text)}</a>".encode()).text
    assert read is not None
    assert len(read) == len(text)
