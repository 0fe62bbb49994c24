"""The topics of a simulator, or of a state folder: opened when there are some, or when one is asked for."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from engine.clock import Clock, running_clock
from engine.feed import Feed
from engine.functions.deployed_presence import deployed_names
from engine.invocation import event_table
from engine.invocation.event import AsyncEvent, EventAcceptor
from engine.store.database import Store
from engine.store.state_folder import StateFolder
from headrace.channels import Channels, open_channels
from headrace.config import Configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triggers.sns.topics import Topics
    from triggers.sqs.queue import Queue


class TopicsOfSimulator:
    """Gives out the topics; `current` is None for as long as there never was one."""

    def __init__(
        self,
        configuration: Configuration,
        queues: "Mapping[str, Queue]",
        store: Store,
        clock: Clock,
        feed: Feed,
        acceptor: EventAcceptor,
        knows: Callable[[str], bool],
    ) -> None:
        """`knows` says whether there is a function of this name; its events go to `acceptor`."""
        self._configuration = configuration
        self._queues = queues
        self._store = store
        self._clock = clock
        self._feed = feed
        self._acceptor = acceptor
        self._knows = knows
        self._opening = asyncio.Lock()
        self.current: Topics | None = None

    def has(self, name: str) -> bool:
        """Say whether there is a topic of this name."""
        return self.current is not None and self.current.find(name) is not None

    def counts(self) -> dict[str, int]:
        """Return how many subscriptions each topic has."""
        topics = self.current
        return {} if topics is None else {each.name: len(topics.subscriptions(each)) for each in topics.all}

    async def open_if_any(self) -> None:
        """Open the topics if the configuration or the store has one. Raises StoreError."""
        has_topics = bool(self._configuration.file.topics)
        if has_topics or await self._store.read(_has_topics):
            await self.open()

    async def open(self) -> "Topics":
        """Return the topics, opening them the first time. Raises StoreError."""
        async with self._opening:
            if self.current is None:
                from headrace.topic_wiring import configured_topics, open_topics

                self.current = await open_topics(
                    *configured_topics(self._configuration),
                    account=self._configuration.account,
                    queues=self._queues,
                    store=self._store,
                    clock=self._clock,
                    feed=self._feed,
                    acceptor=self._acceptor,
                    knows=self._knows,
                )
        return self.current


class WaitingEvents:
    """Stores events of functions for the next start of a simulator."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        """Store events within a transaction of the caller's."""
        event_table.insert(connection, events, self._clock.now())

    def wake(self) -> None:
        """Leave it to the simulator."""


@asynccontextmanager
async def resources_alone(configuration: Configuration) -> AsyncIterator[tuple[Channels, TopicsOfSimulator]]:
    """Yield what a state folder has that no simulator uses. Raises StoreInUse when one does.

    What is published to functions waits for the next start.
    """
    clock, feed = running_clock(), Feed()
    with StateFolder(configuration.state) as folder:
        async with Store(folder.database, clock) as store:
            channels = await open_channels(configuration, store, clock, feed)
            functions = {*configuration.file.functions, *await store.read(deployed_names)}
            events = WaitingEvents(clock)
            yield (
                channels,
                TopicsOfSimulator(
                    configuration, channels.queues, store, clock, feed, events, functions.__contains__
                ),
            )


def _has_topics(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sns_topics WHERE made_by = 'api' LIMIT 1").fetchone()
    return found is not None
