"""Writes what happened to a bucket's objects: the index and the events, in one transaction."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from pathlib import Path

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.feed import EventEmitted, Feed, Notice, RecursionStopped
from engine.invocation.destination import Destination, DestinationMessage, DestinationRefused
from engine.invocation.event import AsyncEvent, EventAcceptor, new_request_id
from engine.store.database import Store
from engine.value import dataclass
from triggers.s3 import objects
from triggers.s3.bus_event import build_bus_event
from triggers.s3.event import EventVersion, ObjectChange, build_event
from triggers.s3.notification import Notification, stopped_by_recursion
from triggers.s3.objects import PLAIN, ObjectAttributes, ObjectEntry, OpenedBucket
from triggers.s3.settle import FileState

RECENT_KEYS = 1000
FEW_CHANGES = 4  # that are briefly written

Further = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """An object is now like this. `event` is AWS's name without `s3:`, None when nobody should hear of it.

    `lineage` names the functions whose invocations led to the change, oldest first.
    """

    key: str
    etag: str
    state: FileState
    event: str | None = "ObjectCreated:Put"
    attributes: ObjectAttributes = PLAIN
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such object any more."""

    key: str
    event: str | None = "ObjectRemoved:Delete"
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retagged:
    """An object has these tags now, as JSON; None for none."""

    key: str
    etag: str
    tagging: str | None
    event: str
    lineage: tuple[str, ...] = ()


Change = Stored | Gone | Retagged


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one call of `record` writes and tells."""

    entries: list[ObjectEntry] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    retagged: dict[str, str | None] = field(default_factory=dict)
    events: list[AsyncEvent] = field(default_factory=list)
    messages: list[tuple[Destination, DestinationMessage]] = field(default_factory=list)
    facts: list[EventEmitted | RecursionStopped | Notice] = field(default_factory=list)


class Journal:
    """The one way in which a bucket's objects change.

    `notifications` say who hears of it. `loops_allowed` says of a function whether its `recursive_loop` is
    "Allow"; `destination_of` finds what a notification names by another ARN than a function's, None when it
    is not there.
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
        destination_of: Callable[[str], Destination | None] = lambda _: None,
    ) -> None:
        self.bucket = bucket
        self.notifications = tuple(notifications)
        self._account = account
        self._version = version
        self._store = store
        self._acceptor = acceptor
        self._feed = feed
        self._clock = clock
        self._loops_allowed = loops_allowed
        self._destination_of = destination_of
        self._last_sequencer = 0
        self._recent: dict[str, FileState] = {}

    def is_recent(self, key: str, state: FileState | None) -> bool:
        """Say whether the key was put not long ago, and its file was in this state then.

        The index says the same, and takes longer to be asked. False means nothing.
        """
        return state is not None and self._recent.get(key) == state

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
            objects.mark_seen(connection, self.bucket, str(folder), entries, sequencer, modified)

        await self._store.write(operation)

    async def record(self, changes: Sequence[Change], also: Further | None = None) -> list[ObjectEntry]:
        """Return the new entries once the changes and their events are in the store, in this order.

        `also` is done in the same transaction. Raises StoreError: then nothing has happened.
        """
        now = self._clock.now()
        outcome = _Outcome()
        for change in changes:
            happened = self._enter(change, now, outcome)
            if happened is not None:
                self._notify(happened, now, change.lineage, outcome)
        last_sequencer = self._last_sequencer

        def operation(connection: sqlite3.Connection) -> list[str]:
            objects.apply(
                connection, self.bucket, outcome.entries, outcome.removed, last_sequencer, outcome.retagged
            )
            if outcome.events:
                self._acceptor.insert(connection, outcome.events)
            if also is not None:
                also(connection)
            return _send(connection, outcome.messages)

        for change in changes:
            self._recent.pop(change.key, None)
        brief = len(changes) <= FEW_CHANGES and not outcome.messages
        refusals = await self._store.write(operation, brief=brief)
        for entry in outcome.entries:
            self._recent[entry.key] = entry.state
        while len(self._recent) > RECENT_KEYS:
            del self._recent[next(iter(self._recent))]
        if outcome.events:
            self._acceptor.wake()
        for destination, _ in outcome.messages:
            destination.wake()
        for fact in outcome.facts:
            self._feed.publish(fact)
        for refusal in refusals:
            self._feed.publish(Notice(now, "warning", self._place, refusal))
        return outcome.entries

    def _enter(self, change: Change, now: datetime, outcome: _Outcome) -> ObjectChange | None:
        if isinstance(change, Retagged):
            outcome.retagged[change.key] = change.tagging
            return ObjectChange(change.event, change.key, None, change.etag, None)
        sequencer = self._next_sequencer(now)
        if isinstance(change, Gone):
            outcome.removed.append(change.key)
            return ObjectChange(change.event, change.key, None, "", sequencer) if change.event else None
        state = change.state
        outcome.entries.append(
            ObjectEntry(
                key=change.key,
                etag=change.etag,
                size=state.size,
                mtime_ns=state.mtime_ns,
                inode=state.inode,
                sequencer=sequencer,
                modified=to_millis(now),
                attributes=change.attributes,
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
        self, change: ObjectChange, now: datetime, lineage: tuple[str, ...], outcome: _Outcome
    ) -> None:
        for notification in self.notifications:
            if not notification.wants(change):
                continue
            function = notification.function
            remedy = stopped_by_recursion(
                notification, lineage, loops_allowed=bool(lineage) and self._loops_allowed(function)
            )
            if remedy is not None:
                outcome.facts.append(RecursionStopped(now, function, self._place, change.key, remedy))
                continue
            request_id = new_request_id()
            payload = self._payload(change, notification, request_id, now)
            if function:
                event = AsyncEvent(
                    function, payload, self._place, request_id, notification.qualifier, lineage
                )
                outcome.events.append(event)
                fact = EventEmitted(now, self._place, function, request_id, change.name, change.key)
                outcome.facts.append(fact)
            elif (destination := self._destination_of(notification.destination)) is not None:
                message = DestinationMessage("", payload, lineage, request_id=request_id)
                outcome.messages.append((destination, message))
            else:
                text = f"{change.name} of {change.key}: {notification.destination} does not exist"
                outcome.facts.append(Notice(now, "warning", self._place, text))

    def _payload(
        self, change: ObjectChange, notification: Notification, request_id: str, now: datetime
    ) -> bytes:
        if notification.is_for_a_bus:
            return build_bus_event(
                change, bucket=self.bucket, event_id=request_id, moment=now, account=self._account
            )
        return build_event(
            change,
            bucket=self.bucket,
            configuration_id=notification.id,
            request_id=request_id.replace("-", "")[:16].upper(),
            moment=now,
            account=self._account,
            version=self._version,
        )

    @property
    def _place(self) -> str:
        return f"buckets.{self.bucket}"


def _send(
    connection: sqlite3.Connection, messages: Sequence[tuple[Destination, DestinationMessage]]
) -> list[str]:
    """Hand messages to their destinations; return why some were not taken."""
    refusals = []
    for destination, message in messages:
        try:
            destination.send(connection, message)
        except DestinationRefused as error:
            refusals.append(f"{destination.arn} does not take an event: {error}")
    return refusals
