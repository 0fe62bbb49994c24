"""Takes an expression apart into tokens.

Source: DynamoDB developer guide, "Expression attribute names and values", "Comparison operator and function
reference"; texts of errors as the service has them.
"""

import re
from typing import Literal, cast

from engine.errors import ValidationFailed
from engine.value import dataclass

MOST_BYTES = 4096
TokenKind = Literal["word", "name", "value", "number", "symbol", "end"]

_TOKEN = re.compile(
    r"(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<name>#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)|(?P<number>[0-9]+)"
    r"|(?P<symbol><>|<=|>=|[()\[\],.=<>+-])"
)
_SPACE = re.compile(r"\s*")
END_TEXT = "<EOF>"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and where it stands in the text."""

    kind: TokenKind
    text: str
    begin: int
    end: int


class Tokens:
    """The tokens of one expression, read from left to right. `parameter` names it in errors."""

    def __init__(self, text: str, parameter: str) -> None:
        """Raises ValidationFailed for what is empty, too long, or has signs of no token."""
        self._text = text
        self._parameter = parameter
        self._next = 0
        if not text.strip():
            raise self.wrong("The expression can not be empty;")
        if len(text.encode("utf-8", "replace")) > MOST_BYTES:
            raise self.wrong(
                "Expression size has exceeded the maximum allowed size; expression size: "
                f"{len(text.encode('utf-8', 'replace'))}"
            )
        self._tokens = self._scan()

    @property
    def ahead(self) -> Token:
        """The next token."""
        return self._tokens[self._next]

    @property
    def second(self) -> Token:
        """The token after the next one."""
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)]

    @property
    def position(self) -> int:
        """How many tokens were taken."""
        return self._next

    def take(self) -> Token:
        """Return the next token and go on to the one after it."""
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def is_symbol(self, *texts: str) -> bool:
        """Say whether the next token is one of these symbols."""
        return self.ahead.kind == "symbol" and self.ahead.text in texts

    def is_keyword(self, *words: str) -> bool:
        """Say whether the next token is one of these words, which are given in upper case."""
        return self.ahead.kind == "word" and self.ahead.text.upper() in words

    def expect(self, symbol: str) -> None:
        """Take a symbol. Raises ValidationFailed for any other token."""
        if not self.is_symbol(symbol):
            raise self.unexpected()
        self.take()

    def expect_keyword(self, word: str) -> None:
        """Take a word. Raises ValidationFailed for any other token."""
        if not self.is_keyword(word):
            raise self.unexpected()
        self.take()

    def unexpected(self) -> ValidationFailed:
        """Return the error for the next token, which cannot stand there."""
        before = self._tokens[max(self._next - 1, 0)]
        return self._syntax_error(self.ahead.text, before.begin, self.second.end)

    def wrong(self, text: str) -> ValidationFailed:
        """Return an error about this expression."""
        return ValidationFailed(f"Invalid {self._parameter}: {text}")

    def _scan(self) -> list[Token]:
        text, place = self._text, _end_of_space(self._text, 0)
        tokens: list[Token] = []
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                begin = tokens[-1].begin if tokens else place
                raise self._syntax_error(text[place], begin, place + 1 + len(text[place + 1 :].split(" ")[0]))
            kind = cast("TokenKind", found.lastgroup)
            tokens.append(Token(kind, found[0], found.start(), found.end()))
            place = _end_of_space(text, found.end())
        tokens.append(Token("end", END_TEXT, len(text), len(text)))
        return tokens

    def _syntax_error(self, token: str, begin: int, end: int) -> ValidationFailed:
        return self.wrong(f'Syntax error; token: "{token}", near: "{self._text[begin:end].strip()}"')


def _end_of_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()
