"""Parses condition, update and projection expressions.

The grammar is that of the DynamoDB developer guide, "Condition and filter expressions, operators, and
functions", "Update expressions" and "Projection expressions". What is parsed does not depend on the values
of placeholders, so the same text is parsed once.
"""

from functools import lru_cache

from triggers.dynamodb.expression.reserved_words import RESERVED_WORDS
from triggers.dynamodb.expression.tokens import Tokens
from triggers.dynamodb.expression.tree import (
    Among,
    And,
    Arithmetic,
    Between,
    Call,
    Change,
    Comparison,
    Condition,
    Literal,
    Not,
    Operand,
    Or,
    Path,
    Placeholder,
)

REMEMBERED = 1024  # expressions
DEEPEST = 60  # levels of parentheses, functions and NOT
LARGEST_INDEX_DIGITS = 9
COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
CONDITION_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}
_OPERANDS = Path | Placeholder | Literal | Call | Arithmetic


@lru_cache(maxsize=REMEMBERED)
def parse_condition(text: str, parameter: str = "ConditionExpression") -> Condition:
    """Return a condition. `parameter` names it in errors. Raises ValidationFailed."""
    tokens = Tokens(text, parameter)
    parser = _ConditionParser(tokens)
    condition = parser.disjunction()
    if tokens.ahead.kind != "end":
        raise tokens.unexpected()
    return parser.as_condition(condition)


@lru_cache(maxsize=REMEMBERED)
def parse_projection(text: str) -> tuple[Path, ...]:
    """Return the paths of a projection expression. Raises ValidationFailed."""
    tokens = Tokens(text, "ProjectionExpression")
    paths = [_path(tokens)]
    while tokens.is_symbol(","):
        tokens.take()
        paths.append(_path(tokens))
    if tokens.ahead.kind != "end":
        raise tokens.unexpected()
    return tuple(paths)


@lru_cache(maxsize=REMEMBERED)
def parse_update(text: str) -> tuple[Change, ...]:
    """Return the changes of an update expression, in their order. Raises ValidationFailed."""
    tokens = Tokens(text, "UpdateExpression")
    parser = _UpdateParser(tokens)
    changes: list[Change] = []
    seen: set[str] = set()
    while True:
        section = tokens.ahead.text.upper()
        if section not in ("SET", "REMOVE", "ADD", "DELETE"):
            raise tokens.unexpected()
        tokens.take()
        if section in seen:
            raise tokens.wrong(f'The "{section}" section can only be used once in an update expression;')
        seen.add(section)
        changes += parser.section(section)
        if tokens.ahead.kind == "end":
            return tuple(changes)


def _path(tokens: Tokens) -> Path:
    """Take a document path, as far as it goes."""
    parts: list[str | int] = [_name(tokens)]
    while True:
        if tokens.is_symbol("."):
            tokens.take()
            parts.append(_name(tokens))
        elif tokens.is_symbol("["):
            tokens.take()
            if tokens.ahead.kind != "number":
                raise tokens.unexpected()
            index = tokens.take().text
            if len(index) > LARGEST_INDEX_DIGITS:
                raise tokens.wrong(f"List index is not within the allowable range; index: [{index}]")
            parts.append(int(index))
            tokens.expect("]")
        else:
            return Path(tuple(parts))


def _name(tokens: Tokens) -> str:
    if tokens.ahead.kind not in ("word", "name"):
        raise tokens.unexpected()
    token = tokens.take()
    if token.text.upper() in RESERVED_WORDS:
        raise tokens.wrong(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
    return token.text


class _OperandParser:
    """What conditions and updates have in common: operands."""

    functions: dict[str, int]

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self._depth = 0

    def deeper(self) -> None:
        """Count a level. Raises ValidationFailed when there are too many."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.tokens.wrong("The expression is nested too deeply;")

    def shallower(self) -> None:
        """Leave a level."""
        self._depth -= 1

    def operand(self) -> Operand:
        """Take an operand, in parentheses or not."""
        tokens = self.tokens
        if tokens.is_symbol("("):
            tokens.take()
            self.deeper()
            is_doubled = tokens.is_symbol("(")
            operand = self.operand()
            tokens.expect(")")
            self.shallower()
            if is_doubled:
                raise tokens.wrong("The expression has redundant parentheses;")
            return operand
        return self.bare_operand()

    def bare_operand(self) -> Operand:
        """Take an operand that has no parentheses."""
        tokens = self.tokens
        if tokens.ahead.kind == "value":
            return Placeholder(tokens.take().text)
        if tokens.ahead.kind == "word" and tokens.second.text == "(":
            return self.call()
        return _path(tokens)

    def call(self) -> Call:
        """Take a function and its operands."""
        tokens = self.tokens
        function = tokens.take().text
        self.deeper()
        tokens.expect("(")
        operands = [self.operand()]
        while tokens.is_symbol(","):
            tokens.take()
            operands.append(self.operand())
        tokens.expect(")")
        self.shallower()
        if function not in self.functions:
            raise tokens.wrong(f"Invalid function name; function: {function}")
        if len(operands) != self.functions[function]:
            raise tokens.wrong(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {function}, number of operands: {len(operands)}"
            )
        return Call(function, tuple(operands))


class _ConditionParser(_OperandParser):
    functions = CONDITION_FUNCTIONS

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens)
        self._last_group: tuple[int, int] | None = None  # where the last parentheses began and ended

    def disjunction(self) -> Condition | Operand:
        """Take conditions and OR between them; within parentheses, an operand alone is returned as it is."""
        left = self._conjunction()
        while self.tokens.is_keyword("OR"):
            self.tokens.take()
            left = Or(self.as_condition(left), self.as_condition(self._conjunction()))
        return left

    def as_condition(self, node: Condition | Operand) -> Condition:
        """Return what is a condition. Raises ValidationFailed for an operand."""
        if isinstance(node, Call):
            if node.function == "size":
                raise self._misused("size")
            return node
        if isinstance(node, _OPERANDS):
            raise self.tokens.unexpected()
        return node

    def _conjunction(self) -> Condition | Operand:
        left = self._negation()
        while self.tokens.is_keyword("AND"):
            self.tokens.take()
            left = And(self.as_condition(left), self.as_condition(self._negation()))
        return left

    def _negation(self) -> Condition | Operand:
        if not self.tokens.is_keyword("NOT"):
            return self._comparison()
        self.tokens.take()
        self.deeper()
        negated = Not(self.as_condition(self._negation()))
        self.shallower()
        return negated

    def _comparison(self) -> Condition | Operand:
        tokens = self.tokens
        left = self._primary()
        if not isinstance(left, _OPERANDS):
            return left
        if tokens.is_symbol(*COMPARATORS):
            operator = tokens.take().text
            return Comparison(operator, self._value(left), self._value(self.operand()))
        if tokens.is_keyword("BETWEEN"):
            tokens.take()
            low = self._value(self.operand())
            tokens.expect_keyword("AND")
            return Between(self._value(left), low, self._value(self.operand()))
        if tokens.is_keyword("IN"):
            tokens.take()
            return Among(self._value(left), self._options())
        if not isinstance(left, Call) and not tokens.is_symbol(")"):
            raise tokens.unexpected()
        return left

    def _options(self) -> tuple[Operand, ...]:
        tokens = self.tokens
        tokens.expect("(")
        options = [self._value(self.operand())]
        while tokens.is_symbol(","):
            tokens.take()
            options.append(self._value(self.operand()))
        tokens.expect(")")
        if len(options) > 100:
            raise tokens.wrong(
                "Too many operands for the IN operator; the maximum is 100, "
                f"number of operands: {len(options)}"
            )
        return tuple(options)

    def _primary(self) -> Condition | Operand:
        tokens = self.tokens
        if not tokens.is_symbol("("):
            return self.bare_operand()
        begin = tokens.position
        tokens.take()
        self.deeper()
        inside = self.disjunction()
        is_doubled = self._last_group == (begin + 1, tokens.position)
        tokens.expect(")")
        self.shallower()
        if is_doubled:
            raise tokens.wrong("The expression has redundant parentheses;")
        self._last_group = begin, tokens.position
        return inside

    def _value(self, operand: Operand) -> Operand:
        """Return an operand that has a value; functions other than size are conditions."""
        if isinstance(operand, Call) and operand.function != "size":
            raise self._misused(operand.function)
        return operand

    def call(self) -> Call:
        call = super().call()
        for operand in call.operands:
            self._value(operand)
        return call

    def _misused(self, function: str) -> Exception:
        return self.tokens.wrong(
            f"The function is not allowed to be used this way in an expression; function: {function}"
        )


class _UpdateParser(_OperandParser):
    functions = UPDATE_FUNCTIONS

    def section(self, action: str) -> list[Change]:
        """Take the changes of one section."""
        changes = [self._change(action)]
        while self.tokens.is_symbol(","):
            self.tokens.take()
            changes.append(self._change(action))
        return changes

    def _change(self, action: str) -> Change:
        tokens = self.tokens
        path = _path(tokens)
        if action == "REMOVE":
            return Change(action, path, None)
        if action == "SET":
            tokens.expect("=")
            return Change(action, path, self._sum())
        if tokens.ahead.kind != "value":
            raise tokens.unexpected()
        return Change(action, path, Placeholder(tokens.take().text))

    def _sum(self) -> Operand:
        tokens = self.tokens
        if tokens.is_symbol("("):
            tokens.take()
            self.deeper()
            operand = self._sum()
            tokens.expect(")")
            self.shallower()
        else:
            operand = self.operand()
        if tokens.is_symbol("+", "-"):
            sign = tokens.take().text
            return Arithmetic(sign, operand, self.operand())
        return operand
