"""What all parts of a stream mapping work with, and what they tell of."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from engine.clock import Clock
from engine.feed import Fact, Feed, Notice
from engine.functions.invocation import FunctionRunner
from engine.mapping.failure_destination import FailureDestination
from engine.mapping.failure_record import Origin
from engine.mapping.filter_criteria import FilterCriteria
from engine.mapping.source import StreamSource
from engine.mapping.stream_settings import StreamMappingSettings
from engine.mapping.waits import Waits
from engine.store.database import Store

if TYPE_CHECKING:
    from engine.faults import Faults

ProcessingResult = Literal["No records processed", "OK", "PROBLEM: Function call failed"]


class StreamJob:
    """One mapping. `function_arn` is as the mapping has it, which may be qualified with `qualifier`."""

    def __init__(
        self,
        uuid: str,
        source: StreamSource,
        function: str,
        function_arn: str,
        settings: StreamMappingSettings,
        *,
        runner: FunctionRunner,
        on_failure: FailureDestination | None,
        store: Store,
        clock: Clock,
        feed: Feed,
        criteria: FilterCriteria,
        qualifier: str | None = None,
        faults: "Faults | None" = None,
    ) -> None:
        self.faults = faults
        self.uuid = uuid
        self.source = source
        self.function = function
        self.function_arn = function_arn
        self.qualifier = qualifier
        self.settings = settings
        self.runner = runner
        self.on_failure = on_failure
        self.store = store
        self.clock = clock
        self.criteria = criteria
        self.last_processing_result: ProcessingResult = "No records processed"
        self.waits = Waits()
        self.stopping = asyncio.Event()  # what fails is not tried again then
        self.invoking, self.reading = Trouble(self), Trouble(self)
        self._feed = feed

    def origin(self, shard_id: str) -> Origin:
        """Return what failure records say of where records of a shard come from."""
        source = self.source
        return Origin(self.uuid, self.function, self.function_arn, source.kind, source.arn, shard_id)

    def publish(self, fact: Fact) -> None:
        """Tell the feed."""
        self._feed.publish(fact)

    def notice(self, text: str) -> None:
        """Tell of an error that a user should know about."""
        self._feed.publish(Notice(self.clock.now(), "error", self.place, text))

    @property
    def place(self) -> str:
        """The mapping, as facts name it."""
        return f"{self.source.name} -> functions.{self.function}"

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.clock.now()


class Trouble:
    """Something that fails now and then, and is tried again."""

    def __init__(self, job: StreamJob) -> None:
        self._job = job
        self._told: str | None = None

    def note(self, error: Exception) -> None:
        """Tell of a failure, once for as long as it lasts."""
        if str(error) != self._told:
            self._told = str(error)
            self._job.notice(f"records are held back and tried again until this is mended: {error}")

    def is_over(self) -> None:
        """Say that it works again."""
        self._told = None
