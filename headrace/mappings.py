"""The event source mappings of a configuration, on the queues, streams and tables that it has."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.clock import Clock
from engine.feed import Feed
from engine.functions.pool import Functions
from engine.mapping.event_source_mappings import EventSourceMappings
from engine.mapping.mapping_loop import Resources
from engine.mapping.settings import MappingSettings, mapping_parameters
from engine.mapping.source import QueueSource, StreamSource
from engine.store.database import Store
from headrace.channels import Channels
from headrace.config import Configuration
from headrace.destinations import Destinations
from headrace.references import RECORD_KINDS, SOURCE_KINDS, resolve
from headrace.sources import Sources

if TYPE_CHECKING:
    from engine.faults import Faults


async def open_mappings(
    configuration: Configuration,
    channels: Channels,
    sources: Sources,
    destinations: Destinations,
    *,
    functions: Functions,
    store: Store,
    clock: Clock,
    feed: Feed,
    faults: "Faults | None",
) -> EventSourceMappings:
    """Return the mappings, not yet running, once the store has what the configuration says.

    Tables have to be running: what their streams are called is known only then. Raises StoreError.
    """

    def stream_at(arn: str) -> StreamSource | None:
        return channels.stream_at(arn) or next(
            (table for table in sources.tables.values() if table.arn == arn), None
        )

    mappings = EventSourceMappings(
        Resources(channels.queue_at, stream_at, destinations.of_records, functions.versions.timeout_of),
        account=configuration.account,
        runner=functions,
        store=store,
        clock=clock,
        feed=feed,
        environments=configuration.file.simulator.max_environments,
        faults=faults,
    )
    named: Sequence[QueueSource | StreamSource] = (
        *channels.queues.values(),
        *channels.streams.values(),
        *sources.tables.values(),
    )
    arns = {source.name: source.arn for source in named}
    channels.listen(mappings.source_changed)
    sources.tables.listen(mappings.source_changed)
    await mappings.open(
        [_parameters(each, configuration, arns) for each in configuration.file.event_source_mappings]
    )
    return mappings


def _parameters(
    settings: MappingSettings, configuration: Configuration, arns: Mapping[str, str]
) -> dict[str, Any]:
    """Return what CreateEventSourceMapping would be called with; `arns` are those of the sources by name."""
    kind, name = resolve(settings.source, SOURCE_KINDS)
    on_failure = None
    if settings.on_failure is not None:
        to, target = resolve(settings.on_failure, RECORD_KINDS)
        account = configuration.account
        arn_of = {"queues": account.queue, "topics": account.topic, "buckets": account.bucket}
        on_failure = arn_of[to](target)
    return mapping_parameters(
        settings,
        event_source_arn=arns[f"{kind}.{name}"],
        function=resolve(settings.function, ("functions",))[1],
        on_failure_arn=on_failure,
    )
