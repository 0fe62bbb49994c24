"""The match expressions of an event pattern, such as `{"prefix": "a"}`: from tokens to match values.

Source: EventBridge user guide, "Comparison operators"; the reasons are those of Event Ruler's compiler, in
its order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from engine.mapping.ip_address import read_block
from engine.mapping.json_number import InexactNumber, Number, read_number
from engine.mapping.letter_case import ignoring_case
from engine.mapping.match_value import (
    AddressBlock,
    AnyCase,
    AnyCasePrefix,
    AnyCaseSuffix,
    Anything,
    AnythingBut,
    MatchValue,
    NumericRange,
    OneOf,
    Prefix,
    Suffix,
)
from engine.mapping.pattern_tokens import PatternTokens, Token
from engine.mapping.wildcard import TOO_COMPLEX, Wildcard, read_wildcard, too_complex

NOT_STRING_IN_ANYTHING_BUT = {  # what anything-but may hold, and the reason when a value is no string
    "prefix": "prefix/suffix match pattern must be a string",
    "suffix": "prefix/suffix match pattern must be a string",
    "wildcard": "wildcard match pattern must be a string",
    "equals-ignore-case": (
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
    ),
}
MIXED_TYPES = "Inside anything but list, either all values are number or string, mixed type is not supported"


@dataclass(frozen=True, slots=True)
class Absence:
    """`{"exists": false}`: it asks for the field, not for a value."""


class MatchExpressions:
    """Reads match expressions whose opening brace has been read."""

    def __init__(self, tokens: PatternTokens) -> None:
        self._tokens = tokens
        self._wildcards: list[list[Wildcard]] = []  # of the field that is being read
        self._wildcards_of_fields: list[tuple[Token, list[list[Wildcard]]]] = []
        self._operators: dict[str, Callable[[], MatchValue | Absence]] = {
            "exactly": self._exactly,
            "prefix": self._prefix,
            "suffix": self._suffix,
            "equals-ignore-case": self._equals_ignore_case,
            "wildcard": self._wildcard,
            "anything-but": self._anything_but,
            "numeric": self._numeric,
            "exists": self._exists,
            "cidr": self._cidr,
        }

    def read(self) -> MatchValue | Absence:
        """Read one expression and its closing brace. Raises InvalidPattern."""
        name = self._tokens.next()
        if name.kind != "name":
            self._tokens.refuse("Match expression name not found", name)
        if name.text not in self._operators:
            self._tokens.refuse(f"Unrecognized match type {name.text}", name)
        return self._operators[name.text]()

    def end_of_field(self, start: Token) -> None:
        """Take it that all match values of one field have been read."""
        if self._wildcards:
            self._wildcards_of_fields.append((start, self._wildcards))
            self._wildcards = []

    def refuse_complex_wildcards(self) -> None:
        """Raise InvalidPattern for the first field whose wildcards are too complex together."""
        for start, wildcards in self._wildcards_of_fields:
            if too_complex(wildcards):
                self._tokens.refuse(TOO_COMPLEX, start)

    def _exactly(self) -> MatchValue:
        return OneOf(strings=frozenset({self._only_string("exact match pattern must be a string")}))

    def _prefix(self) -> MatchValue:
        value = self._tokens.next()
        if value.kind == "{":
            return AnyCasePrefix(ignoring_case(self._text_in_any_case("prefix")))
        return Prefix(self._string(value, "prefix match pattern must be a string"))

    def _suffix(self) -> MatchValue:
        value = self._tokens.next()
        if value.kind == "{":
            return AnyCaseSuffix(ignoring_case(self._text_in_any_case("suffix"), backwards=True))
        return Suffix(self._string(value, "suffix match pattern must be a string"))

    def _text_in_any_case(self, operator: str) -> str:
        name = self._tokens.next()
        if name.kind != "name":
            self._tokens.refuse(f"{operator.capitalize()} expression name not found", name)
        if name.text != "equals-ignore-case":
            self._tokens.refuse(f"Unsupported {operator} pattern: {name.text}", name)
        text = self._only_string("equals-ignore-case match pattern must be a string")
        self._close_only_key()
        return text

    def _equals_ignore_case(self) -> MatchValue:
        return AnyCase(ignoring_case(self._only_string("equals-ignore-case match pattern must be a string")))

    def _wildcard(self) -> MatchValue:
        value = self._tokens.next()
        if value.kind != "string":
            self._tokens.refuse("wildcard match pattern must be a string", value)
        wildcard = self._read_wildcard(value)
        self._close_only_key()
        self._wildcards.append([wildcard])
        return wildcard

    def _read_wildcard(self, value: Token) -> Wildcard:
        try:
            return read_wildcard(value.text)
        except ValueError as problem:
            self._tokens.refuse(str(problem), value)

    def _cidr(self) -> MatchValue:
        value = self._tokens.next()
        if value.kind != "string":
            self._tokens.refuse("prefix match pattern must be a string", value)
        try:
            block = read_block(value.text)
        except ValueError as problem:
            self._tokens.refuse(str(problem), value)
        self._close_only_key()
        return AddressBlock(*block)

    def _exists(self) -> MatchValue | Absence:
        value = self._tokens.next()
        if value.kind not in ("true", "false"):
            self._tokens.refuse("exists match pattern must be either true or false.", value)
        self._close_only_key()
        return Anything() if value.kind == "true" else Absence()

    def _anything_but(self) -> MatchValue:
        value = self._tokens.next()
        nested = None
        if value.kind == "{":
            name = self._tokens.next()
            if name.kind != "name":
                self._tokens.refuse("Anything-But expression name not found", name)
            if name.text not in NOT_STRING_IN_ANYTHING_BUT:
                self._tokens.refuse(f"Unsupported anything-but pattern: {name.text}", name)
            nested = name.text
            value = self._tokens.next()
        if value.kind not in ("[", "string", "number"):
            reason = "Value of anything-but must be an array or single string/number value."
            self._tokens.refuse(reason, value)
        refused = self._refused_values(value) if nested is None else self._refused_texts(nested, value)
        self._close_numeric()
        if nested is not None:
            self._close_numeric()
        return refused

    def _refused_values(self, value: Token) -> MatchValue:
        strings: set[str] = set()
        numbers: set[Number] = set()
        for item in self._items(value):
            if item.kind == "string":
                strings.add(item.text)
            elif item.kind == "number":
                numbers.add(self._comparable(item))
            else:
                self._tokens.refuse("Inside anything but list, start|null|boolean is not supported.", item)
        if bool(strings) == bool(numbers):
            self._tokens.refuse(MIXED_TYPES, value)
        return AnythingBut((OneOf(frozenset(strings), frozenset(numbers)),))

    def _refused_texts(self, operator: str, value: Token) -> MatchValue:
        refused: list[MatchValue] = []
        wildcards: list[Wildcard] = []
        for item in self._items(value):
            if item.kind != "string":
                self._tokens.refuse(NOT_STRING_IN_ANYTHING_BUT[operator], item)
            match operator:
                case "wildcard":
                    wildcards.append(self._read_wildcard(item))
                case "equals-ignore-case":
                    refused.append(AnyCase(ignoring_case(item.text)))
                case _ if not item.text:
                    self._tokens.refuse("Null prefix/suffix not allowed", item)
                case "prefix":
                    refused.append(Prefix(item.text))
                case _:
                    refused.append(Suffix(item.text))
        if wildcards:
            self._wildcards.append(wildcards)
        return AnythingBut((*refused, *wildcards))

    def _numeric(self) -> MatchValue:
        value = self._tokens.next()
        if value.kind != "[":
            self._tokens.refuse("Value of numeric must be an array.", value)
        operator = self._tokens.next()
        if operator.kind != "string":
            self._tokens.refuse(f"Invalid member in numeric match: {operator.text}", operator)
        bound = self._tokens.next()
        match operator.text:
            case "=":
                self._must_be_number(bound, "equals")
                self._end_of_list()
                number = self._comparable(bound)
                accepted: MatchValue = OneOf(numbers=frozenset({number}))
            case "<" | "<=":
                self._must_be_number(bound, operator.text)
                self._end_of_list()
                accepted = NumericRange(top=self._comparable(bound), top_included=operator.text == "<=")
            case ">" | ">=":
                self._must_be_number(bound, operator.text)
                accepted = self._range_from(bound, included=operator.text == ">=")
            case _:
                self._tokens.refuse(f"Unrecognized numeric range operator: {operator.text}", operator)
        self._close_numeric()
        return accepted

    def _range_from(self, bottom: Token, *, included: bool) -> MatchValue:
        operator = self._tokens.next()
        if operator.kind == "]":
            return NumericRange(self._comparable(bottom), included)
        if operator.kind != "string":
            self._tokens.refuse(f"Bad value in numeric range: {operator.text}", operator)
        if operator.text not in ("<", "<="):
            self._tokens.refuse(f"Bad numeric range operator: {operator.text}", operator)
        top = self._tokens.next()
        self._must_be_number(top, operator.text)
        end = self._tokens.next()
        if end.kind != "]":
            self._tokens.refuse("Too many terms in numeric range expression", end)
        lower, upper = self._comparable(bottom), self._comparable(top)
        if lower >= upper:
            self._tokens.refuse("Bottom must be less than top", bottom)
        return NumericRange(lower, included, upper, operator.text == "<=")

    def _must_be_number(self, token: Token, name: str) -> None:
        if token.kind != "number":
            self._tokens.refuse(f"Value of {name} must be numeric", token)

    def _comparable(self, token: Token) -> float:
        number = read_number(token.text)
        if isinstance(number, InexactNumber):
            self._tokens.refuse(f"Cannot compare number : {token.text}", token)
        return number

    def _items(self, value: Token) -> Iterator[Token]:
        """Yield the elements of a list as they are read, or a single value."""
        if value.kind != "[":
            yield value
            return
        while (item := self._tokens.next()).kind != "]":
            yield item

    def _only_string(self, reason: str) -> str:
        return self._string(self._tokens.next(), reason)

    def _string(self, value: Token, reason: str) -> str:
        """Return a text that ends its expression."""
        if value.kind != "string":
            self._tokens.refuse(reason, value)
        self._close_only_key()
        return value.text

    def _close_only_key(self) -> None:
        token = self._tokens.next()
        if token.kind != "}":
            self._tokens.refuse("Only one key allowed in match expression", token)

    def _close_numeric(self) -> None:
        token = self._tokens.next()
        if token.kind != "}":
            self._too_many_elements(token)

    def _end_of_list(self) -> None:
        token = self._tokens.next()
        if token.kind != "]":
            self._too_many_elements(token)

    def _too_many_elements(self, token: Token) -> NoReturn:
        self._tokens.refuse("Too many elements in numeric expression", token)
