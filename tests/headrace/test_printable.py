import pytest

from headrace.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain, é and 日本", "plain, é and 日本", id="text"),
        pytest.param("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m", id="a colour"),
        pytest.param("\x1b[2J\x1b]0;mine\x07", "\\x1b[2J\\x1b]0;mine\\x07", id="what clears and renames"),
        pytest.param("a\rb\tc", "a\rb\tc", id="a carriage return and a tab"),
        pytest.param("\x00\x9b", "\\x00\\x9b", id="other control characters"),
    ],
)
def test_a_terminal_is_neither_cleared_nor_renamed(text: str, shown: str) -> None:
    assert printable(text) == shown
