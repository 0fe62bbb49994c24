"""The columns that a table had while rows of its change log were written.

Rows keep the shape they were logged in, so ALTER TABLE does not change what happened before it.
"""

import json
from collections.abc import Iterable, Sequence

from engine.value import dataclass
from triggers.dynamodb.table_schema import TableSchema


@dataclass(frozen=True, slots=True)
class LoggedColumn:
    """A column, and where its values stand in a row of the log: `old_SLOT` and `new_SLOT`."""

    name: str
    declared: str
    slot: int
    is_key: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """A table's columns for a while, in the table's order. Rows of the log name it by `number`."""

    number: int
    columns: tuple[LoggedColumn, ...]


def shape_of(schema: TableSchema, number: int, present: Sequence[tuple[str, int]], used: int) -> Shape:
    """Return the shape of a table. Columns in `present` (name, slot) keep their slots, others get new ones.

    `used` slots have been given away already, some of them perhaps to columns that are gone.
    """
    slots = dict(present)
    for column in schema.columns:
        if column.name not in slots:
            slots[column.name] = used
            used += 1
    return Shape(
        number,
        tuple(
            LoggedColumn(column.name, column.declared, slots[column.name], column.name in schema.key)
            for column in schema.columns
        ),
    )


def columns_to_json(columns: Iterable[LoggedColumn]) -> str:
    """Return the form in which columns are kept in the user's database."""
    return json.dumps([[column.name, column.declared, column.slot, column.is_key] for column in columns])


def columns_from_json(text: str) -> tuple[LoggedColumn, ...]:
    """Read what `columns_to_json` wrote."""
    return tuple(LoggedColumn(name, declared, slot, key) for name, declared, slot, key in json.loads(text))
