"""Writes what happened to a bucket's objects: the index and the events, in one transaction."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.feed import EventEmitted, Feed, RecursionStopped
from engine.invocation.event import AsyncEvent, EventAcceptor, new_request_id
from engine.store.database import Store
from engine.value import dataclass
from triggers.s3 import objects
from triggers.s3.event import EventVersion, ObjectChange, build_event
from triggers.s3.notification import Notification, stopped_by_recursion
from triggers.s3.objects import ObjectEntry, OpenedBucket
from triggers.s3.settle import FileState


@dataclass(frozen=True, slots=True)
class Stored:
    """An object is now like this. `event` is AWS's name without `s3:`, None when nobody should hear of it.

    `lineage` names the functions whose invocations led to the change, oldest first.
    """

    key: str
    etag: str
    state: FileState
    event: str | None = "ObjectCreated:Put"
    content_type: str | None = None
    metadata: str | None = None
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such object any more."""

    key: str
    event: str | None = "ObjectRemoved:Delete"
    lineage: tuple[str, ...] = ()


class Journal:
    """The one way in which a bucket's objects change.

    `loops_allowed` says of a function whether its `recursive_loop` is "Allow".
    """

    def __init__(
        self,
        bucket: str,
        notifications: Sequence[Notification],
        *,
        account: Account,
        version: EventVersion,
        store: Store,
        acceptor: EventAcceptor,
        feed: Feed,
        clock: Clock,
        loops_allowed: Callable[[str], bool],
    ) -> None:
        self.bucket = bucket
        self._notifications = notifications
        self._account = account
        self._version = version
        self._store = store
        self._acceptor = acceptor
        self._feed = feed
        self._clock = clock
        self._loops_allowed = loops_allowed
        self._last_sequencer = 0

    async def open(self, folder: Path) -> OpenedBucket:
        """Read where the bucket left off."""
        opened = await self._store.write(
            lambda connection: objects.open_bucket(connection, self.bucket, str(folder))
        )
        self._last_sequencer = opened.last_sequencer
        return opened

    async def mark_seen(self, folder: Path, existing: Mapping[str, FileState]) -> None:
        """Remember that what is found in the folder from now on is new, apart from the `existing` files.

        They are objects at once; `record` completes them when they have been read.
        """
        now = self._clock.now()
        sequencer = self._next_sequencer(now)
        modified = to_millis(now)

        def operation(connection: sqlite3.Connection) -> None:
            entries = (
                ObjectEntry(
                    key, objects.NOT_READ, state.size, state.mtime_ns, state.inode, sequencer, modified
                )
                for key, state in existing.items()
            )
            objects.mark_seen(connection, self.bucket, str(folder), entries, sequencer)

        await self._store.write(operation)

    async def record(self, changes: Sequence[Stored | Gone]) -> list[ObjectEntry]:
        """Return the new entries once the changes and their events are in the store, in this order.

        Raises StoreError: then nothing has happened.
        """
        now = self._clock.now()
        entries: list[ObjectEntry] = []
        removed: list[str] = []
        events: list[AsyncEvent] = []
        facts: list[EventEmitted | RecursionStopped] = []
        for change in changes:
            happened = self._enter(change, now, entries, removed)
            if happened is not None:
                self._notify(happened, now, change.lineage, events, facts)
        last_sequencer = self._last_sequencer

        def operation(connection: sqlite3.Connection) -> None:
            objects.apply(connection, self.bucket, entries, removed, last_sequencer)
            if events:
                self._acceptor.insert(connection, events)

        await self._store.write(operation)
        if events:
            self._acceptor.wake()
        for fact in facts:
            self._feed.publish(fact)
        return entries

    def _enter(
        self, change: Stored | Gone, now: datetime, entries: list[ObjectEntry], removed: list[str]
    ) -> ObjectChange | None:
        sequencer = self._next_sequencer(now)
        if isinstance(change, Gone):
            removed.append(change.key)
            return ObjectChange(change.event, change.key, 0, "", sequencer) if change.event else None
        state = change.state
        entries.append(
            ObjectEntry(
                key=change.key,
                etag=change.etag,
                size=state.size,
                mtime_ns=state.mtime_ns,
                inode=state.inode,
                sequencer=sequencer,
                modified=to_millis(now),
                content_type=change.content_type,
                metadata=change.metadata,
            )
        )
        if change.event is None:
            return None
        return ObjectChange(change.event, change.key, state.size, change.etag, sequencer)

    def _next_sequencer(self, now: datetime) -> int:
        # Of the whole bucket, so that it also grows for a key that was removed and comes again.
        self._last_sequencer = max(self._last_sequencer + 1, to_millis(now) * 1_000_000)
        return self._last_sequencer

    def _notify(
        self,
        change: ObjectChange,
        now: datetime,
        lineage: tuple[str, ...],
        events: list[AsyncEvent],
        facts: list[EventEmitted | RecursionStopped],
    ) -> None:
        source = f"buckets.{self.bucket}"
        for notification in self._notifications:
            if not notification.wants(change):
                continue
            function = notification.function
            remedy = stopped_by_recursion(
                notification, lineage, loops_allowed=bool(lineage) and self._loops_allowed(function)
            )
            if remedy is not None:
                facts.append(RecursionStopped(now, function, source, change.key, remedy))
                continue
            request_id = new_request_id()
            payload = build_event(
                change,
                bucket=self.bucket,
                configuration_id=notification.id,
                request_id=request_id.replace("-", "")[:16].upper(),
                moment=now,
                account=self._account,
                version=self._version,
            )
            events.append(AsyncEvent(function, payload, source, request_id, None, lineage))
            facts.append(EventEmitted(now, source, function, request_id, change.name, change.key))
