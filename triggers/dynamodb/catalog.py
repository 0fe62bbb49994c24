"""The tables as the API sees them: how they are made, changed, removed and found, and where items expire.

Source: DynamoDB API reference, CreateTable, UpdateTable, DeleteTable, UpdateTimeToLive.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

from engine.clock import to_millis
from engine.errors import ApiError
from triggers.dynamodb import made_table, table_record
from triggers.dynamodb.capture import detach
from triggers.dynamodb.database import UserDatabase
from triggers.dynamodb.errors import TableInUse, TableNotFound
from triggers.dynamodb.items.definition import Index, KeyAttribute, TableDefinition, key_type
from triggers.dynamodb.settings import TableSettings
from triggers.dynamodb.table_access import PATIENCE_SECONDS, TableAccess, run_on, service_errors
from triggers.dynamodb.table_record import TableRecord
from triggers.dynamodb.tables import Tables
from triggers.dynamodb.time_to_live import expire

T = TypeVar("T")
Opened = Mapping[str, tuple[sqlite3.Connection, TableAccess]]
Prepare = Callable[[sqlite3.Connection], None]
EXPIRE_EVERY = timedelta(minutes=1)


class Catalog:
    """Every table by name. `open` it before use, `close` it in the end."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.account = tables.account
        self.clock = tables.clock
        self._databases: dict[Path, UserDatabase] = {}
        self._accesses: dict[str, TableAccess] = {}
        self._records: dict[str, TableRecord] = {}

    async def open(self) -> None:
        """Take in what the configuration declares and the store holds. Raises StoreError."""
        now = to_millis(self.clock.now())
        for name, settings in self.tables.configured.items():
            self._accesses[name] = TableAccess(name, settings, self._database(settings.database), None)
            table_id = str(uuid5(NAMESPACE_URL, self.account.table(name)))
            self._records[name] = TableRecord(name, False, now, {"TableId": table_id})
        for record in await self.tables.store.read(table_record.load):
            if record.name in self._accesses:
                self._records[record.name] = record if not record.made_by_api else self._records[record.name]
            elif record.made_by_api:
                self._take(record)
                if view_type(record) is not None:
                    self.tables.capture(record.name, self._settings(record))
        self._keep_expiring()

    async def close(self) -> None:
        """Close all databases."""
        for database in self._databases.values():
            await database.shut()

    def names(self) -> list[str]:
        """Return the names of all tables, in order."""
        return sorted(self._accesses)

    def access(self, name: str) -> TableAccess:
        """Return a table by its name or its ARN. Raises TableNotFound."""
        found = self._accesses.get(name.rpartition("/")[2])
        if found is None or name not in (found.name, self.account.table(found.name)):
            raise TableNotFound
        return found

    def record(self, name: str) -> TableRecord:
        """Return what is known of a table that there is."""
        return self._records[name]

    async def create(self, record: TableRecord) -> None:
        """Make a table. Raises TableInUse when there is one of its name."""
        if record.name in self._accesses:
            raise TableInUse(f"Table already exists: {record.name}")
        same = [name for name in self._accesses if name.lower() == record.name.lower()]
        if any(self._records[name].made_by_api for name in same):
            raise TableInUse(
                f"Table already exists: {same[0]}; names that differ in case alone are not simulated by "
                "Headrace"
            )
        access = self._take(record)
        try:
            await run_on(
                access.database,
                partial(made_table.create, table=record.name, definition=definition_of(record)),
            )
            await self._save(record)
        except BaseException:
            del self._accesses[record.name], self._records[record.name]
            raise
        await self._follow(record)

    async def delete(self, name: str) -> None:
        """Remove a table that the API made, and its items."""
        access = self._accesses.pop(name)
        del self._records[name]
        await self.tables.store.write(partial(table_record.forget, name=name))
        if name in self.tables:
            await self.tables.release(name)
        await run_on(access.database, partial(made_table.drop, table=name))

    async def change(self, record: TableRecord) -> None:
        """Give a table that the API made other properties: its indexes and its stream follow them."""
        name = record.name
        access, before = self._accesses[name], definition_of(self._records[name])
        after, had = definition_of(record), view_type(self._records[name])
        for index in before.indexes:
            if after.index(index.name) is None:
                await run_on(access.database, partial(made_table.drop_index, table=name, index=index.name))
        for index in after.indexes:
            if before.index(index.name) is None:
                await run_on(access.database, partial(made_table.add_index, table=name, index=index))
        access.define(after)
        await self._save(record)
        if had is not None and view_type(record) is None:
            await self.tables.release(name)
            await run_on(access.database, partial(detach, resource=name))
        elif had is None:
            await self._follow(record)

    async def annotate(self, record: TableRecord) -> None:
        """Keep other tags of a table, also of a configured one."""
        await self._save(record)

    async def let_expire(self, record: TableRecord) -> None:
        """Let items of a table expire, or no more, also of a configured one."""
        attribute = record.properties.get("TimeToLive")
        database = self._accesses[record.name].database
        if record.made_by_api and attribute is not None:
            await run_on(database, partial(made_table.add_expiry, table=record.name, attribute=attribute))
        elif record.made_by_api:
            remove = partial(made_table.drop_index, table=record.name, index=made_table.EXPIRY_INDEX)
            await run_on(database, remove)
        await self._save(record)
        self._keep_expiring()

    def wrote(self, name: str) -> None:
        """Let the stream of a table be looked at: a request has changed items."""
        stream = self.tables.get(name)
        if stream is not None:
            stream.nudge()

    async def run_together(self, names: Iterable[str], operation: Callable[[Opened], T]) -> T:
        """Run `operation` with the connection and the access of each table.

        Tables that share a database share a connection. Raises as `TableAccess.run` does.
        """
        accesses = {name: self._accesses[name] for name in names}
        databases = {access.database.path: access.database for access in accesses.values()}
        if len(databases) == 1:
            (database,) = databases.values()
            return await run_on(
                database,
                lambda connection: operation(
                    {name: (connection, access) for name, access in accesses.items()}
                ),
            )
        together = partial(_run_on_all, accesses=accesses, operation=operation)
        return together() if self.clock.runs_inline else await asyncio.to_thread(together)

    def _keep_expiring(self) -> None:
        if any("TimeToLive" in record.properties for record in self._records.values()):
            self.tables.keep_running("tables: time to live", self.expire)

    async def expire(self) -> None:
        """Once a minute, delete the items that have expired, until cancelled."""
        while True:
            now = int(self.clock.now().timestamp())
            for name, record in list(self._records.items()):
                attribute = record.properties.get("TimeToLive")
                if attribute is None:
                    continue
                with suppress(ApiError):  # the next time it will do
                    if await self._accesses[name].run(partial(expire, attribute=attribute, now=now)):
                        self.wrote(name)
            await self.clock.sleep_until(self.clock.now() + EXPIRE_EVERY)

    def _take(self, record: TableRecord) -> TableAccess:
        access = TableAccess(
            record.name,
            self._settings(record),
            self._database(self.tables.database, made_table.prepare),
            definition_of(record),
        )
        self._accesses[record.name], self._records[record.name] = access, record
        return access

    def _settings(self, record: TableRecord) -> TableSettings:
        view = view_type(record)
        return TableSettings(database=self.tables.database, stream_view_type=view or "NEW_AND_OLD_IMAGES")

    async def _follow(self, record: TableRecord) -> None:
        if view_type(record) is not None:
            table = self.tables.capture(record.name, self._settings(record))
            if self.tables.is_running:
                await table.ready.wait()
            self.tables.tell(table.arn)

    async def _save(self, record: TableRecord) -> None:
        await self.tables.store.write(partial(table_record.save, record=record))
        self._records[record.name] = record

    def _database(self, path: Path, prepare: Prepare | None = None) -> UserDatabase:
        if path not in self._databases:
            self._databases[path] = UserDatabase(
                path, self.clock, patience_seconds=PATIENCE_SECONDS, prepare=prepare
            )
        return self._databases[path]


def _run_on_all(accesses: Mapping[str, TableAccess], operation: Callable[[Opened], T]) -> T:
    """Run `operation` on connections of its own, as those of the databases belong to their threads."""
    with ExitStack() as stack:
        connections: dict[Path, sqlite3.Connection] = {}
        opened: dict[str, tuple[sqlite3.Connection, TableAccess]] = {}
        for name, access in accesses.items():
            path = access.database.path
            stack.enter_context(service_errors(path))
            if path not in connections:
                if not path.exists():
                    raise FileNotFoundError(path)
                connection = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
                stack.callback(connection.close)
                connections[path] = connection
            opened[name] = connections[path], access.copied()
        return operation(opened)


def view_type(record: TableRecord) -> Any:
    """Return the view type of a table's stream, None when it has none."""
    stream = record.properties.get("StreamSpecification") or {}
    return stream.get("StreamViewType") if stream.get("StreamEnabled") else None


def definition_of(record: TableRecord) -> TableDefinition:
    """Return the key and the indexes of a table that the API made."""
    given = record.properties
    types = {each["AttributeName"]: each["AttributeType"] for each in given["AttributeDefinitions"]}

    def key(schema: list[dict[str, str]]) -> tuple[KeyAttribute, ...]:
        ordered = sorted(schema, key=lambda each: each["KeyType"])  # HASH before RANGE
        return tuple(
            KeyAttribute(each["AttributeName"], key_type(types[each["AttributeName"]])) for each in ordered
        )

    indexes = tuple(
        Index(
            each["IndexName"],
            key(each["KeySchema"]),
            is_global,
            each.get("Projection", {}).get("ProjectionType", "ALL"),
            tuple(each.get("Projection", {}).get("NonKeyAttributes") or ()),
        )
        for member, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True))
        for each in given.get(member) or ()
    )
    return TableDefinition(key(given["KeySchema"]), indexes)
