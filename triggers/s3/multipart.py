"""Multipart uploads: parts are files in the state folder until they become one object.

They are no part of the bucket's folder, and are there after a restart. Source: S3 user guide, "Uploading and
copying objects using multipart upload".
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from engine.clock import Clock, to_millis
from engine.random_uuid import random_uuid
from engine.store.database import Store
from triggers.s3 import multipart_table
from triggers.s3.multipart_table import MultipartUpload, Part
from triggers.s3.objects import ObjectAttributes
from triggers.s3.spare_files import new_file
from triggers.s3.upload import Upload

BLOCK_BYTES = 1024 * 1024


class UploadGone(Exception):
    """The upload was completed or aborted meanwhile."""


class MultipartUploads:
    """The multipart uploads of all buckets, whose parts are kept in `folder`."""

    def __init__(self, folder: Path, store: Store, clock: Clock) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock

    async def begin(
        self,
        bucket: str,
        key: str,
        attributes: ObjectAttributes,
        checksum_algorithm: str | None,
        checksum_type: str | None,
    ) -> MultipartUpload:
        """Return a new upload."""
        upload = MultipartUpload(
            (random_uuid() + random_uuid()).replace("-", ""),
            bucket,
            key,
            to_millis(self._clock.now()),
            checksum_algorithm,
            checksum_type,
            attributes,
        )
        await self._store.write(partial(multipart_table.begin, upload=upload))
        return upload

    async def find(self, bucket: str, key: str, upload_id: str) -> MultipartUpload | None:
        """Return the upload of this key that goes by this id, None when there is none."""
        return await self._store.read(
            partial(multipart_table.find, bucket=bucket, key=key, upload_id=upload_id)
        )

    def begin_part(self, upload: MultipartUpload) -> Upload:
        """Return a place for the bytes of a part."""
        return Upload(partial(new_file, self._folder / upload.id))

    async def keep_part(
        self, upload: MultipartUpload, number: int, content: Upload, checksum: str | None
    ) -> Part:
        """Make the content a part, in the place of a former one. Raises UploadGone, StoreError."""
        name = f"{number}-{random_uuid()}"
        path = self._folder / upload.id / name
        await asyncio.to_thread(content.keep_as, path)
        part = Part(number, name, content.etag, content.size, to_millis(self._clock.now()), checksum)
        unneeded: str | None = name
        try:
            unneeded = await self._store.write(
                partial(multipart_table.put_part, upload_id=upload.id, part=part)
            )
        finally:
            if unneeded is not None:
                await asyncio.to_thread((self._folder / upload.id / unneeded).unlink, missing_ok=True)
        if unneeded == name:
            raise UploadGone(upload.id)
        return part

    async def parts(self, upload: MultipartUpload, after: int = 0, limit: int = 10_000) -> list[Part]:
        """Return up to `limit` parts whose numbers are above `after`, in their order."""
        return await self._store.read(
            partial(multipart_table.parts, upload_id=upload.id, after=after, limit=limit)
        )

    def join(
        self,
        upload: MultipartUpload,
        parts: Sequence[Part],
        whole: Upload,
        tell: Callable[[bytes], None],
    ) -> None:
        """Write the bytes of all parts to `whole`, and `tell` somebody of them. Blocks.

        Raises UploadGone when a part's file is not there.
        """
        for part in parts:
            try:
                with (self._folder / upload.id / part.file).open("rb") as file:
                    while block := file.read(BLOCK_BYTES):
                        whole.write(block)
                        tell(block)
            except FileNotFoundError:
                raise UploadGone(upload.id) from None

    async def abort(self, upload: MultipartUpload) -> None:
        """Forget an upload and its parts."""
        await self._store.write(partial(multipart_table.end, upload_id=upload.id))
        await self.remove_files(upload)

    async def remove_files(self, upload: MultipartUpload) -> None:
        """Remove the files of an upload that has ended."""
        await asyncio.to_thread(shutil.rmtree, self._folder / upload.id, ignore_errors=True)

    async def remove_strays(self) -> None:
        """Remove the files of uploads that ended without anybody to remove them."""
        if not self._folder.is_dir():
            return
        there = await asyncio.to_thread(lambda: {path.name for path in self._folder.iterdir()})
        for name in there - await self._store.read(multipart_table.ids):
            await asyncio.to_thread(shutil.rmtree, self._folder / name, ignore_errors=True)
        with suppress(OSError):
            self._folder.rmdir()

    async def list(
        self, bucket: str, prefix: str, after: tuple[str, str], take: Callable[[MultipartUpload], bool]
    ) -> None:
        """Hand a bucket's uploads after a key and id, in their order, to `take` until that returns False."""

        def operation(connection: sqlite3.Connection) -> None:
            for upload in multipart_table.uploads(connection, bucket, prefix, after):
                if not take(upload):
                    return

        await self._store.read(operation)
