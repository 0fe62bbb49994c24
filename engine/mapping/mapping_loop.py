"""Builds the running part of an event source mapping: the loop for a queue, or the one for a stream."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from engine.arn import Account
from engine.clock import Clock
from engine.errors import HeadraceError
from engine.feed import Feed
from engine.functions.invocation import FunctionRunner
from engine.mapping.failure_destination import FailureDestination
from engine.mapping.filter_criteria import compile_criteria
from engine.mapping.function_reference import parse_reference
from engine.mapping.mapping_state import EventSourceMapping
from engine.mapping.queue_mapping import QueueMapping, QueueOptions
from engine.mapping.source import QueueSource, StreamSource
from engine.mapping.stream_job import StreamJob
from engine.mapping.stream_mapping import StreamMapping
from engine.mapping.stream_settings import StreamMappingSettings
from engine.mapping.waits import Waits
from engine.store.database import Store
from engine.value import dataclass

if TYPE_CHECKING:
    from engine.faults import Faults


class Loop(Protocol):
    """A mapping at work. `ready` is set once it is certain from where on it reads."""

    ready: asyncio.Event

    @property
    def last_processing_result(self) -> str | None:
        """AWS's LastProcessingResult, None where there is none."""

    @property
    def waits(self) -> Waits:
        """What it has in hand that waits for its time."""

    async def run(self) -> None:
        """Work until cancelled, then finish what is in hand; a second cancellation abandons that."""


class MissingResource(HeadraceError):
    """What a mapping refers to is not there, so that it cannot run."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What there is, by ARN, and functions' timeouts, by name and qualifier.

    Each returns None for what is not there.
    """

    queue_of: Callable[[str], QueueSource | None]
    stream_of: Callable[[str], StreamSource | None]
    destination_of: Callable[[str], FailureDestination | None]
    timeout_of: Callable[[str, str | None], timedelta | None]


class LoopBuilder:
    """Builds loops from what all of them share. `environments` is how many there may be at once."""

    def __init__(
        self,
        resources: Resources,
        *,
        account: Account,
        runner: FunctionRunner,
        store: Store,
        clock: Clock,
        feed: Feed,
        environments: int,
        faults: "Faults | None" = None,
    ) -> None:
        self._faults = faults
        self._resources = resources
        self._account = account
        self._runner = runner
        self._store = store
        self._clock = clock
        self._feed = feed
        self._environments = environments

    def build(self, mapping: EventSourceMapping) -> Loop:
        """Return the loop of a mapping. Raises MissingResource."""
        function = parse_reference(mapping.function_arn, self._account)
        timeout = None if function is None else self._resources.timeout_of(function.name, function.qualifier)
        if function is None or timeout is None:
            raise MissingResource(f"the function {mapping.function_arn} is not there any more")
        if (queue := self._resources.queue_of(mapping.source_arn)) is not None:
            options = QueueOptions.of(
                mapping.params,
                visibility_timeout=queue.visibility_timeout,
                function_timeout=timeout,
                environments=self._environments,
            )
            return QueueMapping(
                queue,
                function.name,
                options,
                runner=self._runner,
                clock=self._clock,
                feed=self._feed,
                qualifier=function.qualifier,
                faults=self._faults,
            )
        if (stream := self._resources.stream_of(mapping.source_arn)) is not None:
            return StreamMapping(
                StreamJob(
                    mapping.uuid,
                    stream,
                    function.name,
                    mapping.function_arn,
                    stream_settings(mapping.params),
                    runner=self._runner,
                    on_failure=self._destination(mapping.params),
                    store=self._store,
                    clock=self._clock,
                    feed=self._feed,
                    criteria=compile_criteria(
                        stream.kind,
                        [
                            each["Pattern"]
                            for each in mapping.params.get("FilterCriteria", {}).get("Filters", ())
                        ],
                    ),
                    qualifier=function.qualifier,
                    faults=self._faults,
                )
            )
        raise MissingResource(f"its source {mapping.source_arn} is not there any more")

    def _destination(self, params: Any) -> FailureDestination | None:
        arn = params["DestinationConfig"].get("OnFailure", {}).get("Destination")
        if not arn:
            return None
        destination = self._resources.destination_of(arn)
        if destination is None:
            raise MissingResource(f"its on-failure destination {arn} is not there any more")
        return destination


def stream_settings(params: Any) -> StreamMappingSettings:
    """Return the API's parameters, with their defaults, as the loop for streams takes them."""
    timestamp = params.get("StartingPositionTimestamp")
    return StreamMappingSettings(
        starting_position=params["StartingPosition"],
        starting_position_timestamp=None if timestamp is None else datetime.fromtimestamp(timestamp, UTC),
        batch_size=params["BatchSize"],
        maximum_batching_window_in_seconds=params["MaximumBatchingWindowInSeconds"],
        parallelization_factor=params["ParallelizationFactor"],
        bisect_batch_on_function_error=params["BisectBatchOnFunctionError"],
        maximum_retry_attempts=params["MaximumRetryAttempts"],
        maximum_record_age_in_seconds=params["MaximumRecordAgeInSeconds"],
        tumbling_window_in_seconds=params["TumblingWindowInSeconds"],
        function_response_types=tuple(params["FunctionResponseTypes"]),
    )
