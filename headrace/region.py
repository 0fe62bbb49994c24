"""One account in one region: its functions, what calls them, and what keeps both.

The nesting of what is entered here is the shutdown order, read from the inside out: sources stop, running
invocations end, environments go, the store closes, the state folder is free again.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.clock import Clock, iso_seconds
from engine.feed import Feed
from engine.functions.deployed_presence import has_deployments
from engine.functions.pace import Pace
from engine.functions.pool import Functions
from engine.invocation.destination import Destination
from engine.invocation.event_queue import EventQueue
from engine.invocation.event_table import waiting_by_function
from engine.invocation.retry import RetryLimits
from engine.invocation.settlement import EventInvokeConfig
from engine.safety_net import SafetyNet
from engine.store.database import Store
from engine.store.state_folder import StateFolder
from engine.value import dataclass
from engine.watching import FolderWatcher
from headrace.channels import open_channels
from headrace.config import Configuration
from headrace.destinations import Destinations
from headrace.event_services import EventServices
from headrace.sources import Sources, bucket_folders
from headrace.topics import TopicsOfSimulator

if TYPE_CHECKING:
    from engine.faults import Faults
    from engine.mapping.event_source_mappings import EventSourceMappings
    from headrace.deployments import Deployments


@dataclass(frozen=True, slots=True)
class World:
    """What all regions of a simulator share.

    Without `has_sources` nothing emits events: what is left is functions and the queue of their events, as
    one command needs them. `url` is that of the endpoint, once it listens.
    """

    clock: Clock
    feed: Feed
    pace: Pace
    watcher: FolderWatcher
    url: Callable[[], str]
    chance: random.Random
    faults: "Faults | None"
    has_sources: bool
    is_simulated: bool


class Region:
    """What a configuration describes, and what requests have made beside it.

    Open the store, then the rest; `begin`, then `go_on`; at last `wind_down`. `prefix` tells its resources
    from those of other regions. `is_stopping` once no function is to be invoked but by one that still runs.
    """

    def __init__(self, configuration: Configuration, prefix: str = "") -> None:
        self.configuration = configuration
        self.prefix = prefix
        self.is_stopping = False
        self.mappings: EventSourceMappings | None = None
        self._mappings_wanted = asyncio.Event()
        self._deployments: Deployments | None = None
        self._opening = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def open_store(self, stack: AsyncExitStack, world: World) -> None:
        """Lock the state folder and open the store, until `stack` ends. Raises StoreError."""
        self.world = world
        self.clock, self.feed = world.clock, world.feed
        self._started = self.clock.now()
        self._mappings_opened: asyncio.Future[EventSourceMappings] = (
            asyncio.get_running_loop().create_future()
        )
        folder = stack.enter_context(StateFolder(self.configuration.state))
        self.store = await stack.enter_async_context(Store(folder.database, self.clock, world.faults))
        self.safety_net = SafetyNet(self.clock, self._look_again)
        self.store.on_commit = self.safety_net.spread

    async def open(self, stack: AsyncExitStack) -> None:
        """Open all else, until `stack` ends. Raises StoreError or ConfigurationError."""
        await self._open_functions(stack)
        await self._open_resources(stack)
        for name in self.configuration.functions:
            self.events.add(name, self._event_invoke_config(name))
        if await self.store.read(has_deployments):
            await self.deployments()
        await self.event_services.open()
        await self.events.release_leases()

    async def _open_functions(self, stack: AsyncExitStack) -> None:
        configuration, world = self.configuration, self.world
        buckets = bucket_folders(configuration)
        self.functions = await stack.enter_async_context(
            Functions(
                configuration.functions.values(),
                clock=world.clock,
                feed=world.feed,
                account=configuration.account,
                state=configuration.state,
                endpoint=world.url,
                max_environments=configuration.file.simulator.max_environments,
                watcher=world.watcher if world.has_sources and not world.is_simulated else None,
                not_code=[configuration.state, *buckets],
                reported=buckets,
                pace=world.pace,
                keys=configuration.file.simulator.keys,
                temporary=configuration.state / "environments" if world.is_simulated else None,
                chance=world.chance,
                faults=world.faults,
            )
        )
        stack.push_async_callback(self._close_deployments)
        self.events = EventQueue(self.store, world.clock, world.feed, self.functions, world.faults)

    async def _open_resources(self, stack: AsyncExitStack) -> None:
        configuration, world = self.configuration, self.world
        clock, feed = world.clock, world.feed
        self.channels = await open_channels(configuration, self.store, clock, feed, world.faults)
        self.topics = TopicsOfSimulator(
            configuration, self.channels.queues, self.store, clock, feed, self.events, self.events.knows
        )
        await self.topics.open_if_any()
        self.sources = Sources(
            configuration,
            store=self.store,
            acceptor=self.events,
            functions=self.functions,
            watcher=world.watcher,
            clock=clock,
            feed=feed,
            destination_of=lambda arn: self.destinations.of_notifications(arn),
            on_change=self.safety_net.spread,
            are_followed=world.has_sources,
        )
        await self.sources.buckets.open()
        stack.push_async_callback(self.sources.close)
        await self.sources.open_tables()
        self.destinations = Destinations(
            configuration,
            self.channels,
            self.sources.buckets,
            self.events,
            clock,
            world.chance,
            self.topics,
            self._bus,
        )
        self.event_services = EventServices(
            configuration,
            store=self.store,
            events=self.events,
            channels=self.channels,
            clock=clock,
            feed=feed,
            chance=world.chance,
            topic_of=self.destinations.topic_at,
        )

    def _bus(self, name: str, *, takes_records: bool) -> Destination:
        return self.event_services.bus(name, takes_records=takes_records)

    async def begin(self, group: asyncio.TaskGroup) -> None:
        """Begin to work within `group`, and return once every source listens."""
        self._begin(group, self.events.run(), "event queue")
        if not self.world.has_sources:
            return
        for source in self.sources.watched:
            self._begin(group, source.run(), source.name)
        await self.sources.looked_at()
        if self.channels.queues or self.channels.streams or self.sources.tables:
            self._mappings_wanted.set()
        self._begin(group, self._run_mappings(), "event source mappings")
        if self._mappings_wanted.is_set():
            await (await self._mappings_opened).ready.wait()

    def go_on(self, group: asyncio.TaskGroup) -> None:
        """Begin what takes long to load, and what nobody has to wait for."""
        if self.world.has_sources:
            self._begin(group, self.event_services.run(), self.event_services.name)
        self._begin(group, self.safety_net.run(), "safety net")
        self.store.may_fail = True
        if not self.world.is_simulated:
            self._begin(group, self._remove_leftovers(), "leftovers")

    def _begin(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(group.create_task(work, name=name))

    async def wind_down(self) -> None:
        """Take no new events; let what runs end within the grace, and abandon it then.

        Events that have not run by then stay in the store for the next start.
        """
        self.is_stopping = True
        for task in self._tasks:
            task.cancel()
        at_rest = asyncio.create_task(self.functions.at_rest())
        grace = self.configuration.file.simulator.shutdown_grace_in_seconds
        await asyncio.wait([*self._tasks, at_rest], timeout=grace)
        at_rest.cancel()
        for task in self._tasks:
            task.cancel()  # the second time: what still runs is abandoned, and runs after the next start

    async def opened_mappings(self) -> "EventSourceMappings | None":
        """Return the event source mappings, which begin to run when they are wanted; None without sources."""
        if not self.world.has_sources:
            return None
        self._mappings_wanted.set()
        return await asyncio.shield(self._mappings_opened)

    async def _run_mappings(self) -> None:
        await self._mappings_wanted.wait()
        mappings = await self._open_mappings()
        self._mappings_opened.set_result(mappings)
        await mappings.run()

    async def _open_mappings(self) -> "EventSourceMappings":
        """Return the mappings, once what a killed simulator had in hand can be received again."""
        from headrace.mappings import open_mappings

        await asyncio.gather(*(queue.release_leases() for queue in self.channels.queues.values()))
        self.mappings = await open_mappings(
            self.configuration,
            self.channels,
            self.sources,
            self.destinations,
            functions=self.functions,
            store=self.store,
            clock=self.clock,
            feed=self.feed,
            faults=self.world.faults,
        )
        return self.mappings

    async def _look_again(self) -> None:
        """Let everybody find work that nobody has woken him for. Raises StoreError."""
        await self.events.look_again()
        for queue in tuple(self.channels.queues.values()):
            await queue.look_again()
        if self.mappings is not None:
            self.mappings.look_again()

    async def _remove_leftovers(self) -> None:
        """Remove what earlier simulators have left in the state folder, in a thread."""
        leftovers = await asyncio.to_thread(import_module, "engine.functions.leftovers")
        definitions = [version.definition for version in self.functions.versions]
        packages = [
            package for definition in definitions for package in (definition.package, *definition.layers)
        ]
        await asyncio.to_thread(
            leftovers.remove_leftovers, self.configuration.state, packages, self.clock.real_now()
        )

    async def deployments(self) -> "Deployments":
        """Return the functions and layers of the API. Raises StoreError."""
        async with self._opening:
            if self._deployments is None:
                from headrace.deployments import Deployments

                deployments = Deployments(
                    self.configuration,
                    store=self.store,
                    clock=self.clock,
                    feed=self.feed,
                    pool=self.functions,
                    events=self.events,
                    destination_of=self.destinations.of_events,
                    configured=self._event_invoke_config,
                    started=self._started,
                )
                await deployments.open()
                self._deployments = deployments
            return self._deployments

    async def _close_deployments(self) -> None:
        if self._deployments is not None:
            await self._deployments.close()

    def _event_invoke_config(self, name: str) -> EventInvokeConfig:
        settings = self.configuration.file.functions[name]
        most = self.configuration.file.simulator.max_environments
        reserved = settings.reserved_concurrency
        return EventInvokeConfig(
            arn=self.configuration.account.function(name),
            concurrency=most if reserved is None else min(reserved, most),
            limits=RetryLimits(
                settings.maximum_retry_attempts, timedelta(seconds=settings.maximum_event_age_in_seconds)
            ),
            on_success=self.destinations.of_events(settings.on_success),
            on_failure=self.destinations.of_events(settings.on_failure),
            dead_letter=self.destinations.of_events(settings.dead_letter),
            recursive_loop=settings.recursive_loop,
        )

    async def resources(self) -> dict[str, Any]:
        """What there is, with its figures, as JSON values."""
        waiting = await self.store.read(waiting_by_function)
        return {
            "functions": {
                name: {**self.functions.figures(name), "queued": waiting.get(name, 0)}
                for name in self.functions.versions.names()
            },
            "queues": {name: await queue.count() for name, queue in self.channels.queues.items()},
            "topics": self.topics.counts(),
            "event_buses": self.event_services.rule_counts(),
            "streams": {
                name: sum(shard.is_open for shard in stream.all_shards)
                for name, stream in self.channels.streams.items()
            },
            "tables": self.sources.table_streams(),
            "event_source_mappings": [] if self.mappings is None else self.mappings.list(),
            "buckets": {name: str(bucket.folder) for name, bucket in self.sources.buckets.items()},
            "schedules": {
                name: None if moment is None else iso_seconds(moment)
                for name, moment in self.event_services.next_runs().items()
            },
        }
