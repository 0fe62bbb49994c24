"""A bucket as the destination of records that an event source mapping gave up."""

import asyncio

from engine.arn import Account
from engine.errors import HeadraceError
from engine.invocation.destination import DestinationRefused
from triggers.s3.bucket import Bucket
from triggers.s3.objects import ObjectAttributes
from triggers.s3.upload import KeyRefused

ATTRIBUTES = ObjectAttributes(content_type="application/json")


class BucketDestination:
    """Puts objects as PutObject does: they are files of the bucket's folder, and functions hear of them."""

    def __init__(self, bucket: Bucket, account: Account) -> None:
        self.arn = account.bucket(bucket.name)
        self._bucket = bucket

    async def put_object(self, key: str, body: bytes, lineage: tuple[str, ...]) -> None:
        """Store an object, once the bucket is ready, and return when it and its event are stored.

        `lineage` are the functions by whose invocations it came about. Raises DestinationRefused when the
        folder cannot hold the key, another HeadraceError when it cannot store anything at present.
        """
        await self._bucket.ready.wait()
        try:
            upload = self._bucket.begin_upload(key)
            try:
                await asyncio.to_thread(upload.write, body)
                await self._bucket.put(key, upload, attributes=ATTRIBUTES, lineage=lineage)
            finally:
                upload.discard()
        except KeyRefused as error:
            raise DestinationRefused(f"the bucket's folder cannot hold the key {key}: {error}") from error
        except OSError as error:
            raise HeadraceError(f"buckets.{self._bucket.name} could not store {key}: {error}") from error
