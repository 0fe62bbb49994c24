"""What expressions are parsed into.

Names and values may be placeholders at first: `#name` in a path, `Placeholder` for a value. `resolve` puts
what they stand for in their places.
"""

from collections.abc import Iterator

from engine.value import dataclass
from triggers.dynamodb.attribute_value import AttributeValue

Parts = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A document path: an attribute's name, then names in maps and indexes of lists."""

    parts: Parts


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value by the name that it has in ExpressionAttributeValues."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value."""

    value: AttributeValue


@dataclass(frozen=True, slots=True)
class Call:
    """A function of operands."""

    function: str
    operands: "tuple[Operand, ...]"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The sum or the difference of two operands; `sign` is + or -."""

    sign: str
    left: "Operand"
    right: "Operand"


Operand = Path | Placeholder | Literal | Call | Arithmetic


@dataclass(frozen=True, slots=True)
class Comparison:
    """`=`, `<>`, `<`, `<=`, `>` or `>=` of two operands."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """An operand between two others, or the same as one of them."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class Among:
    """An operand that is the same as one of some others: IN."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The reverse of a condition."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    """Both of two conditions."""

    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class Or:
    """One of two conditions, or both."""

    left: "Condition"
    right: "Condition"


Condition = Comparison | Between | Among | Call | Not | And | Or


@dataclass(frozen=True, slots=True)
class Change:
    """One action of an update expression; `action` is SET, REMOVE, ADD or DELETE. REMOVE has no operand."""

    action: str
    path: Path
    operand: Operand | None


def path_text(parts: Parts) -> str:
    """Return a path as errors show it: `[a, [0], b]`."""
    return "[" + ", ".join(f"[{part}]" if isinstance(part, int) else part for part in parts) + "]"


def heads(node: Condition | Operand) -> Iterator[str]:
    """Yield the names of the attributes that a condition looks at."""
    match node:
        case Path(parts):
            yield str(parts[0])
        case Comparison(_, left, right) | And(left, right) | Or(left, right) | Arithmetic(_, left, right):
            yield from heads(left)
            yield from heads(right)
        case Between(operand, low, high):
            for each in (operand, low, high):
                yield from heads(each)
        case Among(operand, options):
            yield from heads(operand)
            for each in options:
                yield from heads(each)
        case Call(_, operands):
            for each in operands:
                yield from heads(each)
        case Not(condition):
            yield from heads(condition)
        case Placeholder() | Literal():
            pass
