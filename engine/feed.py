"""The stream of lifecycle facts that the live view, the recorder and tests read.

Every step publishes a frozen fact. A tap sees each one synchronously; a reader has a bounded buffer, loses
its oldest facts when it is slow, and is told how many.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Literal, Self

from engine.value import dataclass

LOGGER = logging.getLogger(__name__)

BLINK_SECONDS = 0.05
KEPT_PAYLOAD_BYTES = 1024  # a reader's buffer holds many facts, and a fact may be about megabytes

FaultKind = Literal[
    "error",
    "timeout",
    "crash",
    "throttle",
    "slow_start",
    "duplicate",
    "redelivery",
    "reorder",
    "smaller_batch",
    "late_wake_up",
    "lost_wake_up",
    "store_busy",
    "store_full",
]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, at a moment of the simulator's clock."""

    time: datetime


@dataclass(frozen=True, slots=True)
class SimulatorReady(Fact):
    """Every source is listening and the endpoint answers at `endpoint`."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class EventEmitted(Fact):
    """A source stored an event for `function`. `name` is AWS's word for it, `detail` what it is about."""

    source: str
    function: str
    request_id: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class EventSent(Fact):
    """A rule or a schedule sent an event to `target`, the ARN of a queue, a stream, a topic or a bus."""

    source: str
    target: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class InvocationStarted(Fact):
    """An environment took the event; `attempt` counts from 1."""

    function: str
    request_id: str
    source: str
    attempt: int
    environment: str
    cold_start: bool


@dataclass(frozen=True, slots=True)
class InvocationFinished(Fact):
    """The answer is there. `event` and `payload` are the JSON that went in and came out."""

    function: str
    request_id: str
    source: str
    attempt: int
    environment: str
    started: datetime
    duration_ms: float
    billed_ms: int
    memory_used_mb: int
    init_ms: float | None
    function_error: str | None
    error_type: str | None
    error_message: str | None
    event: bytes
    payload: bytes


# All but the event and the payload, in the order of the fields.
OF_INVOCATION = attrgetter(*InvocationFinished.__match_args__[:-2])


@dataclass(frozen=True, slots=True)
class RetryScheduled(Fact):
    """An asynchronous event will be tried again at `at`. `attempt` is the number of the coming attempt."""

    function: str
    request_id: str
    attempt: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class DestinationSent(Fact):
    """The invocation record went to a destination. `condition` as in the record."""

    function: str
    request_id: str
    kind: Literal["on_success", "on_failure"]
    target: str
    condition: str


@dataclass(frozen=True, slots=True)
class DeadLettered(Fact):
    """The event went to the function's dead-letter queue."""

    function: str
    request_id: str
    target: str
    condition: str


@dataclass(frozen=True, slots=True)
class EventDropped(Fact):
    """An event ended without success, and nothing was configured to take it.

    For records that a mapping gave up, `source` is the stream and `records` how many they were.
    """

    function: str
    request_id: str
    condition: str
    source: str | None = None
    records: int = 1


@dataclass(frozen=True, slots=True)
class EventNeverRan(Fact):
    """An asynchronous event ended before the function had ever run for it, whatever was told of it besides.

    It was accepted at `accepted`; `event` is its JSON.
    """

    function: str
    request_id: str
    source: str
    accepted: datetime
    condition: str
    event: bytes


@dataclass(frozen=True, slots=True)
class InvocationThrottled(Fact):
    """The function had no concurrency left for an invocation; nothing ran. `reason` is Lambda's."""

    function: str
    request_id: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class MappingChanged(Fact):
    """An event source mapping came to a state of AWS's: Creating, Enabled, Disabling ..."""

    uuid: str
    source: str
    function: str
    state: str


@dataclass(frozen=True, slots=True)
class BatchClosed(Fact):
    """A mapping made a batch of `records` records; `reason` says what closed it.

    `request_id` is that of its first invocation. A batch of a stream that is tried again is not closed again.
    """

    function: str
    source: str
    request_id: str
    records: int
    reason: Literal["received", "batch_size", "window", "payload", "tumbling_window", "shard_end"]


@dataclass(frozen=True, slots=True)
class RecordsFiltered(Fact):
    """The filter criteria of a mapping kept `records` records from the function."""

    function: str
    source: str
    records: int


@dataclass(frozen=True, slots=True)
class RecordsReturned(Fact):
    """Messages of a batch were not processed and show again in the queue at `visible_at`.

    `reason` is given for an answer that should have named them and made no sense.
    """

    function: str
    source: str
    request_id: str
    records: int
    visible_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MessageRedriven(Fact):
    """A queue moved a message that was received too often to its dead-letter queue `target`, an ARN."""

    source: str
    message_id: str
    receive_count: int
    target: str


@dataclass(frozen=True, slots=True)
class RecursionStopped(Fact):
    """A function would have been called by its own doing; `remedy` names the option that allows it."""

    function: str
    source: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class EnvironmentStarted(Fact):
    """An execution environment was made. `environment` is its 32-digit name."""

    function: str
    environment: str
    pid: int


@dataclass(frozen=True, slots=True)
class EnvironmentStopped(Fact):
    """An execution environment is gone: idle, code change, shutdown, or room for another."""

    function: str
    environment: str
    reason: str


@dataclass(frozen=True, slots=True)
class LogLine(Fact):
    """A line of a function's log, without its line end."""

    function: str
    environment: str
    text: str


@dataclass(frozen=True, slots=True)
class FaultInjected(Fact):
    """A declared fault has struck at `place`: a function, a source, a mapping, the store."""

    kind: FaultKind
    place: str
    detail: str


@dataclass(frozen=True, slots=True)
class SimulatorCrashed(Fact):
    """The simulator itself has crashed, as it was to; another one starts on the same state."""

    reason: str


@dataclass(frozen=True, slots=True)
class Notice(Fact):
    """Something a user should know about the simulator itself. `place` names the resource it is about."""

    level: Literal["info", "warning", "error"]
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class FactsLost(Fact):
    """A slow reader missed `count` facts."""

    count: int


class Feed:
    """Hands every published fact to its taps and readers; publishing never blocks and never fails."""

    def __init__(self) -> None:
        self._taps: list[Callable[[Fact], None]] = []
        self._log_readers = 0

    @property
    def wants_log_lines(self) -> bool:
        """Whether anybody reads LogLine facts; without one they need not be made."""
        return self._log_readers > 0

    def publish(self, fact: Fact) -> None:
        """Show `fact` to everybody. A failing tap is logged and stays."""
        for tap in self._taps:
            try:
                tap(fact)
            except Exception:  # a reader's bug must not stop what is being read about
                LOGGER.exception("a reader of the feed failed on %s", type(fact).__name__)

    def tap(self, callback: Callable[[Fact], None], *, log_lines: bool = False) -> Callable[[], None]:
        """Call `callback` with every coming fact, synchronously; return the function that ends it.

        Lossless, so the callback must be quick. LogLine facts are made only while a reader asks for them.
        """
        self._taps = [*self._taps, callback]
        self._log_readers += log_lines

        def untap() -> None:
            if callback in self._taps:
                # A new list: somebody may be going through the old one.
                self._taps = [tap for tap in self._taps if tap != callback]
                self._log_readers -= log_lines

        return untap

    def read(self, limit: int = 10_000, *, log_lines: bool = False) -> "FeedReader":
        """Return the coming facts for another thread to take, of which it keeps at most `limit`."""
        return FeedReader(self, limit, log_lines)


class FeedReader:
    """Facts for another thread, which may be slow: a terminal, a pipe. Use as a context manager.

    Large events and results are left out of them; a tap sees everything.
    """

    def __init__(self, feed: Feed, limit: int, log_lines: bool) -> None:
        self._buffer: deque[Fact] = deque()
        self._limit = limit
        self._lost = 0
        self._taken = False
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._closed = threading.Event()
        self._untap = feed.tap(self._put, log_lines=log_lines)

    def _put(self, fact: Fact) -> None:
        if isinstance(fact, InvocationFinished):
            if len(fact.event) + len(fact.payload) > KEPT_PAYLOAD_BYTES:
                fact = InvocationFinished(*(*OF_INVOCATION(fact), b"", b""))
        elif isinstance(fact, EventNeverRan) and len(fact.event) > KEPT_PAYLOAD_BYTES:
            fact = replace(fact, event=b"")
        with self._lock:
            if len(self._buffer) >= self._limit:
                self._buffer.popleft()
                self._lost += 1
            self._buffer.append(fact)
            if not self._filled.is_set():
                self._filled.set()

    def take(self) -> list[Fact]:
        """Wait for facts and return all there are, after a FactsLost if some were; empty once closed.

        After the first time, what comes within a blink is returned together: waking a thread for each fact
        would cost the simulator more than the facts themselves.
        """
        if self._taken:
            self._closed.wait(BLINK_SECONDS)
        self._taken = True
        self._filled.wait()
        with self._lock:
            if not self._closed.is_set():
                self._filled.clear()
            facts, self._buffer = list(self._buffer), deque()
            if self._lost:
                facts.insert(0, FactsLost(facts[0].time, self._lost))
                self._lost = 0
            return facts

    def close(self) -> None:
        """Put no more in; what is there can still be taken."""
        self._untap()
        with self._lock:
            self._closed.set()
            self._filled.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
