"""The grammar of event patterns: from tokens to branches.

Keys on the way to a field are joined with dots. A path that comes twice keeps its last value. `$or` stands
among keys and holds at least two objects; where it cannot be read so, it is a field's name like any other.
Source: EventBridge user guide, "Comparison operators"; the reasons are those of Event Ruler's compiler, in
its order.
"""

import re

from engine.mapping.branch import Branch, Leaf
from engine.mapping.ip_address import read_address
from engine.mapping.json_number import Number, read_number
from engine.mapping.match_expression import Absence, MatchExpressions
from engine.mapping.match_value import AddressBlock, MatchValue, OneOf
from engine.mapping.pattern_tokens import InvalidPattern, PatternTokens, Token

OR = "$or"
BRANCH_LIMIT = 1000
NESTING_LIMIT = 300
CONSTANTS = {"true": True, "false": False, "null": None}
RESERVED_IN_OR = frozenset(
    (
        *(
            "exactly",
            "equals-ignore-case",
            "prefix",
            "suffix",
            "anything-but",
            "exists",
            "wildcard",
            "numeric",
        ),
        *("cidr", "html", "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    )
)
LINE_BREAK = re.compile(r"[ \t\r]*\n\s*")

Draft = dict[str, Leaf]  # a branch that is being read: its leaves by path


def read_pattern(text: str) -> tuple[Branch, ...]:
    """Return the branches of a pattern. Raises InvalidPattern."""
    try:
        return _PatternReader(text, or_is_a_field=False).read()
    except InvalidPattern:
        if f'"{OR}"' not in text:
            raise
        try:
            return _PatternReader(text, or_is_a_field=True).read()
        except InvalidPattern:
            pass
        raise


class _PatternReader:
    def __init__(self, text: str, *, or_is_a_field: bool) -> None:
        self._tokens = PatternTokens(text)
        self._expressions = MatchExpressions(self._tokens)
        self._or_is_a_field = or_is_a_field
        self._depth = 0

    def read(self) -> tuple[Branch, ...]:
        start = self._tokens.next()
        if start.kind != "{":
            self._tokens.refuse("Filter is not an object", start)
        drafts: list[Draft] = self._object(start, None, [{}], in_or=False)
        self._tokens.finish()
        self._expressions.refuse_complex_wildcards()
        return tuple(Branch(tuple(draft[path] for path in sorted(draft))) for draft in drafts)

    def _object(self, start: Token, path: str | None, drafts: list[Draft], *, in_or: bool) -> list[Draft]:
        """Read the fields of an object into every draft; an `$or` among them makes more drafts."""
        self._depth += 1
        if self._depth > NESTING_LIMIT:
            reason = f"Document nesting depth ({self._depth}) exceeds the maximum allowed ({NESTING_LIMIT})"
            self._tokens.refuse(reason, start)
        empty = True
        while (name := self._tokens.next()).kind != "}":
            empty = False
            if name.text == OR and not self._or_is_a_field:
                drafts = self._alternatives(path, drafts)
                continue
            if in_or and name.text in RESERVED_IN_OR:
                self._tokens.refuse(
                    f"{name.text} is Ruler reserved fieldName which cannot be used inside {OR}.", name
                )
            drafts = self._field(name, path, drafts, in_or=in_or)
        if empty:
            self._tokens.refuse("Empty objects are not allowed", start)
        self._depth -= 1
        return drafts

    def _field(self, name: Token, path: str | None, drafts: list[Draft], *, in_or: bool) -> list[Draft]:
        value = self._tokens.next()
        field = name.text if path is None else f"{path}.{name.text}"
        if value.kind == "{":
            return self._object(value, field, drafts, in_or=in_or)
        if value.kind != "[":
            self._tokens.refuse(f'"{name.text}" must be an object or an array', value)
        leaf = self._leaf(value, field)
        for draft in drafts:
            draft[field] = leaf
        return drafts

    def _alternatives(self, path: str | None, drafts: list[Draft]) -> list[Draft]:
        start = self._tokens.next()
        if start.kind != "[":
            self._tokens.refuse(f"It must be an Array followed with {OR}.", start)
        alternatives: list[Draft] = []
        count = 0
        while (token := self._tokens.next()).kind != "]":
            count += 1
            if token.kind != "{":
                self._tokens.refuse(f"Only JSON object is allowed in array of {OR} relationship.", token)
            alternatives += self._object(token, path, [dict(draft) for draft in drafts], in_or=True)
            if len(alternatives) > BRANCH_LIMIT:
                self._tokens.refuse(f"{OR} makes more than {BRANCH_LIMIT} rule combinations", start)
        if count < 2:
            self._tokens.refuse(f"There must have at least 2 Objects in {OR} relationship.", start)
        return alternatives

    def _leaf(self, start: Token, path: str) -> Leaf:
        strings: set[str] = set()
        numbers: set[Number] = set()
        constants: set[bool | None] = set()
        match_values: list[MatchValue] = []
        absent = False
        while (token := self._tokens.next()).kind != "]":
            if token.kind == "{":
                match self._expressions.read():
                    case Absence():
                        absent = True
                    case match_value:
                        match_values.append(match_value)
            elif token.kind == "string":
                address = read_address(token.text)
                if address is None:
                    strings.add(token.text)
                else:
                    match_values.append(AddressBlock(address))
            elif token.kind == "number":
                numbers.add(read_number(token.text))
            elif token.kind in CONSTANTS:
                constants.add(CONSTANTS[token.kind])
            else:
                self._tokens.refuse("Match value must be String, number, true, false, or null", token)
        listed = bool(strings or numbers or constants)
        if not (listed or match_values or absent):
            self._tokens.refuse("Empty arrays are not allowed", start)
        self._expressions.end_of_field(start)
        if listed:
            match_values.insert(0, OneOf(frozenset(strings), frozenset(numbers), frozenset(constants)))
        allowed = LINE_BREAK.sub(" ", self._tokens.text[start.position : self._tokens.position])
        return Leaf(path, tuple(match_values), absent, allowed)
