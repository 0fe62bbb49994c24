"""Writes tables as TOML: a scenario's configuration is read, checked and shown as a user's would be."""

import json
from collections.abc import Mapping
from typing import Any


def toml_text(tables: Mapping[str, Any]) -> str:
    """Return the text of a configuration; empty tables are left out."""
    lines: list[str] = []
    for name, table in tables.items():
        if isinstance(table, list):
            for entry in table:
                lines += [f"[[{name}]]", *_lines(entry), ""]
        elif table and all(isinstance(value, Mapping) for value in table.values()):
            for member, value in table.items():
                lines += [f"[{name}.{json.dumps(member)}]", *_lines(value), ""]
        elif table:
            lines += [f"[{name}]", *_lines(table), ""]
    return "\n".join(lines)


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in table.items()]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
