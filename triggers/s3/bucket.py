"""One bucket: its folder, its index, and what the endpoint does with them."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.invocation.destination import Destination
from engine.invocation.event import EventAcceptor
from engine.store.database import Store
from engine.watching import FolderWatcher
from triggers.s3 import files, objects
from triggers.s3.folder import BucketFolder, FolderRules
from triggers.s3.former_file import FormerFile, Undoing
from triggers.s3.journal import Further, Gone, Journal, Retagged, Stored
from triggers.s3.key_locks import KeyLocks
from triggers.s3.keys import UPLOAD_PREFIX, KeyRules, key_of, path_of, problem_of_key
from triggers.s3.notification import Notification, bus_notification
from triggers.s3.objects import PLAIN, ObjectAttributes, ObjectEntry, ObjectPage
from triggers.s3.opened import SMALL_BYTES, OpenObject, open_object, with_etag, with_etags
from triggers.s3.settings import BucketSettings
from triggers.s3.settle import FileState
from triggers.s3.spare_files import SpareFiles, new_file
from triggers.s3.upload import FolderInTheWay, KeyRefused, Upload, remove_empty_folders

Check = Callable[[ObjectEntry | None], None]


class BucketDeleted(Exception):
    """The bucket was deleted while somebody was about to write to it."""


class Bucket:
    """A bucket of the simulator: run it in a task; `ready` is set once every change is noticed.

    `configured` are the notifications of its settings, beside which others may be put. `loops_allowed` says
    of a function whether its `recursive_loop` is "Allow"; `destination_of` finds other destinations by ARN.
    `not_objects` are folders that are never part of the bucket, even when they lie in its folder; `aside` has
    files for uploads to wait in, so that the watch has less to tell. `writers_of` returns, for the path of a
    file, the functions whose invocations led to its content, empty when nobody knows of any. One that is not
    followed is never run: its objects are what lies in the folder when they are asked for.
    """

    def __init__(
        self,
        name: str,
        settings: BucketSettings,
        *,
        account: Account,
        store: Store,
        acceptor: EventAcceptor,
        watcher: FolderWatcher,
        clock: Clock,
        feed: Feed,
        loops_allowed: Callable[[str], bool] = lambda _: False,
        not_objects: Sequence[Path] = (),
        aside: SpareFiles | None = None,
        writers_of: Callable[[str], tuple[str, ...]] = lambda _: (),
        destination_of: Callable[[str], Destination | None] = lambda _: None,
        is_followed: bool = True,
    ) -> None:
        self.name = name
        self.arn = account.bucket(name)
        self.configured = settings.rules()
        if settings.event_bridge:
            self.configured += (bus_notification(account.event_bus("default")),)
        self.folder = settings.folder.absolute()
        self._store = store
        self._room = aside  # until the first upload has looked whether it will do
        self._aside: SpareFiles | None = None
        self._locks = KeyLocks()
        self._is_deleted = False
        self._is_slow = settings.watch == "poll"
        self._is_followed = is_followed
        self._journal = Journal(
            name,
            self.configured,
            account=account,
            version=settings.event_version,
            store=store,
            acceptor=acceptor,
            feed=feed,
            clock=clock,
            loops_allowed=loops_allowed,
            destination_of=destination_of,
        )
        excluded = [key for path in not_objects if (key := _key_of_folder(self.folder, path)) is not None]
        self._rules = KeyRules(settings.ignore, settings.complete_marker, excluded)
        self._watched = BucketFolder(
            self.folder,
            FolderRules(
                keys=self._rules,
                settle_time=timedelta(seconds=settings.settle_time),
                poll=settings.watch == "poll",
                emit_existing=settings.existing == "emit",
                emit_changes_while_stopped=settings.changes_while_stopped == "emit",
            ),
            journal=self._journal,
            locks=self._locks,
            store=store,
            watcher=watcher,
            clock=clock,
            feed=feed,
            writers_of=writers_of,
        )
        self.ready = self._watched.ready

    async def run(self) -> None:
        """Follow the folder until cancelled. Raises ConfigurationError when it cannot be made or watched."""
        await self._watched.run()

    async def look(self) -> None:
        """Return once whatever was done to the folder before this call is known, and has its events."""
        await self._watched.look()

    def held_up(self) -> list[str]:
        """Return the keys of files that are being written, or cannot be read."""
        return self._watched.held_up()

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """Who hears of what: the configured ones, and those that were put beside them."""
        return self._journal.notifications

    def notify(self, further: Sequence[Notification]) -> None:
        """From now on let these hear, too, beside the configured ones."""
        self._journal.notifications = (*self.configured, *further)

    async def find(self, key: str) -> ObjectEntry | None:
        """Return the index entry of an object, None when there is none."""
        entry = await self._indexed(key)
        if entry is None or entry.is_read:
            return entry
        return await asyncio.to_thread(with_etag, self.folder, entry)

    async def open(self, key: str) -> OpenObject | None:
        """Open an object for reading, None when there is none."""
        entry = await self._indexed(key)
        if entry is None:
            return None
        if entry.size <= SMALL_BYTES and entry.is_read and not self._is_slow:
            return open_object(self.folder, entry)  # takes less time than the way to a thread and back
        return await asyncio.to_thread(open_object, self.folder, entry)

    async def _indexed(self, key: str) -> ObjectEntry | None:
        if problem_of_key(key) is not None:
            return None
        return (await self._find([key])).get(key)

    async def _find(self, keys: Sequence[str]) -> dict[str, ObjectEntry]:
        """Return the entries of those keys that are objects."""
        indexed = await self._store.read(lambda connection: objects.find(connection, self.name, keys))
        if self._is_followed:
            return indexed
        from triggers.s3 import unfollowed

        return await asyncio.to_thread(unfollowed.find, self.folder, self._rules, keys, indexed)

    async def list(self, *, prefix: str, delimiter: str, start_after: str, limit: int) -> ObjectPage:
        """Return up to `limit` keys and common prefixes after `start_after`, in key order."""
        page = await self._page(prefix=prefix, delimiter=delimiter, start_after=start_after, limit=limit)
        if all(entry.is_read for entry in page.entries):
            return page
        return await asyncio.to_thread(with_etags, self.folder, page)

    async def _page(self, *, prefix: str, delimiter: str, start_after: str, limit: int) -> ObjectPage:
        if self._is_followed:
            return await self._store.read(
                lambda connection: objects.page(
                    connection,
                    self.name,
                    prefix=prefix,
                    delimiter=delimiter,
                    start_after=start_after,
                    limit=limit,
                )
            )
        from triggers.s3 import unfollowed

        indexed = await self._store.read(lambda connection: objects.below(connection, self.name, prefix))
        return await asyncio.to_thread(
            unfollowed.page,
            self.folder,
            self._rules,
            indexed,
            prefix=prefix,
            delimiter=delimiter,
            start_after=start_after,
            limit=limit,
        )

    def check_key(self, key: str) -> None:
        """Raise KeyRefused for a key that no object of this bucket can have."""
        problem = problem_of_key(key)
        if problem is None and key.startswith(UPLOAD_PREFIX):
            problem = f"names that begin with {UPLOAD_PREFIX} are kept for uploads"
        if problem is None and self._rules.excludes(key):
            problem = "the simulator keeps its own state there"
        if problem is not None:
            raise KeyRefused(problem)

    def begin_upload(self, key: str) -> Upload:
        """Return a place for the bytes of a new object. Raises KeyRefused."""
        self.check_key(key)
        self._look_for_room()
        if self._aside is None:
            return Upload(partial(new_file, self.folder))
        self._aside.expect()
        return Upload(self._aside.take)

    def _look_for_room(self) -> None:
        """Let uploads wait aside when a file can be moved from there to the folder in one go."""
        if self._room is not None:
            room, self._room = self._room, None
            with suppress(OSError):
                room.folder.mkdir(exist_ok=True)
                if room.folder.stat().st_dev == self.folder.stat().st_dev:
                    self._aside = room

    async def put(
        self,
        key: str,
        upload: Upload,
        *,
        event: str = "ObjectCreated:Put",
        etag: str | None = None,
        attributes: ObjectAttributes = PLAIN,
        lineage: tuple[str, ...] = (),
        check: Check | None = None,
        also: Further | None = None,
    ) -> ObjectEntry:
        """Make the upload the object `key`, with its event; return once both are stored.

        `etag` is that of the content where None. `check` may refuse, by raising, to replace what is there;
        `also` is done in the transaction that stores the object.

        Raises KeyRefused when a file or folder is in the way, StoreError when it could not be stored: then
        the folder is as it was. Raises BucketDeleted.
        """
        if self._rules.ignores(key):
            self._watched.exempt.add(key)
        async with self._locks.hold(key):
            self._check_not_deleted()
            if check is not None:
                check(await self.find(key))
            former = FormerFile(self.folder, path_of(self.folder, key))
            self._watched.expect(key)
            async with Undoing((former,)):
                state = await self._move(upload, key, former)
                change = Stored(key, etag or upload.etag, state, event, attributes, lineage)
                return (await self._journal.record([change], also))[0]

    async def _move(self, upload: Upload, key: str, former: FormerFile) -> FileState:
        """Put the bytes in their place, which empty folders that nobody put do not take."""
        try:
            if upload.is_on_disk(0) or self._is_slow:
                return await asyncio.to_thread(upload.move_to, self.folder, key, former)
            return upload.move_to(self.folder, key, former)
        except FolderInTheWay:
            below = await self._store.read(
                lambda connection: objects.states_below(connection, self.name, f"{key}/")
            )
            if below:
                raise
            await asyncio.to_thread(remove_empty_folders, Path(path_of(self.folder, key)))
            return await asyncio.to_thread(upload.move_to, self.folder, key, former)

    async def delete(self, *keys: str, lineage: tuple[str, ...] = (), check: Check | None = None) -> None:
        """Delete objects; also of those that do not exist, functions hear, as on AWS.

        `check` is asked of each before any is deleted, and may raise. Raises StoreError when that could not
        be stored: then they are all still there. Raises BucketDeleted.
        """
        possible = sorted({key for key in keys if problem_of_key(key) is None})
        async with AsyncExitStack() as held:
            for key in possible:
                await held.enter_async_context(self._locks.hold(key))
            self._check_not_deleted()
            indexed = await self._find(possible)
            if check is not None:
                for key in possible:
                    check(indexed.get(key))
            present = [key for key in possible if key in indexed]
            formers = [FormerFile(self.folder, path_of(self.folder, key)) for key in present]
            async with Undoing(formers):
                await asyncio.to_thread(_take_away, self.folder, present, formers)
                await self._journal.record([Gone(key, lineage=lineage) for key in possible])
            await asyncio.to_thread(_remove_folders, self.folder, present)

    async def retag(self, key: str, tagging: str | None, event: str, lineage: tuple[str, ...]) -> bool:
        """Give an object other tags, as JSON, and say whether there is such an object. Raises StoreError."""
        async with self._locks.hold(key):
            self._check_not_deleted()
            entry = await self.find(key)
            if entry is None:
                return False
            await self._journal.record([Retagged(key, entry.etag, tagging, event, lineage)])
        return True

    async def close_if_empty(self) -> bool:
        """Let nobody write any more, and return True; False, and all as it was, when there is an object.

        What was begun before is waited for. Files that are not settled yet count as objects.
        """
        self._is_deleted = True
        is_empty = False
        try:
            await self._locks.released()
            is_empty = await self._store.read(lambda connection: objects.is_empty(connection, self.name))
            scanned = await asyncio.to_thread(files.scan, self.folder, "", self._rules)
            is_empty = is_empty and not scanned.states
        finally:
            self._is_deleted = is_empty
        return is_empty

    def _check_not_deleted(self) -> None:
        if self._is_deleted:
            raise BucketDeleted(self.name)


def _key_of_folder(bucket: Path, folder: Path) -> str | None:
    """Return the key by which a folder lies in the bucket's, links resolved; None when it does not."""
    return key_of(os.path.realpath(bucket), os.path.realpath(folder))


def _take_away(folder: Path, keys: Sequence[str], formers: Sequence[FormerFile]) -> None:
    for key, former in zip(keys, formers, strict=True):
        if files.is_inside(path_of(folder, key.removesuffix("/")).rpartition(os.sep)[0], folder):
            with suppress(FileNotFoundError):
                former.take_away()


def _remove_folders(folder: Path, keys: Sequence[str]) -> None:
    """Remove the folders that were objects themselves and hold nothing else, the deepest first."""
    for key in reversed(keys):
        if key.endswith("/"):
            with suppress(OSError):
                Path(path_of(folder, key)).rmdir()
