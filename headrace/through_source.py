"""Recorded events, given to their sources again: mappings batch, filter and retry them as if new."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from engine.errors import HeadraceError
from engine.value import dataclass
from headrace.config import Configuration
from headrace.operations import Operate, in_portions
from headrace.references import SOURCE_KINDS, resolve
from triggers.replay.records import Kind, SentRecord, sent_records

if TYPE_CHECKING:
    from triggers.replay.player import Answer

BUSY_SECONDS = 10.0  # for a writer of the user's that holds the database


class SourceUnknown(HeadraceError):
    """The configuration has nothing that an event's records could go to."""


class NotWritten(HeadraceError):
    """The database does not take the change of a row."""


class ThroughSource:
    """Sends the records of events to queues, streams and tables, in order, each record once.

    They go to the source of their own name, or to `source` when it is given, such as `queues.jobs`. Raises
    ValueError or SourceUnknown for a `source` that there is not.
    """

    def __init__(self, configuration: Configuration, operate: Operate, source: str | None) -> None:
        self._configuration = configuration
        self._operate = operate
        self._source = None if source is None else resolve(source, SOURCE_KINDS)
        if self._source is not None:
            self._check_known(*self._source)
        self._sent: set[str] = set()
        self._in_order = asyncio.Lock()

    async def replay(self, payload: bytes) -> "Answer":
        """Send the records of one event that were not sent before; say what went wrong, if anything did."""
        from triggers.replay.player import Answer

        async with self._in_order:
            try:
                records = [record for record in sent_records(payload) if record.identity not in self._sent]
                by_source: dict[tuple[Kind, str], list[SentRecord]] = {}
                for record in records:
                    by_source.setdefault(self._target(record), []).append(record)
                for (kind, name), group in by_source.items():
                    await self._send(kind, name, [record.content for record in group])
                    self._sent.update(record.identity for record in group)
            except HeadraceError as error:
                return Answer(str(error))
            return Answer()

    def _target(self, record: SentRecord) -> tuple[Kind, str]:
        kind, name = record.kind, record.name
        if self._source is not None:
            if self._source[0] != kind:
                raise SourceUnknown(f"{'.'.join(self._source)} takes no records of {kind}")
            name = self._source[1]
        self._check_known(kind, name)
        return kind, name

    def _check_known(self, kind: str, name: str) -> None:
        known = getattr(self._configuration.file, kind)
        if name not in known:
            there = ", ".join(known) or "none"
            raise SourceUnknown(
                f"there is no {kind}.{name} (there are: {there}); name another with --source {kind}.NAME"
            )

    async def _send(self, kind: Kind, name: str, contents: Sequence[dict[str, Any]]) -> None:
        if kind == "tables":
            await asyncio.to_thread(self._write_rows, name, contents)
            return
        for portion in in_portions(contents):
            if kind == "queues":
                await self._operate("send", {"queue": name, "messages": portion})
            else:
                await self._operate("put_records", {"stream": name, "records": portion})

    def _write_rows(self, name: str, contents: Sequence[Mapping[str, Any]]) -> None:
        """Change the rows of a table as the records say, as any other program would."""
        from headrace.sources import database_path

        table = self._configuration.file.tables[name].table or name
        path = database_path(self._configuration, name)
        changes = [_Change.of(content) for content in contents]
        address = f"{path.resolve().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection, connection:
                connection.execute("PRAGMA recursive_triggers = ON")
                for change in changes:
                    _apply(connection, table, change)
        except (sqlite3.Error, OverflowError) as error:
            raise NotWritten(f"tables.{name} in {path}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Change:
    """What a record says about a row, in SQLite's values; `image` is None for a row that is deleted."""

    keys: Mapping[str, Any]
    image: Mapping[str, Any] | None

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "_Change":
        """Raise NotWritten for what is not DynamoDB's JSON."""
        image = None if content["event_name"] == "REMOVE" else _values(content["new_image"], "NewImage")
        return cls(_values(content["keys"], "Keys"), image)


def _values(attributes: Mapping[str, Any], place: str) -> dict[str, Any]:
    from triggers.dynamodb.attribute_value import decode

    values = {}
    for column, attribute in attributes.items():
        try:
            values[column] = decode(attribute)
        except (AttributeError, TypeError, ValueError) as error:
            raise NotWritten(f"{place}.{column} is no attribute value: {attribute!r}") from error
    return values


def _apply(connection: sqlite3.Connection, table: str, change: _Change) -> None:
    """Make a row what the change says: changed, inserted or deleted."""
    keys, image = change.keys, change.image
    # With its table, since SQLite reads the quoted name of a column that is not there as text.
    where = " AND ".join(f"{_quoted(table)}.{_quoted(column)} IS ?" for column in keys)
    if image is None:
        connection.execute(f"DELETE FROM {_quoted(table)} WHERE {where}", tuple(keys.values()))  # noqa: S608
        return
    columns = {column: value for column, value in image.items() if column not in keys} or dict(keys)
    assignments = ", ".join(f"{_quoted(column)} = ?" for column in columns)
    changed = connection.execute(
        f"UPDATE {_quoted(table)} SET {assignments} WHERE {where}",  # noqa: S608
        (*columns.values(), *keys.values()),
    )
    if not changed.rowcount:
        names = ", ".join(map(_quoted, image))
        marks = ", ".join("?" * len(image))
        connection.execute(
            f"INSERT INTO {_quoted(table)} ({names}) VALUES ({marks})",  # noqa: S608
            tuple(image.values()),
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
