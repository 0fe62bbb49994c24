"""The SQL that captures a table's changes: plain triggers, for any writer's SQLite since 3.8.

    BEFORE INSERT, BEFORE UPDATE   rows that the coming row would replace are copied into `replaced`
    AFTER INSERT, UPDATE, DELETE   what happened to which item is written to `log`

A REPLACE deletes rows without firing delete triggers unless the writer has recursive_triggers on. So a row
that is in the way is copied first. After the change, whichever of the copies is gone was replaced: the one
with the new row's key makes it a MODIFY, any other is a REMOVE. What delete triggers logged of them meanwhile
is taken back. Copies stay until the next BEFORE trigger; those of an INSERT OR IGNORE never mean anything.

Columns are read as `(SELECT NEW."c")`, inside a FROM where a table `nulls` with such a column goes by the
name NEW. While the user's table has the column, that is what is found; when it is dropped, the name means the
NULL outside. Otherwise ALTER TABLE DROP COLUMN would fail as long as a trigger names the column.

Conflict clauses (OR IGNORE) are of no use in here: the writer's own would override them.
Source: SQLite documentation, "CREATE TRIGGER", "ON CONFLICT", "ALTER TABLE".
"""

# ruff: noqa: S608 - names are quoted here, and the rest is SQL text of the database itself

from collections.abc import Iterable

from engine.value import dataclass
from triggers.dynamodb.shape import LoggedColumn, Shape
from triggers.dynamodb.table_schema import TableSchema, Unique, quoted

MARK, INSERT, MODIFY, REMOVE = 0, 1, 2, 3
EXPIRY = 4  # a removal by time to live: what the triggers log as REMOVE is marked so afterwards

TRIGGERS = (
    "before_insert",
    "before_update",
    "after_insert",
    "after_replace",
    "after_update",
    "after_update_of_key",
    "after_delete",
)

# Milliseconds from 1970, by the writer's clock.
NOW = "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"


@dataclass(frozen=True, slots=True)
class Names:
    """What the objects in the user's database are called for a resource, quoted."""

    log: str
    replaced: str
    nulls: str
    shapes: str
    stream: str
    triggers: tuple[str, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of all tables."""
        return self.log, self.replaced, self.nulls, self.shapes, self.stream


def names_for(resource: str) -> Names:
    """Return the names of the objects that belong to `tables.RESOURCE`."""

    def name(what: str) -> str:
        return quoted(f"headrace_{resource}_{what}")

    return Names(
        log=name("log"),
        replaced=name("replaced"),
        nulls=name("nulls"),
        shapes=name("shapes"),
        stream=name("stream"),
        triggers=tuple(map(name, TRIGGERS)),
    )


def create_tables(names: Names) -> tuple[str, ...]:
    """Return the statements that make the empty tables of a capture."""
    return (
        f"CREATE TABLE {names.log} (position INTEGER PRIMARY KEY, kind INTEGER, at INTEGER, shape INTEGER)",
        f"CREATE TABLE {names.replaced} (number INTEGER PRIMARY KEY, logged INTEGER, shape INTEGER)",
        f"CREATE TABLE {names.shapes} (number INTEGER PRIMARY KEY, master_row INTEGER, columns, triggers)",
        f"CREATE TABLE {names.stream} (label)",
    )


def add_slots(names: Names, numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the statements that give the log room for the values of more columns."""
    return tuple(
        statement
        for number in numbers
        for statement in (
            f"ALTER TABLE {names.log} ADD COLUMN old_{number}",
            f"ALTER TABLE {names.log} ADD COLUMN new_{number}",
            f"ALTER TABLE {names.replaced} ADD COLUMN old_{number}",
        )
    )


def create_triggers(names: Names, schema: TableSchema, shape: Shape) -> tuple[str, ...]:
    """Return the statements that make the triggers, which log rows in `shape`."""
    writer = _Writer(names, schema, shape)
    bodies = (
        ("BEFORE INSERT", writer.before_insert()),
        ("BEFORE UPDATE", writer.before_update()),
        ("AFTER INSERT", writer.after_insert()),
        ("AFTER INSERT", writer.after_replace()),
        ("AFTER UPDATE", writer.after_update()),
        ("AFTER UPDATE", writer.after_update_of_key()),
        ("AFTER DELETE", writer.after_delete()),
    )
    return tuple(
        f"CREATE TRIGGER {trigger} {event} ON {quoted(schema.table)} {body.condition} BEGIN\n  "
        + ";\n  ".join(body.statements)
        + ";\nEND"
        for trigger, (event, body) in zip(names.triggers, bodies, strict=True)
    )


def drop_triggers(names: Names) -> tuple[str, ...]:
    """Return the statements that remove the triggers."""
    return tuple(f"DROP TRIGGER IF EXISTS {trigger}" for trigger in names.triggers)


def create_nulls(names: Names, shape: Shape) -> tuple[str, ...]:
    """Return the statements that make what columns mean when they are dropped."""
    columns = ", ".join(quoted(column.name) for column in shape.columns)
    return (
        f"DROP TABLE IF EXISTS {names.nulls}",
        f"CREATE TABLE {names.nulls} ({columns})",
        f"INSERT INTO {names.nulls} DEFAULT VALUES",
    )


def drop_tables(names: Names) -> tuple[str, ...]:
    """Return the statements that remove the tables of a capture."""
    return tuple(f"DROP TABLE IF EXISTS {table}" for table in names.tables)


def log_existing_rows(names: Names, schema: TableSchema, shape: Shape) -> str:
    """Return the statement that logs every row of the table as inserted."""
    columns = ", ".join(f"new_{column.slot}" for column in shape.columns)
    values = ", ".join(quoted(column.name) for column in shape.columns)
    order = ", ".join(map(quoted, schema.key))
    return (
        f"INSERT INTO {names.log} (kind, at, shape, {columns})"
        f" SELECT {INSERT}, {NOW}, {shape.number}, {values} FROM {quoted(schema.table)} ORDER BY {order}"
    )


@dataclass(frozen=True, slots=True)
class _Body:
    """When a trigger fires, as a WHEN clause, and what it does."""

    condition: str
    statements: tuple[str, ...]


class _Writer:
    """Writes the triggers of one table."""

    def __init__(self, names: Names, schema: TableSchema, shape: Shape) -> None:
        self._log, self._replaced, self._nulls = names.log, names.replaced, names.nulls
        self._table = quoted(schema.table)
        self._schema = schema
        self._columns = shape.columns
        self._key = [column for column in shape.columns if column.is_key]
        definition = schema.definition.replace("'", "''")
        # NULL as soon as the table is another than these triggers were made for.
        self._shape = (
            f"(SELECT {shape.number} FROM sqlite_master"
            f" WHERE rowid = {schema.master_row} AND sql = '{definition}')"
        )
        self._old = ", ".join(f"old_{column.slot}" for column in self._columns)
        self._new = ", ".join(f"new_{column.slot}" for column in self._columns)
        self._old_values = ", ".join(map(_old, self._columns))
        self._new_values = ", ".join(map(_new, self._columns))
        self._copied_values = ", ".join(map(_copied, self._columns))
        self._is_replacing = f"EXISTS (SELECT 1 FROM {self._replaced})"
        self._same_key = _all_same((_new(column), _old(column)) for column in self._key)
        self._has_new_key = _all_same((_new(column), _copied(column)) for column in self._key)

    def before_insert(self) -> _Body:
        return _Body("", (self._forget(), *(self._copy(unique) for unique in self._schema.unique)))

    def before_update(self) -> _Body:
        itself = _all_same((f"found.{quoted(column.name)}", _old(column)) for column in self._key)
        others = f" AND NOT ({itself})"
        return _Body("", (self._forget(), *(self._copy(unique, others) for unique in self._schema.unique)))

    def after_insert(self) -> _Body:
        return _Body(f"WHEN NOT {self._is_replacing}", (self._log_new(""),))

    def after_replace(self) -> _Body:
        return _Body(
            f"WHEN {self._is_replacing}",
            (
                self._take_back(),
                self._log_replaced(),
                self._log_new(f" WHERE NOT EXISTS ({self._replaced_by_new()})"),
                self._log_replacement(),
            ),
        )

    def after_update(self) -> _Body:
        return _Body(f"WHEN NOT {self._is_replacing} AND {self._same_key}", (self._log_change(""),))

    def after_update_of_key(self) -> _Body:
        return _Body(
            f"WHEN {self._is_replacing} OR NOT ({self._same_key})",
            (
                self._take_back(),
                self._log_replaced(),
                self._log_old(f" WHERE NOT ({self._same_key})"),
                self._log_new(f" WHERE NOT ({self._same_key}) AND NOT EXISTS ({self._replaced_by_new()})"),
                self._log_change(f" AND {self._same_key}"),
                self._log_replacement(),
            ),
        )

    def after_delete(self) -> _Body:
        return _Body("", (self._log_old(""),))

    def _forget(self) -> str:
        # With a WHERE, an empty table stays an untouched page.
        return f"DELETE FROM {self._replaced} WHERE number > 0"

    def _copy(self, unique: Unique, condition: str = "") -> str:
        """Copy the row that the coming one would replace because of `unique`."""
        match = " AND ".join(self._match(unique))
        key = [(quoted(column.name), column.slot) for column in self._key]
        found = ", ".join(
            f"(SELECT e.{name} FROM {self._table} AS e WHERE {match}) AS {name}" for name, _ in key
        )
        row = " AND ".join(f"e.{name} = found.{name}" for name, _ in key)
        known = " AND ".join(f"r.old_{slot} IS found.{name}" for name, slot in key)
        values = ", ".join(
            f"(SELECT e.{quoted(column.name)} FROM {self._table} AS e WHERE {row})"
            for column in self._columns
        )
        return (
            f"INSERT INTO {self._replaced} (logged, shape, {self._old})"
            f" SELECT (SELECT max(position) FROM {self._log}), {self._shape}, {values}"
            f" FROM (SELECT {found} FROM {self._nulls} AS NEW, {self._nulls} AS e) AS found,"
            f" {self._nulls} AS e"
            f" WHERE found.{key[0][0]} IS NOT NULL"
            f" AND NOT EXISTS (SELECT 1 FROM {self._replaced} AS r WHERE {known}){condition}"
        )

    def _match(self, unique: Unique) -> Iterable[str]:
        """Return the conditions under which the row `e` stands in the way of NEW."""
        # A NULL becomes the default there when the conflict clause is REPLACE.
        defaults = {column.name: column.default for column in self._schema.columns if column.is_not_null}
        for term in unique.terms:
            collation = quoted(term.collation)
            if term.column is None:
                row = ", ".join(
                    f"(SELECT NEW.{name}) AS {name}"
                    for name in (quoted(column.name) for column in self._columns)
                )
                value = f"(SELECT {term.expression} FROM (SELECT {row} FROM {self._nulls} AS NEW))"
                yield f"({term.expression}) COLLATE {collation} = {value}"
                continue
            value = f"(SELECT NEW.{quoted(term.column)})"
            default = defaults.get(term.column)
            if default is not None:
                value = f"coalesce({value}, {default})"
            yield f"e.{quoted(term.column)} COLLATE {collation} = {value}"
        if unique.where is not None:
            yield f"({unique.where})"

    def _take_back(self) -> str:
        key = " AND ".join(f"r.old_{column.slot} IS {self._log}.old_{column.slot}" for column in self._key)
        return (
            f"DELETE FROM {self._log} WHERE position > (SELECT min(logged) FROM {self._replaced})"
            f" AND kind = {REMOVE} AND EXISTS (SELECT 1 FROM {self._replaced} AS r WHERE {key})"
        )

    def _log_replaced(self) -> str:
        """Log the copied rows that are gone, apart from the one whose key the new row has."""
        there = " AND ".join(
            f"e.{name} = r.{old} AND e.{name} IS r.{old} COLLATE BINARY"
            for name, old in ((quoted(column.name), f"old_{column.slot}") for column in self._key)
        )
        return (
            f"INSERT INTO {self._log} (kind, at, shape, {self._old})"
            f" SELECT {REMOVE}, {NOW}, r.shape, {self._copied_values} FROM {self._replaced} AS r"
            f" WHERE NOT ({self._has_new_key})"
            f" AND NOT EXISTS (SELECT 1 FROM {self._table} AS e WHERE {there}) ORDER BY r.number"
        )

    def _log_old(self, condition: str) -> str:
        return (
            f"INSERT INTO {self._log} (kind, at, shape, {self._old})"
            f" SELECT {REMOVE}, {NOW}, {self._shape}, {self._old_values} FROM {self._nulls} AS OLD{condition}"
        )

    def _log_new(self, condition: str) -> str:
        return (
            f"INSERT INTO {self._log} (kind, at, shape, {self._new})"
            f" SELECT {INSERT}, {NOW}, {self._shape}, {self._new_values} FROM {self._nulls} AS NEW{condition}"
        )

    def _log_change(self, condition: str) -> str:
        """Log an item that changed in place, unless it is the same as before."""
        same = _all_same((_new(column), _old(column)) for column in self._columns)
        return (
            f"INSERT INTO {self._log} (kind, at, shape, {self._old}, {self._new})"
            f" SELECT {MODIFY}, {NOW}, {self._shape}, {self._old_values}, {self._new_values}"
            f" FROM {self._nulls} AS NEW, {self._nulls} AS OLD"
            f" WHERE (NOT ({same}) OR {self._shape} IS NULL){condition}"
        )

    def _log_replacement(self) -> str:
        """Log the new row as a change of the item that it replaced, unless they are the same."""
        same = _all_same((_new(column), _copied(column)) for column in self._columns)
        return (
            f"INSERT INTO {self._log} (kind, at, shape, {self._old}, {self._new})"
            f" SELECT {MODIFY}, {NOW}, r.shape, {self._copied_values}, {self._new_values}"
            f" FROM {self._replaced} AS r, {self._nulls} AS NEW"
            f" WHERE {self._has_new_key} AND (NOT ({same}) OR r.shape IS NULL)"
        )

    def _replaced_by_new(self) -> str:
        return f"SELECT 1 FROM {self._replaced} AS r WHERE {self._has_new_key}"


def _new(column: LoggedColumn) -> str:
    return f"(SELECT NEW.{quoted(column.name)})"


def _old(column: LoggedColumn) -> str:
    return f"(SELECT OLD.{quoted(column.name)})"


def _copied(column: LoggedColumn) -> str:
    return f"r.old_{column.slot}"


def _all_same(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the condition that pairs of values are the same, as values of DynamoDB would be."""
    return " AND ".join(f"{left} IS {right} COLLATE BINARY" for left, right in pairs)
