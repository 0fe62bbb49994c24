"""Text of functions on a terminal, which it must neither clear nor rename."""

import re

CONTROL = re.compile(r"(?!\x1b\[[\d;]*m)[\x00-\x08\n\x0b-\x0c\x0e-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Show control characters as `\\x1b`; a carriage return and colours stay as they are."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], text) if not text.isprintable() else text
