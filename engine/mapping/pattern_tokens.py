"""The text of an event pattern, token by token.

EventBridge compiles a pattern while it reads it, so the first mistake counts, be it one of JSON or of the
pattern; and a repeated key is seen twice. A JSON value could not tell either. Messages are Jackson's, as
AWS answers them.
"""

import json
import re
from dataclasses import dataclass
from typing import Literal, NoReturn

Kind = Literal["{", "}", "[", "]", "name", "string", "number", "true", "false", "null"]

SPACE = re.compile(r"[ \t\r\n]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
CONSTANTS: dict[str, Literal["true", "false", "null"]] = {"true": "true", "false": "false", "null": "null"}
VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
STRINGS = json.JSONDecoder()


class InvalidPattern(ValueError):
    """A pattern that AWS refuses.

    `reason` is the bare reason, `message` the first line of EventBridge's answer; `line` and `column` count
    from 1 and lead to the place in the pattern.
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.reason = reason
        self.message = f"Event pattern is not valid. Reason: {reason}"
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of JSON: a bracket, a field's name or a value; `text` is what it says, without its quotes."""

    kind: Kind
    text: str
    position: int


class PatternTokens:
    """Reads tokens from left to right; each mistake raises InvalidPattern where it is met."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._position = 0
        self._open: list[Token] = []
        self._filled: list[bool] = []  # for each open bracket: has it an entry yet?
        self._named = False  # a field's name was read, its value is next

    @property
    def position(self) -> int:
        """Where the text goes on."""
        return self._position

    def next(self) -> Token:
        """Return the next token; commas and colons are none."""
        char = self._next_char()
        if self._open and not self._named:
            if char in "]}":
                return self._close(char)
            if self._filled[-1]:
                char = self._comma(char)
            self._filled[-1] = True
            if self._open[-1].kind == "{":
                return self._name(char)
        self._named = False
        return self._value(char)

    def finish(self) -> None:
        """Make sure that nothing follows."""
        self._skip_space()
        if self._position < len(self.text):
            self._unexpected("expected nothing after the end of the pattern")

    def refuse(self, reason: str, token: Token) -> NoReturn:
        """Raise InvalidPattern at a token."""
        raise InvalidPattern(reason, self.text, token.position)

    def _skip_space(self) -> None:
        found = SPACE.match(self.text, self._position)
        self._position = found.end() if found else self._position

    def _next_char(self) -> str:
        self._skip_space()
        if self._position == len(self.text):
            if not self._open:
                self._fail("Filter is not an object")
            bracket = "Object" if self._open[-1].kind == "{" else "Array"
            self._fail(f"Unexpected end-of-input: expected close marker for {bracket}")
        return self.text[self._position]

    def _close(self, char: str) -> Token:
        opened = self._open[-1].kind
        expected, bracket = ("}", "Object") if opened == "{" else ("]", "Array")
        if char != expected:
            self._fail(f"Unexpected close marker '{char}': expected '{expected}' (for {bracket})")
        self._open.pop()
        self._filled.pop()
        return self._bracket("}" if char == "}" else "]")

    def _comma(self, char: str) -> str:
        if char != ",":
            entries = "Object" if self._open[-1].kind == "{" else "Array"
            self._unexpected(f"was expecting comma to separate {entries} entries")
        self._position += 1
        return self._next_char()

    def _name(self, char: str) -> Token:
        if char != '"':
            self._unexpected("was expecting double-quote to start field name")
        start = self._position
        name = self._string()
        if self._next_char() != ":":
            self._unexpected("was expecting a colon to separate field name and value")
        self._position += 1
        self._named = True
        return Token("name", name, start)

    def _value(self, char: str) -> Token:
        start = self._position
        if char in "{[":
            token = self._bracket("{" if char == "{" else "[")
            self._open.append(token)
            self._filled.append(False)
            return token
        if char == '"':
            return Token("string", self._string(), start)
        if number := NUMBER.match(self.text, start):
            self._position = number.end()
            return self._number(number[0], start)
        if word := WORD.match(self.text, start):
            if word[0] not in CONSTANTS:
                self._fail(f"Unrecognized token '{word[0]}': was expecting ({VALUES})")
            self._position = word.end()
            return Token(CONSTANTS[word[0]], word[0], start)
        return self._unexpected(f"expected a valid value ({VALUES})")

    def _bracket(self, kind: Literal["{", "}", "[", "]"]) -> Token:
        self._position += 1
        return Token(kind, kind, self._position - 1)

    def _number(self, number: str, start: int) -> Token:
        following = self.text[self._position : self._position + 1]
        if following.isdigit() and number in ("0", "-0"):
            self._fail("Invalid numeric value: Leading zeroes not allowed")
        if following == ".":
            self._position += 1
            self._unexpected_in_number("Decimal point not followed by a digit")
        if following in ("e", "E"):
            self._position += 1
            self._unexpected_in_number("Exponent indicator not followed by a digit")
        return Token("number", number, start)

    def _string(self) -> str:
        try:
            text, self._position = STRINGS.raw_decode(self.text, self._position)
        except json.JSONDecodeError as error:
            self._position = error.pos
            self._bad_string(error.msg)
        return str(text)

    def _bad_string(self, problem: str) -> NoReturn:
        if problem.startswith("Unterminated"):
            self._fail("Unexpected end-of-input: was expecting closing quote for a string value")
        char = self.text[self._position : self._position + 1]
        if problem.startswith("Invalid control character"):
            self._fail(
                f"Illegal unquoted character ((CTRL-CHAR, code {ord(char)})): "
                "has to be escaped using backslash to be included in string value"
            )
        escape = self.text[self._position + 1 : self._position + 2] if char == "\\" else char
        self._fail(f"Unrecognized character escape '{escape}'")

    def _unexpected(self, wanted: str) -> NoReturn:
        char = self.text[self._position]
        self._fail(f"Unexpected character ('{char}' (code {ord(char)})): {wanted}")

    def _unexpected_in_number(self, wanted: str) -> NoReturn:
        if self._position == len(self.text):
            self._fail("Unexpected end-of-input in numeric value")
        char = self.text[self._position]
        self._fail(f"Unexpected character ('{char}' (code {ord(char)})) in numeric value: {wanted}")

    def _fail(self, reason: str) -> NoReturn:
        raise InvalidPattern(reason, self.text, self._position)
