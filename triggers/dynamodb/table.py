"""A table of a user's SQLite database as a DynamoDB stream: one shard that event source mappings read.

Reads:   the change log that triggers keep beside the table, in the writer's own transactions.
Wakes:   whoever listens, within some milliseconds of a commit, whichever program made it.
Waits:   for a database or a table that is not there, or cannot be used, with a notice.
Source:  Amazon DynamoDB developer guide, "Change data capture for DynamoDB Streams".
"""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from engine.arn import Account
from engine.clock import Clock, iso_millis, to_millis
from engine.feed import Feed, Notice
from engine.mapping.source import Shard, ShardPage, StartingPosition
from engine.watching import FolderWatcher
from triggers.dynamodb.arrivals import writers_now
from triggers.dynamodb.capture import POSITIONS_PER_MILLISECOND
from triggers.dynamodb.database import UserDatabase
from triggers.dynamodb.database_watch import DatabaseWatch
from triggers.dynamodb.settings import TableSettings
from triggers.dynamodb.table_reader import Sight, TableReader
from triggers.dynamodb.table_schema import CaptureImpossible

TRIM_EVERY = timedelta(hours=1)
RETRY_AFTER = timedelta(milliseconds=100)
FIRST_TRIES = 20  # at a database that is locked, before others may start without it
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Table:
    """One table, a `StreamSource`: run it in a task; `ready` is set once it was looked at.

    A table that is there by then is captured from then on.
    """

    kind: Literal["dynamodb"] = "dynamodb"

    def __init__(
        self,
        name: str,
        settings: TableSettings,
        *,
        account: Account,
        watcher: FolderWatcher,
        clock: Clock,
        feed: Feed,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called before those who listen: for somebody who looks after them."""
        self.name = f"tables.{name}"
        self.ready = asyncio.Event()
        self._table_name = name
        self._table = settings.table or name
        self._account = account
        self._watcher = watcher
        self._clock = clock
        self._feed = feed
        self._path = settings.database.absolute()
        self._database = UserDatabase(self._path, clock)
        self._reader = TableReader(name, settings, account, clock, _label(clock.now()))
        self._on_change = on_change
        self._listeners: list[Callable[[], None]] = []
        self._newest: int | None = None
        self._owes_a_call = False
        self._has_moved_on = False
        self._told: str | None = None
        self._unshown: set[str] = set()
        self._watch: DatabaseWatch | None = None

    @property
    def arn(self) -> str:
        """The stream's ARN; it stays what it is from `ready` on."""
        return self._account.table_stream(self._table_name, self._reader.label)

    async def run(self) -> None:
        """Keep the table captured and wake listeners, until cancelled."""
        watch = self._watch = DatabaseWatch(self._path, self._watcher, self._clock)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._trim_now_and_then(), name=f"{self.name}: trim")
                watch.begin()  # before the capture is written, so that it is known whether hints come
                for _ in range(FIRST_TRIES):
                    if not await self._look():
                        break
                    await self._clock.world.sleep(RETRY_AFTER.total_seconds())
                self._reader.is_label_settled = True
                self.ready.set()
                while True:
                    await watch.next_look()
                    await self._look()
        finally:
            watch.close()
            await self._database.shut()

    def nudge(self) -> None:
        """Look soon: this process has committed something."""
        if self._watch is not None:
            self._watch.hint()

    async def look(self) -> None:
        """Return once whatever was committed before this call is known, and listeners have been called.

        While the database is locked, this waits.
        """
        while await self._look():
            await self._clock.world.sleep(RETRY_AFTER.total_seconds())

    async def shards(self) -> Sequence[Shard]:
        """Return the one shard."""
        return [Shard(self._shard_id())]

    async def start(self, shard_id: str, at: StartingPosition) -> int:
        """Return the position to read on from. While the database is locked, this waits."""
        if shard_id != self._shard_id() or at.kind == "TRIM_HORIZON":
            return 0
        while True:
            try:
                if at.timestamp is not None:
                    moment = at.timestamp
                    return await self._database.run(partial(self._reader.position_at, moment=moment))
                newest = (await self._database.run(self._reader.look)).newest
                return newest if newest is not None else self._present_position()
            except (FileNotFoundError, CaptureImpossible):
                return self._present_position()
            except sqlite3.Error:
                await self._clock.world.sleep(RETRY_AFTER.total_seconds())

    async def read(self, shard_id: str, after: int, limit: int) -> ShardPage:
        """Return records; none while the database cannot be read: listeners are called when it can."""
        if shard_id != self._shard_id():
            return ShardPage((), ended=True)
        try:
            records = await self._database.run(partial(self._reader.read, after=after, limit=limit))
        except (FileNotFoundError, CaptureImpossible, sqlite3.Error):
            self._owes_a_call = True
            records = []
        self._tell_what_was_not_shown()
        return ShardPage(records, ended=False)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` whenever changes were committed."""
        self._listeners = [*self._listeners, callback]

        def stop() -> None:
            self._listeners = [each for each in self._listeners if each is not callback]

        return stop

    def _shard_id(self) -> str:
        enabled = to_millis(datetime.fromisoformat(f"{self._reader.label}+00:00"))
        digest = hashlib.md5(self.arn.encode(), usedforsecurity=False).hexdigest()
        return f"shardId-{enabled:020d}-{digest[:8]}"

    def _present_position(self) -> int:
        """Return a position before that of anything that will be logged."""
        return to_millis(writers_now(self._clock)) * POSITIONS_PER_MILLISECOND

    async def _look(self) -> bool:
        """See what is new, and tell listeners or the user; return whether a lock was in the way."""
        try:
            sight = await self._database.run(self._reader.look)
            await self._move_on_once()
        except FileNotFoundError:
            self._reader.was_missing = True
            self._tell("warning", f"waiting for the database {self._path}")
        except CaptureImpossible as error:
            self._tell("error", f"cannot be captured: {error}")
        except sqlite3.Error as error:
            self._owes_a_call = True
            if not _is_lock(error):
                self._tell("error", f"cannot use the database {self._path}: {error}; trying again")
                return False
            if not self.ready.is_set():
                text = f"the database {self._path} is locked by another program: waiting for it"
                self._tell("warning", text)
            return True
        else:
            self._see(sight)
        return False

    async def _move_on_once(self) -> None:
        """Let new positions be those of the present. Raises sqlite3.Error for a lock that is in the way.

        It is done before the table is ready, so that a program which waits for no lock, as the `sqlite3`
        command, meets none of ours in what it does next.
        """
        if self._has_moved_on:
            return
        try:
            await self._database.run(self._reader.move_on)
        except sqlite3.Error as error:
            if _is_lock(error):
                raise
        self._has_moved_on = True

    def _see(self, sight: Sight) -> None:
        if sight.capture is None or not sight.capture.is_active:
            self._tell("warning", f"waiting for the table {self._table} in {self._path}")
        else:
            self._told = None
        self._tell_what_changed()
        if sight.newest is not None and (sight.newest != self._newest or self._owes_a_call):
            self._newest, self._owes_a_call = sight.newest, False
            self._on_change()
            for listener in self._listeners:
                listener()

    async def _trim_now_and_then(self) -> None:
        """Once an hour, forget what is older than a day."""
        await self.ready.wait()
        while True:
            with suppress(OSError, sqlite3.Error):  # the next time it will do
                while await self._database.run(self._reader.trim):
                    pass
            await self._clock.sleep_until(self._clock.now() + TRIM_EVERY)

    def _tell_what_changed(self) -> None:
        while self._reader.changes:
            self._publish("info", f"{self._table} in {self._path}: {self._reader.changes.popleft()}")

    def _tell_what_was_not_shown(self) -> None:
        for column in sorted(self._reader.unshown - self._unshown):
            self._unshown.add(column)
            self._publish(
                "warning",
                f"{self._table}.{column} holds a number that DynamoDB does not have, such as infinity: "
                "records are without it",
            )

    def _tell(self, level: Literal["warning", "error"], text: str) -> None:
        """Publish a notice, once for as long as it holds."""
        if text != self._told:
            self._told = text
            self._publish(level, text)

    def _publish(self, level: Literal["info", "warning", "error"], text: str) -> None:
        self._feed.publish(Notice(self._clock.now(), level, self.name, text))


def _is_lock(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED


def _label(moment: datetime) -> str:
    return iso_millis(moment).removesuffix("Z")
