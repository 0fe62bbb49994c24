"""The queues and streams of a configuration, in a store: for the simulator, and for commands without one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from engine.clock import Clock, running_clock
from engine.feed import Feed
from engine.store.database import Store
from engine.store.state_folder import StateFolder
from engine.value import dataclass
from headrace.config import Configuration

if TYPE_CHECKING:
    from triggers.kinesis.stream import Stream
    from triggers.sqs.queue import Queue


@dataclass(frozen=True, slots=True)
class Channels:
    """Queues and streams by name."""

    queues: "Mapping[str, Queue]"
    streams: "Mapping[str, Stream]"


async def open_channels(configuration: Configuration, store: Store, clock: Clock, feed: Feed) -> Channels:
    """Return what is configured. Streams are made where they are missing.

    Each kind is imported only when there is one of it. Raises StoreError.
    """
    file = configuration.file
    queues = _queues(configuration, store, clock, feed) if file.queues else {}
    streams = _streams(configuration, store, clock, feed) if file.streams else {}
    await asyncio.gather(*(stream.open() for stream in streams.values()))
    return Channels(queues, streams)


def _queues(configuration: Configuration, store: Store, clock: Clock, feed: Feed) -> "dict[str, Queue]":
    from triggers.sqs.queue import configured_queues

    return configured_queues(configuration.file.queues, configuration.account, store, clock, feed)


def _streams(configuration: Configuration, store: Store, clock: Clock, feed: Feed) -> "dict[str, Stream]":
    from triggers.kinesis.stream import Stream

    return {
        name: Stream(name, settings.properties(), configuration.account, store, clock, feed)
        for name, settings in configuration.file.streams.items()
    }


@asynccontextmanager
async def channels_alone(configuration: Configuration) -> AsyncIterator[Channels]:
    """Yield the channels of a state folder that no simulator uses. Raises StoreInUse when one does."""
    clock = running_clock()
    with StateFolder(configuration.state) as folder:
        async with Store(folder.database, clock) as store:
            yield await open_channels(configuration, store, clock, Feed())
