"""All buckets: those of the configuration, and those that were made with CreateBucket.

The latter are folders in the state folder, and are there again after a restart.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from engine.clock import Clock, from_millis, to_millis
from engine.store.database import Store
from triggers.s3 import documents
from triggers.s3.documents import MadeBucket

if TYPE_CHECKING:
    from datetime import datetime

    from triggers.s3.bucket import Bucket
    from triggers.s3.multipart import MultipartUploads
    from triggers.s3.notification import Notification

MADE = "buckets"  # in the state folder
UPLOADS = "uploads"
ARRIVING = "arriving"  # where what is put waits until it is complete


class Buckets(Mapping[str, "Bucket"]):
    """Buckets by name. Call `open` once, then keep `run` running.

    `configured` are the names that belong to headrace.toml. `open_bucket` makes a bucket of a name and the
    folder it lies in, None for a configured one. `ready` is set once what was there at the start is taken in.
    """

    name = "buckets"

    def __init__(
        self,
        configured: Sequence[str],
        open_bucket: "Callable[[str, Path | None], Bucket]",
        *,
        state: Path,
        region: str,
        store: Store,
        clock: Clock,
    ) -> None:
        self.configured = frozenset(configured)
        self.store = store
        self._parts = state / UPLOADS
        self.ready = asyncio.Event()
        self._open_bucket = open_bucket
        self._folder = state / MADE
        self._region = region
        self._clock = clock
        self._made: dict[str, MadeBucket] = {}
        self._buckets: dict[str, Bucket] = {name: open_bucket(name, None) for name in configured}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._changing = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None

    def __getitem__(self, name: str) -> "Bucket":
        return self._buckets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._buckets)

    def __len__(self) -> int:
        return len(self._buckets)

    async def open(self) -> None:
        """Open what was made and put before. Raises StoreError."""
        for made in await self.store.read(documents.made_buckets):
            if made.name not in self.configured:
                self._made[made.name] = made
                self._buckets[made.name] = self._open_bucket(made.name, self._folder / made.name)
        kept = await self.store.read(partial(documents.of_all, name=documents.NOTIFICATIONS))
        for name, content in kept.items():
            if name in self._buckets:
                self._buckets[name].notify(_notifications(content))
        arriving = self._parts.parent / ARRIVING
        if arriving.exists():  # what an earlier run has not completed
            await asyncio.to_thread(shutil.rmtree, arriving, ignore_errors=True)
        if self._parts.exists():
            await self.uploads.remove_strays()

    @cached_property
    def uploads(self) -> "MultipartUploads":
        """The multipart uploads into all buckets."""
        from triggers.s3.multipart import MultipartUploads

        return MultipartUploads(self._parts, self.store, self._clock)

    async def run(self) -> None:
        """Follow all folders until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for bucket in self._buckets.values():
                self._start(bucket)
            for bucket in list(self._buckets.values()):
                await bucket.ready.wait()
            self.ready.set()
            await asyncio.Event().wait()  # more may be made at any time

    def _start(self, bucket: "Bucket") -> None:
        if self._group is not None:
            task = self._group.create_task(bucket.run(), name=f"buckets.{bucket.name}")
            self._running[bucket.name] = task

    async def make(self, name: str, location: str, tags: Mapping[str, str]) -> "Bucket":
        """Return an empty bucket once it notices files, or the one of this name that is there already."""
        async with self._changing:
            if name in self._buckets:
                return self._buckets[name]
            folder = self._folder / name
            await asyncio.to_thread(_make_anew, folder)
            made = MadeBucket(name, location)
            tagging = orjson.dumps(dict(tags)).decode() if tags else None
            now = to_millis(self._clock.now())
            await self.store.write(
                partial(documents.make, made=made, folder=str(folder.absolute()), tagging=tagging, now=now)
            )
            self._made[name] = made
            bucket = self._open_bucket(name, folder)
            self._start(bucket)
            if name in self._running:
                await bucket.ready.wait()
            self._buckets[name] = bucket
            return bucket

    async def delete(self, name: str) -> bool:
        """Delete a bucket that was made, with its folder; False when it holds objects."""
        async with self._changing:
            bucket = self._buckets.get(name)
            if bucket is None:  # somebody deleted it meanwhile
                return True
            if not await bucket.close_if_empty():
                return False
            await self.store.write(partial(documents.forget, bucket=name))
            del self._buckets[name]
            self._made.pop(name, None)
            task = self._running.pop(name, None)
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
            await asyncio.to_thread(shutil.rmtree, bucket.folder, ignore_errors=True)
            await self.uploads.remove_strays()
            return True

    def location(self, name: str) -> str:
        """Return the region of a bucket."""
        made = self._made.get(name)
        return self._region if made is None else made.location

    async def created(self) -> "dict[str, datetime]":
        """Return when each bucket was made, or was seen first."""
        known = await self.store.read(documents.created)
        now = self._clock.now()
        return {name: from_millis(known[name]) if known.get(name) else now for name in self._buckets}

    async def put_notifications(self, name: str, further: "Sequence[Notification]") -> None:
        """Replace the notifications that were put for a bucket, beside its configured ones."""
        content = orjson.dumps(
            [{key: getattr(each, key) for key in each.__match_args__} for each in further]
        ).decode()
        await self.store.write(
            partial(documents.put, bucket=name, name=documents.NOTIFICATIONS, content=content)
        )
        with suppress(KeyError):  # deleted meanwhile
            self._buckets[name].notify(further)


def _make_anew(folder: Path) -> None:
    """Make a folder; what is left there of a bucket that nobody knows any more goes."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _notifications(content: str) -> "list[Notification]":
    from triggers.s3.notification import Notification

    kept: list[dict[str, Any]] = orjson.loads(content)
    return [Notification(**(each | {"events": tuple(each["events"])})) for each in kept]
