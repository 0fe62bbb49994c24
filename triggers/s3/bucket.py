"""One bucket: its folder, its index, and what the endpoint does with them."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import orjson

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.invocation.event import EventAcceptor
from engine.store.database import Store
from engine.value import dataclass
from engine.watching import FolderWatcher
from triggers.s3 import files, objects
from triggers.s3.folder import BucketFolder, FolderRules
from triggers.s3.former_file import FormerFile
from triggers.s3.journal import Gone, Journal, Stored
from triggers.s3.key_locks import KeyLocks
from triggers.s3.keys import UPLOAD_PREFIX, KeyRules, key_of, path_of, problem_of_key
from triggers.s3.objects import ObjectEntry, ObjectPage
from triggers.s3.settings import BucketSettings
from triggers.s3.settle import FileState

SMALL_UPLOAD_BYTES = 64 * 1024  # what is kept in memory until it is complete


class KeyRefused(Exception):
    """No file of the folder can go by this key; its text says why."""


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object ready to be read; close `file`. `etag` is that of the bytes in it."""

    entry: ObjectEntry
    file: BinaryIO
    size: int
    etag: str


class Bucket:
    """A bucket of the simulator: run it in a task; `ready` is set once every change is noticed.

    `loops_allowed` says of a function whether its `recursive_loop` is "Allow". `not_objects` are folders that
    are never part of the bucket, even when they lie in its folder. `writers_of` returns, for the path of a
    file, the functions whose invocations led to its content, empty when nobody knows of any.
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
        writers_of: Callable[[str], tuple[str, ...]] = lambda _: (),
    ) -> None:
        self.name = name
        self.folder = settings.folder.absolute()
        self._store = store
        self._locks = KeyLocks()
        self._journal = Journal(
            name,
            settings.rules(),
            account=account,
            version=settings.event_version,
            store=store,
            acceptor=acceptor,
            feed=feed,
            clock=clock,
            loops_allowed=loops_allowed,
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

    async def find(self, key: str) -> ObjectEntry | None:
        """Return the index entry of an object, None when there is none."""
        entry = await self._indexed(key)
        if entry is None or entry.is_read:
            return entry
        return await asyncio.to_thread(_with_etag, self.folder, entry)

    async def open(self, key: str) -> OpenObject | None:
        """Open an object for reading, None when there is none.

        A file that was changed a moment ago and is not settled yet is read as it is, with its own MD5.
        """
        entry = await self._indexed(key)
        if entry is None:
            return None
        return await asyncio.to_thread(_open, self.folder, entry)

    async def _indexed(self, key: str) -> ObjectEntry | None:
        if problem_of_key(key) is not None:
            return None
        found = await self._store.read(lambda connection: objects.find(connection, self.name, [key]))
        return found.get(key)

    async def list(self, *, prefix: str, delimiter: str, start_after: str, limit: int) -> ObjectPage:
        """Return up to `limit` keys and common prefixes after `start_after`, in key order."""
        page = await self._store.read(
            lambda connection: objects.page(
                connection,
                self.name,
                prefix=prefix,
                delimiter=delimiter,
                start_after=start_after,
                limit=limit,
            )
        )
        if all(entry.is_read for entry in page.entries):
            return page
        return await asyncio.to_thread(_with_etags, self.folder, page)

    def begin_upload(self, key: str) -> "Upload":
        """Return a place for the bytes of a new object. Raises KeyRefused."""
        problem = problem_of_key(key)
        if problem is None and key.startswith(UPLOAD_PREFIX):
            problem = f"names that begin with {UPLOAD_PREFIX} are kept for uploads"
        if problem is None and self._rules.excludes(key):
            problem = "the simulator keeps its own state there"
        if problem is not None:
            raise KeyRefused(problem)
        return Upload(self.folder)

    async def put(
        self,
        key: str,
        upload: "Upload",
        *,
        content_type: str | None = None,
        headers: dict[str, str] | None = None,
        lineage: tuple[str, ...] = (),
        check: Callable[[ObjectEntry | None], None] | None = None,
    ) -> ObjectEntry:
        """Make the upload the object `key`, with its event; return once both are stored.

        `headers` are answered with the object; `check` may refuse, by raising, to replace what is there.

        Raises KeyRefused when a file or folder is in the way, StoreError when it could not be stored: then
        the folder is as it was.
        """
        if self._rules.ignores(key):
            self._watched.exempt.add(key)
        async with self._locks.hold(key):
            if check is not None:
                check(await self.find(key))
            async with self._undone_unless_stored(key) as former:
                state = await asyncio.to_thread(upload.move_to, self.folder, key, former)
                change = Stored(
                    key,
                    upload.etag,
                    state,
                    content_type=content_type,
                    metadata=orjson.dumps(headers).decode() if headers else None,
                    lineage=lineage,
                )
                return (await self._journal.record([change]))[0]

    async def delete(self, key: str, lineage: tuple[str, ...] = ()) -> None:
        """Delete an object; also of one that does not exist, functions hear, as on AWS.

        Raises StoreError when that could not be stored: then the object is still there.
        """
        if problem_of_key(key) is not None:
            return
        async with self._locks.hold(key):
            is_object = await self._indexed(key) is not None
            async with self._undone_unless_stored(key) as former:
                if is_object:
                    await asyncio.to_thread(_take_away, self.folder, key, former)
                await self._journal.record([Gone(key, lineage=lineage)])

    @asynccontextmanager
    async def _undone_unless_stored(self, key: str) -> AsyncIterator[FormerFile]:
        """Put back what was in the place of `key` when the block fails.

        Not when it is cancelled: what the store was asked for, it still does.
        """
        former = FormerFile(self.folder, Path(path_of(self.folder, key)))
        try:
            yield former
        except Exception:
            await asyncio.to_thread(former.put_back)
            raise
        finally:
            if former.is_kept:
                await asyncio.to_thread(former.forget)


class Upload:
    """Bytes on their way into a bucket, in a file of its own file system once they are many.

    `move_to` blocks, and so does `write` once `is_on_disk`.
    """

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._path = folder / f"{UPLOAD_PREFIX}{uuid4().hex}"
        self._digest = hashlib.md5(usedforsecurity=False)
        self._small = bytearray()
        self._file: BinaryIO | None = None

    def is_on_disk(self, more: int) -> bool:
        """Say whether writing so many more bytes goes to the disk."""
        return self._file is not None or self.size + more > SMALL_UPLOAD_BYTES

    @property
    def etag(self) -> str:
        """The MD5 of what was written so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, block: bytes) -> None:
        """Append some bytes. Raises OSError, for instance when the disk is full."""
        if self.is_on_disk(len(block)):
            self._spill().write(block)
        else:
            self._small += block
        self._digest.update(block)
        self.size += len(block)

    def _spill(self) -> BinaryIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb")
            self._file.write(self._small)
            self._small.clear()
        return self._file

    def move_to(self, folder: Path, key: str, former: FormerFile) -> FileState:
        """Put the file in its place and return its state; what was there is kept as `former`.

        Raises KeyRefused when something is in the way.
        """
        self._spill().close()
        path = Path(path_of(folder, key))
        try:
            if not files.is_inside(path.parent, folder):
                raise KeyRefused("a symbolic link leads out of the bucket's folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            former.keep()
            self._path.replace(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise KeyRefused(f"in the folder, {error.filename} is in the way") from error
        except OSError as error:
            if error.errno in files.NAME_ERRNOS:
                raise KeyRefused(error.strerror or str(error)) from error
            raise
        state = files.state_of(path.stat())
        if state is None:
            raise FileNotFoundError(path)
        return state

    def discard(self) -> None:
        """Forget the bytes, unless they have found their place."""
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)


def _key_of_folder(bucket: Path, folder: Path) -> str | None:
    """Return the key by which a folder lies in the bucket's, links resolved; None when it does not."""
    return key_of(os.path.realpath(bucket), os.path.realpath(folder))


def _open(folder: Path, entry: ObjectEntry) -> OpenObject | None:
    state = files.look(folder, [entry.key]).get(entry.key)
    if state is None:
        return None
    try:
        file = Path(path_of(folder, entry.key)).open("rb")  # noqa: SIM115 -- the caller closes it
    except OSError:
        return None
    found = files.state_of(os.fstat(file.fileno()))
    if entry.is_read and found == entry.state:
        return OpenObject(entry, file, entry.size, entry.etag)
    digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    size = file.tell()
    file.seek(0)
    return OpenObject(entry, file, size, digest.hexdigest())


def _with_etag(folder: Path, entry: ObjectEntry) -> ObjectEntry | None:
    """Return an entry of the first sight as it will be once its file is read; None when that has gone."""
    opened = _open(folder, entry)
    if opened is None:
        return None
    opened.file.close()
    return replace(entry, etag=opened.etag, size=opened.size)


def _with_etags(folder: Path, page: ObjectPage) -> ObjectPage:
    completed = [entry if entry.is_read else _with_etag(folder, entry) for entry in page.entries]
    return replace(page, entries=tuple(entry for entry in completed if entry is not None))


def _take_away(folder: Path, key: str, former: FormerFile) -> None:
    if files.is_inside(Path(path_of(folder, key)).parent, folder):
        with suppress(FileNotFoundError):
            former.take_away()
