"""How full queues, streams and Lambda's own queue are at a moment of a simulation."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from engine.clock import Clock
from engine.errors import HeadraceError
from engine.invocation.event_table import waiting_by_function
from engine.mapping import checkpoints
from engine.mapping.source import StreamSource
from engine.store.database import Store
from headrace.simulation.report import EVENTS, ITERATOR_AGE, MESSAGES
from headrace.simulation.timeline import Timeline
from headrace.simulator import Simulator


class Levels:
    """Looks at one simulator, for a timeline."""

    def __init__(self, simulator: Simulator, timeline: Timeline) -> None:
        self._simulator = simulator
        self._timeline = timeline
        self._waited_for: set[str] = set()  # functions for which events have waited

    async def take(self) -> None:
        """Put the present levels on the timeline; what cannot be read just now is left out."""
        simulator, now = self._simulator, self._simulator.clock.now()
        try:
            for name, queue in sorted(simulator.channels.queues.items()):
                self._timeline.level((f"queues.{name}", MESSAGES), await queue.count(), now)
            waiting = await simulator.store.read(waiting_by_function)
            self._waited_for |= waiting.keys()
            for function in sorted(self._waited_for):
                line = f"functions.{function}", EVENTS
                self._timeline.level(line, waiting.get(function, 0), now)
            for uuid, stream, function in self._stream_mappings():
                age = await iterator_age(uuid, stream, simulator.store, simulator.clock)
                line = f"{stream.name} to {function}", ITERATOR_AGE
                self._timeline.level(line, age.total_seconds(), now)
        except HeadraceError:  # a store that is full or locked, perhaps on purpose
            return

    def _stream_mappings(self) -> Iterator[tuple[str, StreamSource, str]]:
        """Yield the UUID, the stream and the function's name of each mapping that reads a stream."""
        simulator = self._simulator
        if simulator.mappings is None:
            return
        sources: list[StreamSource] = [
            *simulator.channels.streams.values(),
            *simulator.sources.tables.values(),
        ]
        streams = {source.arn: source for source in sources}
        for mapping in simulator.mappings.list():
            stream = streams.get(mapping["EventSourceArn"])
            if stream is not None:
                yield mapping["UUID"], stream, mapping["FunctionArn"].partition(":function:")[2]


async def iterator_age(mapping: str, stream: StreamSource, store: Store, clock: Clock) -> timedelta:
    """Return how old the oldest record is that the mapping has not processed; nothing when there is none."""
    found = await store.read(partial(checkpoints.load, mapping=mapping))
    oldest = now = clock.now()
    for shard_id, checkpoint in (found or {}).items():
        if not checkpoint.ended:
            page = await stream.read(shard_id, min(checkpoint.marks), 1)
            oldest = min([oldest, *(record.arrived_at for record in page.records)])
    return now - oldest
