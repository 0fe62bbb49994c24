"""The queues and streams that there are: those of the configuration, and those made over the API.

For the simulator, and for commands without one. Each kind is imported only when there is one of it.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from engine.clock import Clock, running_clock
from engine.feed import Feed
from engine.store.database import Store
from engine.store.state_folder import StateFolder
from headrace.config import Configuration

if TYPE_CHECKING:
    from engine.faults import Faults
    from triggers.kinesis.stream import Stream
    from triggers.kinesis.stream_registry import StreamRegistry
    from triggers.sqs.queue import Queue
    from triggers.sqs.queue_registry import QueueRegistry

Listener = Callable[[str], None]


class Channels:
    """Queues and streams by name, which come and go. `open()` comes first."""

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        clock: Clock,
        feed: Feed,
        faults: "Faults | None" = None,
    ) -> None:
        self.queues: dict[str, Queue] = {}
        self.streams: dict[str, Stream] = {}
        self._configuration = configuration
        self._store, self._clock, self._feed, self._faults = store, clock, feed, faults
        self._queue_registry: QueueRegistry | None = None
        self._stream_registry: StreamRegistry | None = None
        self._listeners: list[Listener] = []

    async def open(self) -> None:
        """Make what is configured, and what is in the store. Raises StoreError."""
        file = self._configuration.file
        has_queues, has_streams = await self._store.read(_made_over_the_api)
        if file.queues or has_queues:
            await self.queue_registry().open()
        if file.streams or has_streams:
            await self.stream_registry().open()

    def queue_registry(self) -> "QueueRegistry":
        """Return what makes and deletes queues."""
        if self._queue_registry is None:
            from triggers.sqs.queue_registry import QueueRegistry

            configuration = self._configuration
            self._queue_registry = QueueRegistry(
                self.queues,
                configuration.file.queues,
                configuration.account,
                self._store,
                self._clock,
                self._feed,
                self._faults,
            )
            self._queue_registry.listen(self._tell)
        return self._queue_registry

    def stream_registry(self) -> "StreamRegistry":
        """Return what makes and deletes streams."""
        if self._stream_registry is None:
            from triggers.kinesis.stream_registry import StreamRegistry

            configuration = self._configuration
            self._stream_registry = StreamRegistry(
                self.streams,
                configuration.file.streams,
                configuration.account,
                self._store,
                self._clock,
                self._feed,
            )
            self._stream_registry.listen(self._tell)
        return self._stream_registry

    def queue_at(self, arn: str) -> "Queue | None":
        """Return the queue of an ARN; None when there is none."""
        queue = self.queues.get(arn.rpartition(":")[2])
        return queue if queue is not None and queue.arn == arn else None

    def stream_at(self, arn: str) -> "Stream | None":
        """Return the stream of an ARN; None when there is none."""
        stream = self.streams.get(arn.rpartition("/")[2])
        return stream if stream is not None and stream.arn == arn else None

    def listen(self, callback: Listener) -> None:
        """Call `callback` with the ARN of each queue and stream that is made or deleted from now on."""
        self._listeners.append(callback)

    def _tell(self, arn: str) -> None:
        for callback in self._listeners:
            callback(arn)


async def open_channels(
    configuration: Configuration, store: Store, clock: Clock, feed: Feed, faults: "Faults | None" = None
) -> Channels:
    """Return the queues and streams that there are, once what is configured is made. Raises StoreError."""
    channels = Channels(configuration, store, clock, feed, faults)
    await channels.open()
    return channels


@asynccontextmanager
async def channels_alone(configuration: Configuration) -> AsyncIterator[Channels]:
    """Yield the channels of a state folder that no simulator uses. Raises StoreInUse when one does."""
    clock = running_clock()
    with StateFolder(configuration.state) as folder:
        async with Store(folder.database, clock) as store:
            yield await open_channels(configuration, store, clock, Feed())


def _made_over_the_api(connection: sqlite3.Connection) -> tuple[bool, bool]:
    """Say whether the store has queues, and streams, that no configuration has to name."""
    queues, streams = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM sqs_queues WHERE made_by_api),"
        " EXISTS (SELECT 1 FROM kinesis_streams WHERE made_by_api)"
    ).fetchone()
    return bool(queues), bool(streams)
