"""Text as XML 1.0 has it. Source: W3C, "Extensible Markup Language (XML) 1.0", 2.2 "Characters"."""

import re
from xml.sax.saxutils import escape

KEPT = {"\r": "&#xD;"}  # readers of XML take a carriage return for a line feed, unless it is written so
NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Return text for the inside of an element; a replacement stands for what XML has no character for."""
    return escape(NO_CHARACTER.sub("\ufffd", text), KEPT)
