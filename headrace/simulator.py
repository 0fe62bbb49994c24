"""The composition root: a configuration becomes running sources, functions and an endpoint.

The nesting of what is entered here is the shutdown order, read from the inside out: sources stop, running
invocations end, environments go, the store closes, the state folder is free again.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from engine.clock import iso_seconds, running_clock
from engine.feed import Fact, Feed, SimulatorReady
from engine.functions.deployed_presence import has_deployments
from engine.functions.invocation import Invocation, InvocationResult, Throttled
from engine.functions.pace import Pace, RealPace
from engine.functions.pool import Functions
from engine.invocation.destination import Destination
from engine.invocation.event import AsyncEvent, new_request_id
from engine.invocation.event_queue import EventQueue
from engine.invocation.event_table import waiting_by_function
from engine.invocation.retry import RetryLimits
from engine.invocation.settlement import EventInvokeConfig
from engine.safety_net import SafetyNet
from engine.store.database import Store
from engine.store.history import History
from engine.store.state_folder import StateFolder
from engine.watching import FolderWatcher
from headrace import __version__
from headrace.aws.listener import first_need, listen
from headrace.channels import open_channels
from headrace.config import Configuration
from headrace.control import announce, withdraw
from headrace.destinations import Destinations
from headrace.event_services import EventServices
from headrace.own_files import OwnFiles
from headrace.sources import Sources, bucket_folders
from headrace.topics import TopicsOfSimulator

if TYPE_CHECKING:
    from engine.faults import Faults
    from engine.mapping.event_source_mappings import EventSourceMappings
    from headrace.deployments import Deployments

SOON_SECONDS = 0.2  # after ready: what there is to do at once has begun by then


class Simulator:
    """Everything that a configuration describes. Enter it with `async with`, then `run` it.

    `ready` is set once every source listens; `is_stopping` once no function is to be invoked but by one that
    is still running. Without `sources` nothing emits events: what is left is
    functions, the endpoint and the queue, as one command needs them. `endpoint` replaces the configured one.
    `simulated` on a virtual loop, handlers take simulated time, and all that is random comes from `chance`.
    Declared `faults` strike while it runs.
    """

    def __init__(
        self,
        configuration: Configuration,
        feed: Feed,
        *,
        sources: bool = True,
        endpoint: tuple[str, int] | None = None,
        chance: random.Random | None = None,
        simulated: bool = False,
        faults: "Faults | None" = None,
    ) -> None:
        self.configuration = configuration
        self.feed = feed
        self._has_sources = sources
        self._address = endpoint or configuration.file.simulator.host_and_port
        self._is_simulated = simulated
        self.faults = faults
        self._chance = chance or random.Random()  # noqa: S311 - draws moments, not secrets
        self.ready = asyncio.Event()
        self.is_stopping = False
        self.mappings: EventSourceMappings | None = None
        self._mappings_wanted = asyncio.Event()
        self._deployments: Deployments | None = None
        self._opening = asyncio.Lock()
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Lock the state folder, open the store, listen. Raises StoreError or ConfigurationError."""
        async with AsyncExitStack() as stack:
            await self._enter(stack)
            self._exit = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything, the innermost first."""
        await self._exit.aclose()

    async def _enter(self, stack: AsyncExitStack) -> None:
        self.clock = running_clock()
        self._started = self.clock.now()
        self._mappings_opened: asyncio.Future[EventSourceMappings] = (
            asyncio.get_running_loop().create_future()
        )
        await self._open_store(stack)
        await self._open_functions(stack)
        await self._open_resources(stack)
        for name in self.configuration.functions:
            self.events.add(name, self._event_invoke_config(name))
        if await self.store.read(has_deployments):
            await self.deployments()
        await self.event_services.open()
        await self.events.release_leases()
        self.listener = listen(*self._address)
        stack.callback(self.listener.close)
        if self._has_sources:
            announce(self.configuration.state, self.listener.url)
            stack.callback(withdraw, self.configuration.state)

    async def _open_store(self, stack: AsyncExitStack) -> None:
        clock = self.clock
        folder = stack.enter_context(StateFolder(self.configuration.state))
        self.store = await stack.enter_async_context(Store(folder.database, clock, self.faults))
        self.safety_net = SafetyNet(clock, self._look_again)
        self.store.on_commit = self.safety_net.spread
        limit = self.configuration.file.simulator.history_limit
        self.history = History(self.store, self.feed, clock, limit)
        await stack.enter_async_context(self.history)

    async def _open_functions(self, stack: AsyncExitStack) -> None:
        configuration, clock = self.configuration, self.clock
        buckets = bucket_folders(configuration)
        self._watcher = await stack.enter_async_context(self._folder_watcher())
        self.pace = self._pace()
        self.functions = await stack.enter_async_context(
            Functions(
                configuration.functions.values(),
                clock=clock,
                feed=self.feed,
                account=configuration.account,
                state=configuration.state,
                endpoint=lambda: self.listener.url,
                max_environments=configuration.file.simulator.max_environments,
                watcher=self._watcher if self._has_sources and not self._is_simulated else None,
                not_code=[configuration.state, *buckets],
                reported=buckets,
                pace=self.pace,
                keys=configuration.file.simulator.keys,
                temporary=configuration.state / "environments" if self._is_simulated else None,
                chance=self._chance,
                faults=self.faults,
            )
        )
        stack.push_async_callback(self._close_deployments)
        self.events = EventQueue(self.store, clock, self.feed, self.functions, self.faults)

    async def _open_resources(self, stack: AsyncExitStack) -> None:
        configuration, clock = self.configuration, self.clock
        self.channels = await open_channels(configuration, self.store, clock, self.feed, self.faults)
        self.topics = TopicsOfSimulator(
            configuration, self.channels.queues, self.store, clock, self.feed, self.events, self.events.knows
        )
        await self.topics.open_if_any()
        self.sources = Sources(
            configuration,
            store=self.store,
            acceptor=self.events,
            functions=self.functions,
            watcher=self._watcher,
            clock=clock,
            feed=self.feed,
            destination_of=lambda arn: self.destinations.of_notifications(arn),
            on_change=self.safety_net.spread,
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
            self._chance,
            self.topics,
            self._bus,
        )
        self.event_services = EventServices(
            configuration,
            store=self.store,
            events=self.events,
            channels=self.channels,
            clock=clock,
            feed=self.feed,
            chance=self._chance,
            topic_of=self.destinations.topic_at,
        )

    def _bus(self, name: str, *, takes_records: bool) -> Destination:
        return self.event_services.bus(name, takes_records=takes_records)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then wind down: no new events, running invocations end within the grace.

        Events that have not run by then stay in the store for the next start.
        """
        tasks: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:
            events = group.create_task(self.events.run(), name="event queue")
            if self._has_sources:
                tasks += [
                    group.create_task(source.run(), name=source.name) for source in self.sources.watched
                ]
                await self.sources.looked_at()
                if self.channels.queues or self.channels.streams or self.sources.tables:
                    self._mappings_wanted.set()
                tasks.append(group.create_task(self._run_mappings(), name="event source mappings"))
                if self._mappings_wanted.is_set():
                    await (await self._mappings_opened).ready.wait()
                if not self._is_simulated:
                    OwnFiles(self.configuration, self._watcher, self.clock, self.feed).watch()
            self.ready.set()
            self.feed.publish(SimulatorReady(self.clock.now(), self.listener.url))
            if self._has_sources:
                # What they need takes long to load, and nobody has to wait for it.
                tasks.append(group.create_task(self.event_services.run(), name=self.event_services.name))
            tasks.append(group.create_task(self.safety_net.run(), name="safety net"))
            self.store.may_fail = True
            serving = group.create_task(self.serve(), name="endpoint")
            if not self._is_simulated:
                tasks.append(group.create_task(self._remove_leftovers(), name="leftovers"))
            await stop.wait()
            await self._wind_down(events, tasks)
            serving.cancel()

    async def _wind_down(self, events: "asyncio.Task[None]", sources: Sequence["asyncio.Task[None]"]) -> None:
        """Take no new events; let what runs end within the grace, and abandon it then."""
        self.is_stopping = True
        self.clock.let_go()
        for task in (events, *sources):
            task.cancel()
        at_rest = asyncio.create_task(self.functions.at_rest())
        grace = self.configuration.file.simulator.shutdown_grace_in_seconds
        await asyncio.wait([events, *sources, at_rest], timeout=grace)
        at_rest.cancel()
        for task in (events, *sources):
            task.cancel()  # the second time: what still runs is abandoned, and runs after the next start

    async def opened_mappings(self) -> "EventSourceMappings | None":
        """Return the event source mappings, which begin to run when they are wanted; None without sources."""
        if not self._has_sources:
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
            faults=self.faults,
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

    async def serve(self) -> None:
        """Load what the first event will need, then answer on the endpoint until cancelled.

        What answers takes long to load: it is loaded when somebody connects, or once the functions have done
        what there was to do. In a simulation nobody is kept waiting, so that only the former counts.
        """
        await asyncio.to_thread(import_module, "engine.functions.environment")
        await first_need(self.listener, None if self._is_simulated else self._first_rest())
        services = await asyncio.to_thread(import_module, "headrace.aws.services")
        async with services.served(self):
            await asyncio.Event().wait()

    async def _first_rest(self) -> None:
        await self.clock.world.sleep(SOON_SECONDS)
        await self.functions.at_rest()

    def _folder_watcher(self) -> FolderWatcher:
        if not self._is_simulated:
            return FolderWatcher(self.clock, self.feed)
        from engine.simulated_watching import SimulatedFolderWatcher

        return SimulatedFolderWatcher(self.clock, self.feed)

    @property
    def has_real_time(self) -> bool:
        """Whether time is that of the wall clock, as programs outside know it."""
        return not self._is_simulated and not self.clock.is_steered

    def _pace(self) -> Pace:
        if self.clock.is_steered:
            from engine.functions.steered_pace import SteeredPace

            return SteeredPace(self.clock)
        if not self._is_simulated:
            return RealPace(self.clock)
        from engine.functions.simulated_pace import SimulatedPace

        return SimulatedPace(self.clock, self._chance, self._watcher.look)

    async def invoke(self, function: str, payload: bytes) -> InvocationResult | Throttled:
        """Invoke a function synchronously. Raises ResourceNotFound when no function goes by this name."""
        return await self.functions.invoke(function, Invocation(new_request_id(), payload))

    async def queue_and_try(self, event: AsyncEvent) -> list[Fact]:
        """Queue an event, run what is due, return what happened to it; what is left waits in the store."""
        happened: list[Fact] = []

        def take(fact: Fact) -> None:
            if getattr(fact, "request_id", None) == event.request_id:
                happened.append(fact)

        untap = self.feed.tap(take)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.events.run(), name="event queue")
            await self.events.accept(event)
            await self.clock.idle()
            running.cancel()
        untap()
        return happened

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

    async def status(self) -> dict[str, Any]:
        """What `headrace status` shows, as JSON values."""
        waiting = await self.store.read(waiting_by_function)
        return {
            "version": __version__,
            "pid": os.getpid(),
            "state": str(self.configuration.state.resolve()),
            "started": iso_seconds(self._started),
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


@asynccontextmanager
async def one_shot(configuration: Configuration) -> AsyncIterator[Simulator]:
    """Yield a simulator for one command: no sources, and an endpoint on any free port."""
    async with (
        Simulator(configuration, Feed(), sources=False, endpoint=("127.0.0.1", 0)) as simulator,
        asyncio.TaskGroup() as group,
    ):
        serving = group.create_task(simulator.serve(), name="endpoint")
        yield simulator
        serving.cancel()
