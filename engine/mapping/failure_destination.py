"""Where a stream mapping sends records that it gave up."""

import sqlite3
from typing import Protocol
from uuid import UUID

from engine.invocation.destination import Destination, DestinationMessage
from engine.invocation.event import new_request_id
from engine.mapping.failure_record import FailureRecord


class FailureDestination(Protocol):
    """A queue, a topic or a bucket, as a stream mapping sees it.

    The checkpoint moves past the records only after `keep`, and in the transaction of `send`.
    """

    @property
    def arn(self) -> str:
        """The ARN by which facts name it."""

    async def keep(self, record: FailureRecord) -> None:
        """Keep the record where no transaction reaches, such as in a file; may have nothing to do.

        Raises DestinationRefused when it would not take the record on AWS either, another HeadraceError when
        it cannot at present: then it is asked again.
        """

    def send(self, connection: sqlite3.Connection, record: FailureRecord) -> None:
        """Store the record in the transaction of the checkpoint; may have nothing to do.

        Raises DestinationRefused before writing anything. Called on the store's thread.
        """

    def wake(self) -> None:
        """Say that the transaction is committed."""


class MessageDestination:
    """Sends records to a destination that takes messages in a transaction, such as a queue."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    @property
    def arn(self) -> str:
        """The ARN of the destination."""
        return self._destination.arn

    async def keep(self, record: FailureRecord) -> None:
        """Leave it to `send`."""

    def send(self, connection: sqlite3.Connection, record: FailureRecord) -> None:
        """Send the record without its payload. Raises DestinationRefused."""
        function = record.origin.function
        self._destination.send(connection, DestinationMessage(function, record.document(), (function,)))

    def wake(self) -> None:
        """Pass it on."""
        self._destination.wake()


class ObjectStore(Protocol):
    """A bucket, as a destination of records."""

    @property
    def arn(self) -> str:
        """The bucket's ARN."""

    async def put_object(self, key: str, body: bytes, lineage: tuple[str, ...]) -> None:
        """Store a JSON object and return once it is there, its event included.

        Raises DestinationRefused when the bucket cannot hold the key, another HeadraceError when it cannot
        store anything at present.
        """


class ObjectDestination:
    """Puts records, with their payload, into a bucket. What is interrupted may be put once more."""

    def __init__(self, bucket: ObjectStore) -> None:
        self._bucket = bucket

    @property
    def arn(self) -> str:
        """The ARN of the bucket."""
        return self._bucket.arn

    async def keep(self, record: FailureRecord) -> None:
        """Put the record as an object of its own."""
        key = record.object_key(UUID(new_request_id()))
        await self._bucket.put_object(key, record.document_with_payload(), (record.origin.function,))

    def send(self, connection: sqlite3.Connection, record: FailureRecord) -> None:
        """It is there already."""

    def wake(self) -> None:
        """Its event is on its way already."""
