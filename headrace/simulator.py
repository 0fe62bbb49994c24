"""The composition root: a configuration becomes running sources, functions and an endpoint.

The nesting of what is entered here is the shutdown order, read from the inside out: the address is given up,
other regions close, then the one that is configured.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from engine.clock import Clock, iso_seconds, running_clock
from engine.feed import Fact, Feed, SimulatorReady
from engine.functions.invocation import Invocation, InvocationResult, Throttled
from engine.functions.pace import Pace, RealPace
from engine.invocation.event import AsyncEvent, new_request_id
from engine.store.history import History
from engine.watching import FolderWatcher
from headrace import __version__
from headrace.aws.listener import first_need, first_rest, listen
from headrace.config import Configuration
from headrace.control import announce, withdraw
from headrace.own_files import OwnFiles
from headrace.region import Region, World
from headrace.regions import Regions

if TYPE_CHECKING:
    from engine.faults import Faults


class Simulator(Region):
    """The region that a configuration describes, with the endpoint and all that other regions share with it.

    Enter it with `async with`, then `run` it. `ready` is set once every source listens. Without `sources`
    nothing emits events: what is left is functions, the endpoint and the queue, as one command needs them.
    `endpoint` replaces the configured one. `simulated` on a virtual loop, handlers take simulated time, and
    all that is random comes from `chance`. Declared `faults` strike while it runs.
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
        super().__init__(configuration)
        self.feed = feed
        self._has_sources = sources
        self._address = endpoint or configuration.file.simulator.host_and_port
        self._is_simulated = simulated
        self.faults = faults
        self._chance = chance or random.Random()  # noqa: S311 - draws moments, not secrets
        self.ready = asyncio.Event()
        self.regions = Regions(self)
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
        clock = running_clock()
        watcher = await stack.enter_async_context(self._folder_watcher(clock))
        self.pace = self._pace(clock, watcher)
        world = World(
            clock,
            self.feed,
            self.pace,
            watcher,
            lambda: self.listener.url,
            self._chance,
            self.faults,
            self._has_sources,
            self._is_simulated,
        )
        await self.open_store(stack, world)
        limit = self.configuration.file.simulator.history_limit
        self.history = await stack.enter_async_context(History(self.store, self.feed, clock, limit))
        await self.open(stack)
        await stack.enter_async_context(self.regions)
        self.listener = listen(*self._address)
        stack.callback(self.listener.close)
        if self._has_sources:
            announce(self.configuration.state, self.listener.url)
            stack.callback(withdraw, self.configuration.state)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then wind down: no new events, running invocations end within the grace.

        Events that have not run by then stay in the store for the next start.
        """
        async with asyncio.TaskGroup() as group:
            await self.begin(group)
            await self.regions.begin(group)
            self.ready.set()
            self.feed.publish(SimulatorReady(self.clock.now(), self.listener.url))
            self.go_on(group)
            self.regions.go_on(group)
            helpers = [group.create_task(self.serve(), name="endpoint")]
            if self._has_sources and not self._is_simulated:
                looking = OwnFiles(self.configuration, self.clock, self.feed).run()
                helpers.append(group.create_task(looking, name="own files"))
            await stop.wait()
            self.clock.let_go()
            await self.regions.wind_down()
            for helper in helpers:
                helper.cancel()

    async def serve(self) -> None:
        """Load what the first event will need, then answer on the endpoint until cancelled.

        What answers takes long to load: it is loaded when somebody connects, or once the functions have had
        nothing to do for a while. In a simulation nobody is kept waiting, so that only the former counts.
        """
        await asyncio.to_thread(import_module, "engine.functions.environment")
        rest = None if self._is_simulated else first_rest(self.functions.versions, self.clock.world.sleep)
        await first_need(self.listener, rest)
        services = await asyncio.to_thread(import_module, "headrace.aws.services")
        if self._has_sources:
            self.functions.prepare()
        async with services.served(self):
            await asyncio.Event().wait()

    def _folder_watcher(self, clock: Clock) -> FolderWatcher:
        if not self._is_simulated:
            return FolderWatcher(clock, self.feed)
        from engine.simulated_watching import SimulatedFolderWatcher

        return SimulatedFolderWatcher(clock, self.feed)

    @property
    def has_real_time(self) -> bool:
        """Whether time is that of the wall clock, as programs outside know it."""
        return not self._is_simulated and not self.clock.is_steered

    def _pace(self, clock: Clock, watcher: FolderWatcher) -> Pace:
        if clock.is_steered:
            from engine.functions.steered_pace import SteeredPace

            return SteeredPace(clock)
        if not self._is_simulated:
            return RealPace(clock)
        from engine.functions.simulated_pace import SimulatedPace

        return SimulatedPace(clock, self._chance, watcher.look)

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

    async def status(self) -> dict[str, Any]:
        """What `headrace status` shows, as JSON values."""
        home, *others = self.regions
        return {
            "version": __version__,
            "pid": os.getpid(),
            "state": str(self.configuration.state.resolve()),
            "started": iso_seconds(self._started),
            **await home.resources(),
            "regions": {region.prefix.removesuffix("/"): await region.resources() for region in others},
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
