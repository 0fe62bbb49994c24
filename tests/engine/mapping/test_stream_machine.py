"""Stream mappings against a naive model, in virtual time, with the real store and a real stream.

Hypothesis puts records, lets time pass, splits and merges shards, throttles, breaks the store, stops, kills
and reconfigures the mapping. Whatever it does: a record is invoked only when all that came before it
under its key is over, a checkpoint passes nothing that is not, and in the end everything is.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.arn import Account
from engine.clock import VirtualTimeLoop, running_clock
from engine.errors import StoreFull
from engine.feed import Feed
from engine.functions.invocation import Invocation, Throttled
from engine.mapping import checkpoints, shard_reader
from engine.mapping.failure_record import FailureRecord
from engine.store.database import Operation, Store
from tests.fakes.scripted_functions import Answer, ScriptedFunctions, raised, returned
from tests.fakes.stream_mappings import UUID, Failures, stream_mapping
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.sequence_number import parse
from triggers.kinesis.stream import Stream

ALWAYS = 1_000_000
FILTER = '{"data": {"wanted": [true]}}'
SHORT = timedelta(minutes=2)


class FlakyStore(Store):
    """Takes no writes while it is `full`."""

    full = False

    async def write(self, operation: Operation, *, brief: bool = False) -> Any:
        """Write, or fail."""
        if self.full:
            raise StoreFull(None)
        return await super().write(operation, brief=brief)


@dataclass
class Put:
    """A record as the model knows it. It fails as often as `failures` says."""

    number: int
    key: str
    wanted: bool
    failures: int
    arrived_at: datetime
    shard_id: str
    position: int
    is_over: bool = False
    over_in: int = -1  # the number of the run in which it was processed


@dataclass
class Model:
    """What must be true of every invocation. Runs are counted: each restart of the mapping begins one."""

    by_sequence: dict[str, Put] = field(default_factory=dict)
    by_key: dict[str, list[Put]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, sequence_number: str, put: Put) -> None:
        self.by_sequence[sequence_number] = put
        self.by_key.setdefault(put.key, []).append(put)

    def check_order(self, batch: list[Put], run: int) -> None:
        earlier_here: set[int] = set()
        for put in batch:
            if put.over_in == run:
                self.problems.append(f"{put.number} was delivered again")
            if not put.wanted:
                self.problems.append(f"{put.number} was delivered although it is filtered")
            for before in self.by_key[put.key]:
                if before.number >= put.number:
                    break
                if before.wanted and not before.is_over and before.number not in earlier_here:
                    self.problems.append(f"{put.number} was delivered before {before.number}")
            earlier_here.add(put.number)


options = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 5),
        "maximum_batching_window_in_seconds": st.sampled_from([0, 0, 20]),
        "parallelization_factor": st.integers(1, 3),
        "bisect_batch_on_function_error": st.booleans(),
        "maximum_retry_attempts": st.sampled_from([-1, 0, 1, 3]),
        "maximum_record_age_in_seconds": st.sampled_from([-1, 60]),
        "function_response_types": st.sampled_from([(), ("ReportBatchItemFailures",)]),
    }
)
record = st.tuples(
    st.sampled_from("abcde"),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 0, 0, 0, 1, 2, ALWAYS]),
)


class StreamMachine(RuleBasedStateMachine):
    """One mapping of a stream that begins with two shards."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(shard_reader, "PAGE_RECORDS", 3)  # so that lanes are full now and then
        self.model = Model()
        self.options: dict[str, Any] = {"maximum_retry_attempts": 1}
        self.seen: Counter[tuple[int, ...]] = Counter()
        self.task: asyncio.Task[None] | None = None
        self.throttles = 0
        self.healed = False
        self.destinations: list[Failures] = []
        self.do(self.open)

    def do(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.runner.run(step())

    async def open(self) -> None:
        self.clock, self.resources = running_clock(), AsyncExitStack()
        self.store = await self.resources.enter_async_context(FlakyStore(None, self.clock))
        properties = StreamProperties(2, timedelta(hours=8760), 1024 * 1024)
        self.stream = Stream("clicks", properties, Account(), self.store, self.clock, Feed())
        await self.stream.open()
        self.functions = ScriptedFunctions(self.clock, self.answer, seconds=0.05)
        await self.start()

    async def start(self) -> None:
        self.seen.clear()
        self.destinations.append(Failures())
        mapping = stream_mapping(
            self.stream,
            self.functions,
            self.store,
            self.clock,
            on_failure=self.destinations[-1],
            patterns=[FILTER],
            **self.options,
        )
        self.task = asyncio.create_task(mapping.run())
        if not self.store.full:
            await mapping.ready.wait()

    async def stop(self, cancellations: int) -> None:
        if self.task is None:
            return
        for _ in range(cancellations):
            self.task.cancel()
            await asyncio.sleep(0.001)
        with suppress(asyncio.CancelledError):
            await self.task
        self.task = None

    def answer(self, function: str, invocation: Invocation) -> Answer:
        if self.throttles and not self.healed:
            self.throttles -= 1
            return Throttled("ConcurrentInvocationLimitExceeded")
        self.take_failures()
        records = json.loads(invocation.payload)["Records"]
        sequence_numbers = [record["kinesis"]["sequenceNumber"] for record in records]
        batch = [self.model.by_sequence[number] for number in sequence_numbers]
        self.model.check_order(batch, len(self.destinations))
        self.check_limits(batch)
        bad = [index for index, put in enumerate(batch) if self.fails(put)]
        reports = "ReportBatchItemFailures" in self.options.get("function_response_types", ())
        for put in batch[: (bad[0] if reports else 0) if bad else len(batch)]:
            put.is_over, put.over_in = True, len(self.destinations)
        if not bad:
            return returned(None)
        if reports:
            return returned({"batchItemFailures": [{"itemIdentifier": sequence_numbers[i]} for i in bad]})
        return raised("ValueError", "no")

    def fails(self, put: Put) -> bool:
        if put.failures == 0 or self.healed:
            return False
        put.failures -= 1
        return True

    def check_limits(self, batch: list[Put]) -> None:
        numbers = tuple(put.number for put in batch)
        self.seen[numbers] += 1
        limit = self.options["maximum_retry_attempts"]
        if limit != -1 and self.seen[numbers] > limit + 1:
            self.model.problems.append(f"{numbers} was tried {self.seen[numbers]} times")
        age = self.options.get("maximum_record_age_in_seconds", -1)
        started = self.clock.now() - timedelta(seconds=0.06)
        if age != -1 and started - batch[0].arrived_at >= timedelta(seconds=age):
            self.model.problems.append(f"{numbers} was invoked although it is too old")

    def take_failures(self) -> None:
        for destination in self.destinations:
            for failure in destination.records:
                self.take_failure(failure)
            destination.records.clear()

    def take_failure(self, failure: FailureRecord) -> None:
        puts = [self.model.by_sequence[record.sequence_number] for record in failure.records]
        for put in puts:
            put.is_over = True
        limit, age = (
            self.options["maximum_retry_attempts"],
            self.options.get("maximum_record_age_in_seconds", -1),
        )
        if failure.condition == "RetryAttemptsExhausted" and failure.attempts != limit + 1:
            self.model.problems.append(f"given up after {failure.attempts} attempts of {limit + 1}")
        if failure.condition == "RecordAgeExceeded" and any(
            failure.time - put.arrived_at < timedelta(seconds=age) for put in puts
        ):
            self.model.problems.append("given up before it was too old")

    @rule(records=st.lists(record, min_size=1, max_size=8))
    def put(self, records: list[tuple[str, bool, int]]) -> None:
        self.do(lambda: self.put_records(records))

    async def put_records(self, records: list[tuple[str, bool, int]]) -> None:
        if self.store.full:
            return
        entries = [RecordEntry(json.dumps({"wanted": wanted}).encode(), key) for key, wanted, _ in records]
        arrived_at = self.clock.now()
        results = await self.stream.put_records(entries)
        for (key, wanted, failures), result in zip(records, results, strict=True):
            number = parse(result.sequence_number)
            assert number is not None
            self.model.add(
                result.sequence_number,
                Put(
                    len(self.model.by_sequence),
                    key,
                    wanted,
                    failures,
                    arrived_at,
                    result.shard_id,
                    number.position,
                ),
            )

    @rule(seconds=st.sampled_from([0.01, 0.03, 0.2, 1, 10, 61]))
    def wait(self, seconds: float) -> None:
        self.do(lambda: asyncio.sleep(seconds))

    @precondition(lambda self: not self.store.full)
    @rule(index=st.integers(0, 10))
    def split(self, index: int) -> None:
        self.do(lambda: self.split_shard(index))

    async def split_shard(self, index: int) -> None:
        shards = [shard for shard in self.stream.all_shards if shard.is_open]
        keys = shards[index % len(shards)].hash_keys
        if len(shards) < 4:
            middle = (keys.first + keys.last) // 2
            await self.stream.split_shard(shards[index % len(shards)].shard_id, middle)

    @precondition(lambda self: not self.store.full)
    @rule(index=st.integers(0, 10))
    def merge(self, index: int) -> None:
        self.do(lambda: self.merge_shards(index))

    async def merge_shards(self, index: int) -> None:
        shards = sorted(
            (shard for shard in self.stream.all_shards if shard.is_open),
            key=lambda shard: shard.hash_keys.first,
        )
        if len(shards) > 1:
            first = index % (len(shards) - 1)
            await self.stream.merge_shards(shards[first].shard_id, shards[first + 1].shard_id)

    @rule(count=st.integers(1, 4))
    def throttle(self, count: int) -> None:
        self.throttles = count

    @rule()
    def fill_the_disk(self) -> None:
        self.store.full = True

    @precondition(lambda self: self.store.full)
    @rule()
    def free_the_disk(self) -> None:
        self.store.full = False

    @precondition(lambda self: not self.store.full)
    @rule(cancellations=st.integers(1, 2), others=st.none() | options, seconds=st.sampled_from([0, 5]))
    def restart(self, cancellations: int, others: dict[str, Any] | None, seconds: float) -> None:
        async def step() -> None:
            await self.stop(cancellations)
            await asyncio.sleep(seconds)
            self.take_failures()
            self.options = others or self.options
            await self.start()

        self.do(step)

    @invariant()
    def nothing_went_wrong(self) -> None:
        self.take_failures()
        assert self.model.problems == []

    @invariant()
    def checkpoints_pass_nothing_that_is_not_over(self) -> None:
        self.do(self.check_checkpoints)

    async def check_checkpoints(self) -> None:
        found = await self.store.read(lambda connection: checkpoints.load(connection, UUID))
        await self.clock.idle()  # whoever waits for a commit has heard of it
        self.take_failures()
        for shard_id, checkpoint in (found or {}).items():
            for put in self.model.by_sequence.values():
                lane = crc32(put.key.encode()) % len(checkpoint.marks)
                if put.shard_id == shard_id and (checkpoint.ended or put.position <= checkpoint.marks[lane]):
                    assert put.is_over or not put.wanted, f"{put} was passed"

    def teardown(self) -> None:
        async def finish() -> None:
            self.healed, self.store.full = True, False
            await asyncio.sleep(600)
            self.take_failures()
            await self.stop(1)
            await self.check_checkpoints()

        async def close() -> None:
            await self.stop(2)
            await self.resources.aclose()

        try:
            self.do(finish)
            assert self.model.problems == []
            left = [put for put in self.model.by_sequence.values() if put.wanted and not put.is_over]
            assert left == []
        finally:
            self.do(close)
            self.patch.undo()
            self.runner.close()


StreamMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStreamMappings = StreamMachine.TestCase
