"""The sources of a configuration that run by themselves: watched folders and tables."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.clock import Clock
from engine.feed import Feed
from engine.functions.pool import Functions
from engine.invocation.destination import Destination
from engine.invocation.event_queue import EventQueue
from engine.store.database import Store
from engine.watching import FolderWatcher
from headrace.config import Configuration
from headrace.references import resolve
from triggers.dynamodb.tables import Tables
from triggers.s3.buckets import ARRIVING, Buckets
from triggers.s3.spare_files import SpareFiles

if TYPE_CHECKING:
    from triggers.dynamodb.catalog import Catalog
    from triggers.dynamodb.settings import TableSettings
    from triggers.s3.bucket import Bucket


class Sources:
    """Made from a configuration, and not yet running. Each kind is imported only when there is one of it."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        store: Store,
        acceptor: EventQueue,
        functions: Functions,
        watcher: FolderWatcher,
        clock: Clock,
        feed: Feed,
        destination_of: Callable[[str], Destination | None],
        on_change: Callable[[], None],
        are_followed: bool,
    ) -> None:
        """`on_change` is called when a table has changed, beside those who listen to it.

        Where sources are not followed, nobody will run them: buckets show what lies in their folders.
        """
        self._are_followed = are_followed
        self._configuration = configuration
        self._store = store
        self._acceptor = acceptor
        self._functions = functions
        self._watcher = watcher
        self._clock = clock
        self._feed = feed
        self.destination_of = destination_of
        file = configuration.file
        self._aside = SpareFiles(configuration.state / ARRIVING, clock)
        self.buckets = Buckets(
            tuple(file.buckets),
            self._open_bucket,
            state=configuration.state,
            region=configuration.account.region,
            store=store,
            clock=clock,
        )
        self._catalog: Catalog | None = None
        self._opening = asyncio.Lock()
        self.tables = Tables(
            self._table_settings(),
            state=configuration.state,
            account=configuration.account,
            store=store,
            watcher=watcher,
            clock=clock,
            feed=feed,
            on_change=on_change,
        )

    @property
    def watched(self) -> "list[Buckets | Tables]":
        """The sources whose changes are noticed from their start on."""
        return [self.buckets, self.tables]

    async def looked_at(self) -> None:
        """Return once each of these has taken in what was there at its start."""
        for source in self.watched:
            await source.ready.wait()

    def _open_bucket(self, name: str, folder: Path | None) -> "Bucket":
        """Return a bucket in a folder; without one, as it is configured."""
        from triggers.s3.bucket import Bucket
        from triggers.s3.settings import BucketSettings

        if folder is not None:
            settings = BucketSettings(folder=folder)
        else:
            configured = self._configuration.file.buckets[name]
            notifications = tuple(
                each.model_copy(update={"function": resolve(each.function, ("functions",))[1]})
                for each in configured.notifications
            )
            folder = self._configuration.folder / configured.folder.expanduser()
            settings = configured.model_copy(update={"folder": folder, "notifications": notifications})
        return Bucket(
            name,
            settings,
            account=self._configuration.account,
            store=self._store,
            acceptor=self._acceptor,
            watcher=self._watcher,
            clock=self._clock,
            feed=self._feed,
            loops_allowed=self._acceptor.allows_loops,
            not_objects=[self._configuration.state],
            aside=self._aside,
            writers_of=self._functions.writers_of,
            destination_of=self.destination_of,
            is_followed=self._are_followed,
        )

    async def open_tables(self) -> None:
        """Open the tables that are configured, and those that were made before. Raises StoreError."""
        if await self.tables.open():
            await self.catalog()

    async def catalog(self) -> "Catalog":
        """Return the tables as requests see them. Raises StoreError."""
        async with self._opening:
            if self._catalog is None:
                from triggers.dynamodb.catalog import Catalog

                catalog = Catalog(self.tables)
                await catalog.open()
                self._catalog = catalog
            return self._catalog

    def table_streams(self) -> dict[str, str | None]:
        """Return the ARN of each table's stream, None for a table that was made without one."""
        names = () if self._catalog is None else self._catalog.names()
        return {**dict.fromkeys(names), **{name: table.arn for name, table in self.tables.items()}}

    async def close(self) -> None:
        """Close the databases that requests have used, and remove files that wait for uploads."""
        self._aside.close()
        if self._catalog is not None:
            await self._catalog.close()

    def _table_settings(self) -> "dict[str, TableSettings]":
        return {
            name: settings.model_copy(update={"database": database_path(self._configuration, name)})
            for name, settings in self._configuration.file.tables.items()
        }


def bucket_folders(configuration: Configuration) -> list[Path]:
    """Return the folders of all configured buckets."""
    return [
        configuration.folder / bucket.folder.expanduser() for bucket in configuration.file.buckets.values()
    ]


def database_path(configuration: Configuration, table: str) -> Path:
    """Return the database file that a table is in."""
    return configuration.folder / configuration.file.tables[table].database.expanduser()
