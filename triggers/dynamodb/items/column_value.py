"""What a column of a SQLite table keeps for an attribute value, if that reads back as the same value.

SQLite converts what is written by the affinity of the column's declared type; what is read becomes an
attribute value by that type again. A value fits where both together change nothing.
Source: SQLite, "Datatypes In SQLite", sections 3.1 and 3.3.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from decimal import Decimal

from triggers.dynamodb.attribute_value import (
    NUMBER_TYPE,
    AttributeValue,
    NotRepresentable,
    encoder,
    type_name,
)

Stored = int | float | str | bytes | None
Keeper = Callable[[AttributeValue], Stored]
INT64 = 2**63
_LOOKS_NUMERIC = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class DoesNotFit(ValueError):
    """The column would not give the value back as it is."""


def keeper(declared: str, *, keeps_null: bool) -> Keeper:
    """Return what turns attribute values into values of a column of this declared type.

    `keeps_null`: a NULL in the column is the attribute NULL, not a missing attribute. The function returned
    raises DoesNotFit.
    """
    kind, affinity = type_name(declared), affinity_of(declared)
    encode = encoder(declared)
    is_text = affinity == "TEXT" and kind not in _DOCUMENTS

    def keep(attribute: AttributeValue) -> Stored:
        if is_text and "S" in attribute:
            text: str = attribute["S"]
            return text
        value = _candidate(attribute, kind, keeps_null=keeps_null)
        try:
            if encode(_as_kept(value, affinity))[0] != attribute:
                raise DoesNotFit(declared)
        except NotRepresentable:
            raise DoesNotFit(declared) from None
        return value

    return keep


def affinity_of(declared: str) -> str:
    """Return the affinity of a column: TEXT, NUMERIC, INTEGER, REAL or BLOB."""
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if "CHAR" in upper or "CLOB" in upper or "TEXT" in upper:
        return "TEXT"
    if "BLOB" in upper or not upper:
        return "BLOB"
    if "REAL" in upper or "FLOA" in upper or "DOUB" in upper:
        return "REAL"
    return "NUMERIC"


def native_number(text: str) -> int | float | None:
    """Return the SQLite number that is exactly an N, None when there is none."""
    if len(text) < 19 and text.lstrip("-").isdigit():
        return int(text)
    value = Decimal(text)
    if value == value.to_integral_value() and -INT64 <= value < INT64:
        return int(value)
    approximate = float(text)
    return approximate if Decimal(repr(approximate)) == value else None


_DOCUMENTS = ("JSON", "STRING SET", "NUMBER SET", "BINARY SET")


def _candidate(attribute: AttributeValue, kind: str, *, keeps_null: bool) -> Stored:
    """Return the value that would most likely be kept. Raises DoesNotFit when nothing would."""
    ((tag, value),) = attribute.items()
    if kind == NUMBER_TYPE and tag != "N":
        raise DoesNotFit(kind)  # it would stand among the numbers of an index
    if kind in _DOCUMENTS and (tag not in ("S", "N", "B") or (kind == "JSON" and tag == "S")):
        return document_text(attribute)
    match tag:
        case "S":
            return str(value)
        case "N":
            native = native_number(value)
            return str(value) if native is None else native
        case "B":
            return b64decode(value)
        case "BOOL" if kind in ("BOOLEAN", "BOOL"):
            return int(value)
        case "NULL" if keeps_null:
            return None
    raise DoesNotFit(kind)


def _as_kept(value: Stored, affinity: str) -> Stored:
    """Return what SQLite makes of a value. Raises DoesNotFit where that is another one."""
    if affinity == "TEXT" and isinstance(value, int | float):
        raise DoesNotFit(affinity)
    if affinity == "REAL" and isinstance(value, int):
        if int(float(value)) != value:
            raise DoesNotFit(affinity)
        return float(value)
    if (
        affinity in ("INTEGER", "NUMERIC", "REAL")
        and isinstance(value, str)
        and _LOOKS_NUMERIC.fullmatch(value)
    ):
        raise DoesNotFit(affinity)
    return value


def document_text(attribute: AttributeValue) -> str:
    """Return the JSON of a value, with all digits of its numbers; types that JSON does not have are lost."""
    ((tag, value),) = attribute.items()
    match tag:
        case "M":
            inside = ", ".join(f"{_quoted(name)}: {document_text(each)}" for name, each in value.items())
            return f"{{{inside}}}"
        case "L":
            return f"[{', '.join(map(document_text, value))}]"
        case "N":
            return str(value)
        case "NS":
            return f"[{', '.join(value)}]"
        case "SS" | "BS":
            return f"[{', '.join(map(_quoted, value))}]"
        case "NULL":
            return "null"
        case "BOOL":
            return "true" if value else "false"
        case _:
            return _quoted(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
