"""All tables whose changes are a stream: those of the configuration, and those that were made with one.

The latter come and go while the rest runs.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from engine.watching import FolderWatcher

if TYPE_CHECKING:
    import sqlite3

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
        self._streams: dict[str, Table] = {}
        self._jobs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._listeners: list[Listener] = []

    def __getitem__(self, name: str) -> "Table":
        return self._streams[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    async def open(self) -> bool:
        """Open what is configured; return whether there is more that requests know of. Raises StoreError."""
        for name, settings in self.configured.items():
            self.capture(name, settings)
        return await self.store.read(_has_records)

    async def run(self) -> None:
        """Follow the changes of all tables until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for name in self._jobs:
                    self._start(name)
                for table in list(self._streams.values()):
                    await table.ready.wait()
                self.ready.set()
                await asyncio.Event().wait()
        finally:
            self._group = None

    @property
    def is_running(self) -> bool:
        """Whether changes are followed."""
        return self._group is not None

    def keep_running(self, name: str, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run something beside the tables, as long as they run; harmless when it does already."""
        if name not in self._jobs:
            self._jobs[name] = job
            self._start(name)

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
        self.keep_running(table.name, table.run)
        return table

    async def release(self, name: str) -> None:
        """Follow the changes of a table no more; what is captured stays."""
        table = self._streams.pop(name)
        del self._jobs[table.name]
        task = self._running.pop(table.name, None)
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

    def stream_at(self, arn: str) -> "Table | None":
        """Return the table whose stream has this ARN, None when there is none."""
        return next((table for table in self._streams.values() if table.arn == arn), None)

    def _start(self, name: str) -> None:
        if self._group is not None:
            self._running[name] = self._group.create_task(self._jobs[name](), name=name)


def _has_records(connection: "sqlite3.Connection") -> bool:
    return connection.execute("SELECT 1 FROM dynamodb_tables LIMIT 1").fetchone() is not None
