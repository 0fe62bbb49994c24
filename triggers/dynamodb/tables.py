"""All tables: those of the configuration, and those that were made with CreateTable.

As a mapping, it holds the tables whose changes are a stream. The rest is loaded when it is needed: `catalog`
is what requests work on.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from engine.watching import FolderWatcher

if TYPE_CHECKING:
    import sqlite3

    from triggers.dynamodb.catalog import Catalog
    from triggers.dynamodb.settings import TableSettings
    from triggers.dynamodb.table import Table

DATABASE = "tables.db"  # in the state folder: the tables that the API made
Listener = Callable[[str], None]


class Tables(Mapping[str, "Table"]):
    """Tables with streams, by name. Call `open` once, then keep `run` running.

    `configured` are the settings of headrace.toml, with whole paths. `ready` is set once what was there at
    the start has been looked at.
    """

    name = "tables"

    def __init__(
        self,
        configured: "Mapping[str, TableSettings]",
        *,
        state: Path,
        account: Account,
        store: Store,
        watcher: FolderWatcher,
        clock: Clock,
        feed: Feed,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called when a table has changed, beside those who listen to it."""
        self.configured = configured
        self.database = state / DATABASE
        self.account = account
        self.store = store
        self.clock = clock
        self.ready = asyncio.Event()
        self._watcher = watcher
        self._feed = feed
        self._on_change = on_change
        self._catalog: Catalog | None = None
        self._opening = asyncio.Lock()
        self._streams: dict[str, Table] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._listeners: list[Listener] = []

    def __getitem__(self, name: str) -> "Table":
        return self._streams[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    async def open(self) -> None:
        """Open what is configured, and what was made before. Raises StoreError."""
        for name, settings in self.configured.items():
            self.capture(name, settings)
        if await self.store.read(_has_records):
            await self.catalog()

    async def catalog(self) -> "Catalog":
        """Return what requests work on. Raises StoreError."""
        async with self._opening:
            if self._catalog is None:
                from triggers.dynamodb.catalog import Catalog

                catalog = Catalog(self)
                await catalog.open()
                self._catalog = catalog
            return self._catalog

    async def run(self) -> None:
        """Follow the changes of all tables until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for name, table in self._streams.items():
                    self._start(name, table)
                for table in list(self._streams.values()):
                    await table.ready.wait()
                self.ready.set()
                if self._catalog is not None:
                    self.start_expiry(self._catalog)
                await asyncio.Event().wait()
        finally:
            self._group = None

    async def close(self) -> None:
        """Close the databases that requests have used."""
        if self._catalog is not None:
            await self._catalog.close()

    def start_expiry(self, catalog: "Catalog") -> None:
        """Let items expire from now on, once somebody asks for it; harmless when they do already."""
        name = "expiry"
        if self._group is not None and name not in self._running and catalog.has_expiry():
            self._running[name] = self._group.create_task(catalog.expire(), name="tables: time to live")

    def capture(self, name: str, settings: "TableSettings") -> "Table":
        """Let the changes of a table be a stream."""
        from triggers.dynamodb.table import Table

        table = self._streams[name] = Table(
            name,
            settings,
            account=self.account,
            watcher=self._watcher,
            clock=self.clock,
            feed=self._feed,
            on_change=self._on_change,
        )
        self._start(name, table)
        return table

    async def release(self, name: str) -> None:
        """Follow the changes of a table no more; what is captured stays."""
        table, task = self._streams.pop(name), self._running.pop(f"tables.{name}", None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self.tell(table.arn)

    def listen(self, callback: Listener) -> None:
        """Call `callback` with the ARN of each stream that comes or goes from now on."""
        self._listeners.append(callback)

    def tell(self, arn: str) -> None:
        """Tell the listeners of a stream that has come or gone."""
        for callback in self._listeners:
            callback(arn)

    @property
    def is_running(self) -> bool:
        """Whether changes are followed."""
        return self._group is not None

    def stream_at(self, arn: str) -> "Table | None":
        """Return the table whose stream has this ARN, None when there is none."""
        return next((table for table in self._streams.values() if table.arn == arn), None)

    def _start(self, name: str, table: "Table") -> None:
        if self._group is not None:
            self._running[f"tables.{name}"] = self._group.create_task(table.run(), name=table.name)


def _has_records(connection: "sqlite3.Connection") -> bool:
    return connection.execute("SELECT 1 FROM dynamodb_tables LIMIT 1").fetchone() is not None
