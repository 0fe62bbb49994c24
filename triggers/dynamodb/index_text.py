"""Takes a CREATE INDEX statement apart, for what SQLite's pragmas do not tell: expressions and WHERE."""

import re

_TOKEN = re.compile(
    r"""
    --[^\n]*                        # a comment to the end of the line
    | /\*.*?(?:\*/|\Z)              # a comment
    | '(?:[^']|'')*'                # text
    | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]   # quoted names
    | \w+ | \s+ | .
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTION = re.compile(r"\s(ASC|DESC)\s*\Z", re.IGNORECASE)


def take_apart(sql: str) -> tuple[tuple[str, ...], str | None]:
    """Return the indexed terms, without ASC and DESC, and the WHERE expression of a partial index."""
    terms: list[str] = []
    term: list[str] = []
    where: list[str] | None = None
    depth = 0
    closed = False
    for piece in _TOKEN.findall(sql):
        if piece.startswith(("--", "/*")):
            piece = " "
        if closed:
            if where is not None:
                where.append(piece)
            elif piece.upper() == "WHERE":
                where = []
            continue
        depth += (piece == "(") - (piece == ")")
        if depth == 0:
            closed = piece == ")"
        elif depth == 1 and piece == ",":
            terms.append("".join(term))
            term = []
        elif not (depth == 1 and piece == "("):
            term.append(piece)
    terms.append("".join(term))
    return (
        tuple(_DIRECTION.sub("", each).strip() for each in terms),
        None if where is None else "".join(where).strip(),
    )
