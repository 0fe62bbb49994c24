"""What pydantic finds wrong with a configuration, a line each: its path, what is allowed, what was found."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from headrace.option_advice import options_below, options_of, unknown_option

Tables = Mapping[tuple[str, ...], type[BaseModel]]  # the path of a table, "*" for any name -> its model


def described(details: Sequence[ErrorDetails], tables: Tables, above: tuple[str | int, ...]) -> list[str]:
    """Describe all problems of what is at the path `above`, each with its whole path.

    That a list is too short goes without saying where its items are wrong.
    """
    for detail in details:
        detail["loc"] = (*above, *detail["loc"])
    places = [detail["loc"] for detail in details]
    return [
        _describe(detail, tables)
        for detail in details
        if detail["type"] != "too_short"
        or not any(
            len(place) > len(detail["loc"]) and place[: len(detail["loc"])] == detail["loc"]
            for place in places
        )
    ]


def _describe(detail: ErrorDetails, tables: Tables) -> str:
    """Turn pydantic's error into a line: path, what is allowed, what was found."""
    is_name = detail["loc"][-1:] == ("[key]",)  # pydantic's word for a name that is wrong, not what has it
    path = detail["loc"][:-1] if is_name else detail["loc"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    what = "the name " if is_name and detail["type"] == "string_pattern_mismatch" else ""
    return f"{place or 'headrace.toml'}: {what}{_explain(detail, tables)}"


def _explain(detail: ErrorDetails, tables: Tables) -> str:
    found = detail["input"]
    got = str(found).lower() if isinstance(found, bool) else repr(found)
    allowed = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return _unknown_key(tuple(str(part) for part in detail["loc"]), tables)
        case "greater_than_equal":
            return f"{allowed['ge']} is the least, got {got}"
        case "greater_than":
            return f"more than {allowed['gt']:g} is needed, got {got}"
        case "too_short":
            return f"at least {allowed['min_length']} is needed, got {got}"
        case "datetime_type" | "datetime_parsing" | "datetime_from_date_parsing" | "timezone_aware":
            return f'a moment such as "2026-01-01T00:00:00Z" is needed, got {got}'
        case "less_than_equal":
            return f"{allowed['le']} is the most, got {got}"
        case "literal_error" | "enum":
            return f"allowed: {allowed['expected']}; got {got}"
        case "value_error":
            return str(allowed["error"])
        case "string_pattern_mismatch":
            return f"must match {allowed['pattern']}, got {got}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"a whole number is needed, got {got}"
        case "float_type" | "float_parsing":
            return f"a number is needed, got {got}"
        case "string_type":
            return f"text in quotes is needed, got {got}"
        case "bool_type" | "bool_parsing":
            return f"true or false is needed, got {got}"
        case "tuple_type" | "list_type":
            table = ".".join(str(part) for part in detail["loc"])
            hint = f": write [[{table}]]" if isinstance(found, dict) else ", in brackets"
            return f"a list is needed{hint}; got {got}"
        case "finite_number":
            return f"a finite number is needed, got {got}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"a table is needed, got {got}"
        case _:
            return f"{detail['msg']}, got {got}"


def _unknown_key(place: tuple[str, ...], tables: Tables) -> str:
    table = next(
        (
            model
            for pattern, model in tables.items()
            if len(pattern) == len(place) - 1
            and all(want in ("*", part) for want, part in zip(pattern, place, strict=False))
        ),
        None,
    )
    if table is None:
        return unknown_option(place[-1], ())
    return unknown_option(place[-1], options_of(table), options_below(table))
