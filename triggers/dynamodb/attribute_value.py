"""DynamoDB attribute values of SQLite values.

What a value becomes depends on its storage class and on the declared type of its column:

    INTEGER              N       BOOLEAN, BOOL: 0 and 1 are BOOL
    REAL                 N       the shortest text that reads back as the same number
    TEXT                 S       JSON: M, L or whatever the document is;
                                 DECIMAL, NUMERIC: N when it is a number;
                                 STRING SET, NUMBER SET, BINARY SET: SS, NS, BS of a JSON array;
                                 NUMBER BLOB: N when it is a number
    BLOB                 B
    NULL                 no attribute, or NULL

Sizes are those that DynamoDB counts for an item.
Source: DynamoDB developer guide, "Supported data types", "DynamoDB item sizes and formats".
"""

import base64
import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

AttributeValue = dict[str, Any]
Encoded = tuple[AttributeValue, int]
"""An attribute value, and its size in bytes."""

DEEPEST = 32  # levels of lists and maps
LARGEST, SMALLEST = Decimal("9.9999999999999999999999999999999999999E+125"), Decimal("1E-130")
MOST_DIGITS = 38
NUMBER_TYPE = "NUMBER BLOB"  # declared so, a column keeps every digit: SQLite converts nothing that is put in
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")


class NotRepresentable(ValueError):
    """DynamoDB has no such value: infinity, or a number out of its range."""


def encoder(declared: str) -> Callable[[Any], Encoded]:
    """Return what turns values of a column of this declared type into attribute values.

    It takes what sqlite3 gives: int, float, str, bytes or None, and raises NotRepresentable.
    """
    return _ENCODERS.get(type_name(declared), encode)


def encode(value: Any) -> Encoded:
    """Return the attribute value of a SQLite value by its storage class alone. Raises NotRepresentable."""
    kind = type(value)
    if kind is str:
        return {"S": value}, len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if kind is int:
        text = str(value)
        return {"N": text}, (len(text.lstrip("-").rstrip("0")) + 1) // 2 + 1
    if kind is float:
        return _encode_float(value)
    if value is None:
        return {"NULL": True}, 1
    return {"B": base64.b64encode(value).decode("ascii")}, len(value)


def _encode_float(value: float) -> Encoded:
    text = repr(value)
    if not text[-1].isdigit() or "e" in text or value == 0:
        return number(Decimal(text))
    text = text.removesuffix(".0")
    digits = text.replace(".", "").strip("-0")
    return {"N": text}, (len(digits) + 1) // 2 + 1


def number(value: Decimal) -> Encoded:
    """Return an N as DynamoDB writes it. Raises NotRepresentable."""
    if not value.is_finite() or (value and not SMALLEST <= abs(value) <= LARGEST):
        raise NotRepresentable(str(value))
    if not value:
        return {"N": "0"}, 1
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    scale = int(exponent) + len(text) - len(kept)
    if len(kept) > MOST_DIGITS:
        raise NotRepresentable(str(value))
    written = _plain(kept, scale)
    return {"N": "-" + written if sign else written}, (len(kept) + 1) // 2 + 1


def decode(attribute: AttributeValue) -> Any:
    """Return what a SQLite column holds for an attribute value: int, float, str, bytes or None.

    Lists, maps and sets are JSON text.
    """
    ((tag, value),) = attribute.items()
    if tag == "B":
        return base64.b64decode(value)
    if tag in ("M", "L", "SS", "NS", "BS"):
        return json.dumps(_document(attribute), ensure_ascii=False)
    return _document(attribute)


def _document(attribute: AttributeValue) -> Any:
    ((tag, value),) = attribute.items()
    match tag:
        case "M":
            return {name: _document(each) for name, each in value.items()}
        case "L":
            return [_document(each) for each in value]
        case "N":
            return _number_of(value)
        case "NS":
            return [_number_of(each) for each in value]
        case "NULL":
            return None
        case _:
            return value


def _number_of(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _plain(digits: str, scale: int) -> str:
    """Write `digits` times ten to the power of `scale`, without an exponent while that stays short."""
    if scale >= 0 and len(digits) + scale <= MOST_DIGITS:
        return digits + "0" * scale
    point = len(digits) + scale
    if point > 0 and scale < 0:
        return f"{digits[:point]}.{digits[point:]}"
    if scale < 0 and -point + len(digits) <= MOST_DIGITS:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}E{point - 1:+d}"


def type_name(declared: str) -> str:
    """Return a declared type as it is compared: upper case, without a length."""
    return " ".join(declared.partition("(")[0].upper().replace("_", " ").split())


def _encode_boolean(value: Any) -> Encoded:
    if value in (0, 1) and isinstance(value, int):
        return {"BOOL": bool(value)}, 1
    return encode(value)


def _encode_decimal(value: Any) -> Encoded:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        try:
            return number(Decimal(value.strip()))
        except (InvalidOperation, NotRepresentable):
            return encode(value)
    return encode(value)


def _encode_json(value: Any) -> Encoded:
    document = _parsed(value)
    if document is not _NO_DOCUMENT:
        try:
            return _of_document(document, 1)
        except ValueError:  # a number that DynamoDB does not have, or too deep
            pass
    return encode(value)


def _encode_string_set(value: Any) -> Encoded:
    document = _parsed(value)
    if isinstance(document, list) and document and all(isinstance(each, str) for each in document):
        strings = list(dict.fromkeys(document))
        return {"SS": strings}, sum(len(each.encode("utf-8", "replace")) for each in strings)
    return encode(value)


def _encode_binary_set(value: Any) -> Encoded:
    document = _parsed(value)
    if not isinstance(document, list) or not document or not all(isinstance(each, str) for each in document):
        return encode(value)
    try:
        size = sum(len(base64.b64decode(each, validate=True)) for each in document)
    except ValueError:
        return encode(value)
    return {"BS": document}, size


def _encode_number_set(value: Any) -> Encoded:
    document = _parsed(value)
    if isinstance(document, list) and document and all(map(_is_number, document)):
        try:
            encoded = {each["N"]: size for each, size in (number(Decimal(item)) for item in document)}
        except NotRepresentable:
            return encode(value)
        return {"NS": list(encoded)}, sum(encoded.values())
    return encode(value)


_NO_DOCUMENT = object()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return _NO_DOCUMENT
    try:
        return json.loads(value, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _NO_DOCUMENT


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _of_document(document: Any, depth: int) -> Encoded:
    if isinstance(document, bool):
        return {"BOOL": document}, 1
    if isinstance(document, int | Decimal):
        return number(Decimal(document))
    if isinstance(document, dict | list):
        if depth > DEEPEST:
            raise ValueError("too deep")
        return _of_map(document, depth) if isinstance(document, dict) else _of_list(document, depth)
    return encode(document)


def _of_map(document: dict[str, Any], depth: int) -> Encoded:
    attributes, total = {}, 3
    for name, value in document.items():
        attributes[name], size = _of_document(value, depth + 1)
        total += len(name.encode("utf-8", "replace")) + size + 1
    return {"M": attributes}, total


def _of_list(document: list[Any], depth: int) -> Encoded:
    attributes, total = [], 3
    for value in document:
        attribute, size = _of_document(value, depth + 1)
        attributes.append(attribute)
        total += size + 1
    return {"L": attributes}, total


_ENCODERS: dict[str, Callable[[Any], Encoded]] = {
    "BOOLEAN": _encode_boolean,
    "BOOL": _encode_boolean,
    "JSON": _encode_json,
    "DECIMAL": _encode_decimal,
    "NUMERIC": _encode_decimal,
    "STRING SET": _encode_string_set,
    "NUMBER SET": _encode_number_set,
    "BINARY SET": _encode_binary_set,
    NUMBER_TYPE: _encode_decimal,
}
