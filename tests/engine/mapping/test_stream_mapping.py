"""Stream mappings from the stream to the checkpoint, on the real store and the virtual clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from engine.clock import Clock
from engine.errors import CodeError, HeadraceError, StoreFull
from engine.feed import (
    BatchClosed,
    DestinationSent,
    EventDropped,
    Fact,
    Feed,
    InvocationThrottled,
    Notice,
    RecordsFiltered,
    RetryScheduled,
)
from engine.functions.invocation import Invocation, Throttled
from engine.invocation.destination import DestinationRefused
from engine.mapping import checkpoints
from engine.mapping.checkpoints import Checkpoint
from engine.mapping.payload import PAYLOAD_BYTES
from engine.store.database import Store
from tests.fakes.scripted_functions import Answer, ScriptedFunctions, raised, returned
from tests.fakes.scripted_stream import ONLY_SHARD, ScriptedStream
from tests.fakes.stream_mappings import UUID, Failures, labels, running, stream_mapping

LEFT, RIGHT, CHILD = "shardId-000000000000", "shardId-000000000001", "shardId-000000000002"
THROTTLED = Throttled("ConcurrentInvocationLimitExceeded")
FAILED = raised("ValueError", "no")


@pytest.fixture
def stream(clock: Clock) -> ScriptedStream:
    return ScriptedStream(clock)


@pytest.fixture
def functions(clock: Clock) -> ScriptedFunctions:
    return ScriptedFunctions(clock)


@pytest.fixture
def facts(feed: Feed) -> list[Fact]:
    told: list[Fact] = []
    feed.tap(told.append)
    return told


def batches(functions: ScriptedFunctions) -> list[list[str]]:
    return [labels(attempt.invocation) for attempt in functions.attempts]


def seconds(functions: ScriptedFunctions, since: datetime) -> list[float]:
    return [(attempt.at - since).total_seconds() for attempt in functions.attempts]


def of_kind(facts: list[Fact], kind: type[Fact]) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, kind)]


async def stored(store: Store) -> dict[str, Checkpoint]:
    return await store.read(lambda connection: checkpoints.load(connection, UUID)) or {}


def failing(*bad: str) -> Any:
    """A script whose function raises on a batch with one of these records."""

    def script(function: str, invocation: Invocation) -> Answer:
        return FAILED if set(bad) & set(labels(invocation)) else returned(None)

    return script


async def test_records_arrive_in_order_in_batches_and_are_checkpointed(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    for number in range(5):
        stream.put(f"r{number}")
    mapping = stream_mapping(stream, functions, store, clock, feed, batch_size=2)
    results = [mapping.last_processing_result]
    async with running(mapping):
        await clock.idle()
        stream.put("r5")
        await clock.idle()
    assert batches(functions) == [["r0", "r1"], ["r2", "r3"], ["r4"], ["r5"]]
    assert functions.attempts[0].invocation.source == "streams.clicks"
    assert [*results, mapping.last_processing_result] == ["No records processed", "OK"]
    assert await stored(store) == {ONLY_SHARD: Checkpoint((6,))}
    closed = of_kind(facts, BatchClosed)
    assert [(fact.records, fact.reason) for fact in closed] == [
        (2, "batch_size"),
        (2, "batch_size"),
        (1, "received"),
        (1, "received"),
    ]
    assert [fact.request_id for fact in closed] == functions.request_ids()


async def test_a_quiet_stream_is_not_polled(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    async with running(stream_mapping(stream, functions, store, clock)):
        await clock.idle()
        reads = stream.reads
        await asyncio.sleep(86_400)
        assert stream.reads == reads


async def test_a_large_batch_is_filled_from_several_pages(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    for number in range(2500):
        stream.put(str(number))
    async with running(stream_mapping(stream, functions, store, clock, batch_size=600)):
        await clock.idle()
    assert [len(batch) for batch in batches(functions)] == [600, 600, 600, 600, 100]
    assert [label for batch in batches(functions) for label in batch] == [str(n) for n in range(2500)]


async def test_a_batching_window_collects_records(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    start = clock.now()
    async with running(
        stream_mapping(
            stream, functions, store, clock, feed, batch_size=4, maximum_batching_window_in_seconds=10
        )
    ):
        stream.put("a")
        await asyncio.sleep(6)
        stream.put("b")
        await asyncio.sleep(6)
        for label in "cdefg":
            stream.put(label)
        await asyncio.sleep(20)
    assert batches(functions) == [["a", "b"], ["c", "d", "e", "f"], ["g"]]
    assert seconds(functions, start) == [10, 12, 22]
    assert [fact.reason for fact in of_kind(facts, BatchClosed)] == ["window", "batch_size", "window"]


async def test_a_batch_stays_below_six_megabytes(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    for label in "abc":
        stream.put(label, size=PAYLOAD_BYTES // 2 - 100)
    async with running(stream_mapping(stream, functions, store, clock, feed)):
        await clock.idle()
    assert batches(functions) == [["a", "b"], ["c"]]
    assert [fact.reason for fact in of_kind(facts, BatchClosed)] == ["payload", "received"]


async def test_a_record_that_no_invocation_takes_is_given_up(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    failures = Failures()
    stream.put("huge", size=PAYLOAD_BYTES)
    stream.put("next")
    async with running(stream_mapping(stream, functions, store, clock, on_failure=failures)):
        await clock.idle()
    assert batches(functions) == [["next"]]
    (document,) = failures.documents()
    assert document["responseContext"]["statusCode"] == 413


@pytest.mark.parametrize(
    ("position", "expected"),
    [("TRIM_HORIZON", ["old", "older", "new"]), ("LATEST", ["new"]), ("AT_TIMESTAMP", ["older", "new"])],
)
async def test_a_new_mapping_begins_where_it_is_told_to(
    position: str,
    expected: list[str],
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
) -> None:
    moment = datetime(2025, 12, 31, tzinfo=UTC)
    stream.put("old", arrived_at=moment - timedelta(seconds=1))
    stream.put("older", arrived_at=moment)
    timestamp = moment if position == "AT_TIMESTAMP" else None
    mapping = stream_mapping(
        stream, functions, store, clock, starting_position=position, starting_position_timestamp=timestamp
    )
    async with running(mapping):
        await mapping.ready.wait()
        stream.put("new")
        await clock.idle()
    assert [label for batch in batches(functions) for label in batch] == expected


async def test_latest_is_the_moment_the_mapping_was_made_even_if_it_stops_before_a_record(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    stream.put("before")
    for _ in range(2):
        async with running(stream_mapping(stream, functions, store, clock, starting_position="LATEST")):
            await clock.idle()
        stream.put("while it was off")
    async with running(stream_mapping(stream, functions, store, clock, starting_position="LATEST")):
        await clock.idle()
    assert batches(functions) == [["while it was off"], ["while it was off"]]


async def test_two_mappings_of_one_stream_have_their_own_progress(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    others = ScriptedFunctions(clock, failing("a"))
    stream.put("a")
    stream.put("b")
    async with running(
        stream_mapping(stream, functions, store, clock, batch_size=1, uuid="m-1"),
        stream_mapping(stream, others, store, clock, batch_size=1, uuid="m-2"),
    ):
        await asyncio.sleep(2)
    assert batches(functions) == [["a"], ["b"]]
    assert set(map(tuple, batches(others))) == {("a",)}


async def test_a_function_error_is_retried_with_growing_pauses(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    functions.script = failing("a")
    start = clock.now()
    stream.put("a")
    mapping = stream_mapping(stream, functions, store, clock, feed, maximum_retry_attempts=4)
    async with running(mapping):
        await asyncio.sleep(60)
    assert seconds(functions, start) == [0, 0.25, 0.75, 1.75, 3.75]
    assert [attempt.invocation.attempt for attempt in functions.attempts] == [1, 2, 3, 4, 5]
    assert len(set(functions.request_ids())) == 5
    retries = of_kind(facts, RetryScheduled)
    assert [(fact.attempt, fact.reason) for fact in retries] == [(n, "function_error") for n in (2, 3, 4, 5)]
    assert [fact.request_id for fact in retries] == functions.request_ids()[:4]
    (dropped,) = of_kind(facts, EventDropped)
    assert (dropped.condition, dropped.request_id) == ("RetryAttemptsExhausted", functions.request_ids()[-1])
    assert mapping.last_processing_result == "PROBLEM: Function call failed"
    assert await stored(store) == {ONLY_SHARD: Checkpoint((1,))}


async def test_a_report_that_makes_no_sense_fails_all_and_is_told(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    functions.script = lambda *_: returned({"batchItemFailures": [{"sequenceNumber": "1"}]})
    mapping = stream_mapping(
        stream,
        functions,
        store,
        clock,
        feed,
        maximum_retry_attempts=1,
        function_response_types=("ReportBatchItemFailures",),
    )
    stream.put("a")
    async with running(mapping):
        await asyncio.sleep(10)
    expected = "batchItemFailures[0] has no itemIdentifier: all of the batch counts as failed"
    assert [notice.text for notice in of_kind(facts, Notice)] == [expected] * 2
    (retry,) = of_kind(facts, RetryScheduled)
    assert retry.reason == "senseless_answer"


async def test_a_poison_record_in_a_batch_of_four_is_cut_out(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    failures, processed = Failures(), []

    def script(function: str, invocation: Invocation) -> Answer:
        if "poison" in labels(invocation):
            return FAILED
        processed.extend(labels(invocation))
        return returned(None)

    functions.script = script
    for label in ("a", "b", "poison", "c"):
        stream.put(label)
    mapping = stream_mapping(
        stream,
        functions,
        store,
        clock,
        feed,
        on_failure=failures,
        batch_size=4,
        maximum_retry_attempts=1,
        bisect_batch_on_function_error=True,
    )
    async with running(mapping):
        await asyncio.sleep(60)
        stream.put("d")
        await clock.idle()
    assert processed == ["a", "b", "c", "d"]
    (document,) = failures.documents()
    info = document["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == (
        "poison",
        "poison",
        1,
    )
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    (sent,) = of_kind(facts, DestinationSent)
    assert (sent.kind, sent.target) == ("on_failure", failures.arn)
    assert sent.request_id == document["requestContext"]["requestId"]
    assert of_kind(facts, EventDropped) == []
    assert await stored(store) == {ONLY_SHARD: Checkpoint((5,))}


async def test_a_shard_that_is_poisoned_for_ever_blocks_only_itself(
    functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    stream = ScriptedStream(clock, LEFT, RIGHT)
    functions.script = failing("poison")
    stream.put("poison", shard=LEFT)
    stream.put("behind it", shard=LEFT)
    async with running(stream_mapping(stream, functions, store, clock, batch_size=1)):
        for number in range(24):
            stream.put(str(number), shard=RIGHT)
            await asyncio.sleep(3600)
    seen = [batch[0] for batch in batches(functions)]
    assert [label for label in seen if label != "poison"] == [str(number) for number in range(24)]
    assert seen.count("poison") > 1000
    assert {name: point.marks for name, point in (await stored(store)).items()} == {LEFT: (0,), RIGHT: (26,)}


async def test_throttles_and_errors_of_the_service_do_not_count_as_attempts(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    answers: list[Answer] = [THROTTLED, THROTTLED, CodeError("fn", "gone"), FAILED, THROTTLED, returned(None)]
    functions.script = lambda function, invocation: answers[len(functions.attempts) - 1]
    start = clock.now()
    stream.put("a")
    async with running(stream_mapping(stream, functions, store, clock, feed, maximum_retry_attempts=1)):
        await asyncio.sleep(60)
    assert seconds(functions, start) == [0, 0.25, 0.75, 1.75, 2, 2.25]
    assert [attempt.invocation.attempt for attempt in functions.attempts] == [1, 1, 1, 1, 2, 2]
    assert len(of_kind(facts, InvocationThrottled)) == 3
    reasons = [fact.reason for fact in of_kind(facts, RetryScheduled)]
    assert reasons == ["throttled", "throttled", "system_error", "function_error", "throttled"]
    assert ["functions.fn: gone" in fact.text for fact in of_kind(facts, Notice)] == [True]
    assert of_kind(facts, EventDropped) == []


async def test_a_throttled_batch_ends_with_its_age(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    failures = Failures()
    functions.script = lambda function, invocation: THROTTLED
    stream.put("a")
    async with running(
        stream_mapping(stream, functions, store, clock, on_failure=failures, maximum_record_age_in_seconds=60)
    ):
        await asyncio.sleep(59)
        assert failures.records == []
        await asyncio.sleep(2)
    (document,) = failures.documents()
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 1
    assert "responseContext" not in document


async def test_records_that_grow_too_old_while_retried_are_cut_off_and_the_rest_is_tried(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    failures = Failures()
    functions.script = failing("a")
    now = clock.now()
    stream.put("a", arrived_at=now)
    stream.put("b", arrived_at=now)
    stream.put("c", arrived_at=now + timedelta(seconds=30))
    async with running(
        stream_mapping(stream, functions, store, clock, on_failure=failures, maximum_record_age_in_seconds=60)
    ):
        await asyncio.sleep(200)
    assert len(functions.attempts) == 9
    assert batches(functions)[-1] == ["c"]
    assert failures.labels() == [["a", "b"]]
    assert failures.documents()[0]["requestContext"]["approximateInvokeCount"] == 8
    assert (failures.records[0].time - now).total_seconds() == 60, "not only when the next attempt is due"


async def test_without_limits_records_are_retried_until_the_stream_lets_them_expire(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    failures = Failures()
    functions.script = failing("a", "b")
    for label in ("a", "b", "c"):
        stream.put(label)
    async with running(stream_mapping(stream, functions, store, clock, on_failure=failures)):
        await asyncio.sleep(86_000)
        stream.trim(ONLY_SHARD, "b")
        await asyncio.sleep(399)
        assert failures.records == []
        await asyncio.sleep(62)
        assert failures.labels() == [["a"]]
        stream.trim(ONLY_SHARD, "c")
        await asyncio.sleep(61)
        assert failures.labels() == [["a"], ["b"]]
    assert batches(functions)[-1] == ["c"]
    assert {document["requestContext"]["condition"] for document in failures.documents()} == {
        "RecordAgeExceeded"
    }


async def test_filtered_records_are_skipped_and_checkpointed(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    mapping = stream_mapping(stream, functions, store, clock, feed, patterns=['{"label": ["yes"]}'])
    async with running(mapping):
        await clock.idle()
        for label in ("no", "yes", "no", "no"):
            stream.put(label)
        await clock.idle()
        assert await stored(store) == {ONLY_SHARD: Checkpoint((4,))}
        stream.put("no")
        await clock.idle()
        assert await stored(store) == {ONLY_SHARD: Checkpoint((5,))}
    assert batches(functions) == [["yes"]]
    assert [fact.records for fact in of_kind(facts, RecordsFiltered)] == [3, 1]


async def test_a_mapping_goes_on_where_it_was_stopped(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    mapping = stream_mapping(stream, functions, store, clock)
    for label in "ab":
        async with running(mapping):
            stream.put(label)
            await clock.idle()
    assert batches(functions) == [["a"], ["b"]]


async def test_stopping_lets_a_running_invocation_finish_and_be_checkpointed(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    functions.seconds = 30
    stream.put("a")
    stream.put("b")
    async with running(stream_mapping(stream, functions, store, clock, batch_size=1)):
        await asyncio.sleep(1)
    assert batches(functions) == [["a"]]
    assert await stored(store) == {ONLY_SHARD: Checkpoint((1,))}


async def test_a_second_cancellation_abandons_running_invocations(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    functions.seconds = 1_000_000
    stream.put("a")
    start = clock.now()
    task = asyncio.create_task(stream_mapping(stream, functions, store, clock).run())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(1)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    assert (clock.now() - start).total_seconds() == 2
    assert await stored(store) == {ONLY_SHARD: Checkpoint((0,))}


async def test_stopping_does_not_wait_for_a_retry(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    functions.script = failing("b")
    stream.put("a")
    stream.put("b")
    start = clock.now()
    async with running(stream_mapping(stream, functions, store, clock, bisect_batch_on_function_error=True)):
        await asyncio.sleep(100)
    assert (clock.now() - start).total_seconds() == 100
    assert await stored(store) == {ONLY_SHARD: Checkpoint((1,))}, "the good half is not delivered again"


async def test_children_are_read_after_their_parents(
    functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    stream = ScriptedStream(clock, LEFT, RIGHT)
    functions.script = failing("slow")
    stream.put("slow", shard=RIGHT)
    mapping = stream_mapping(
        stream, functions, store, clock, starting_position="TRIM_HORIZON", maximum_record_age_in_seconds=60
    )
    async with running(mapping):
        stream.put("left", shard=LEFT)
        stream.close(LEFT, CHILD)
        stream.close(RIGHT, CHILD)
        await asyncio.sleep(30)
        stream.put("child", shard=CHILD)
        await asyncio.sleep(29)
        assert "child" not in [label for batch in batches(functions) for label in batch]
        await asyncio.sleep(2)
        assert batches(functions)[-1] == ["child"]
        stream.drop(LEFT)
        stream.drop(RIGHT)
        stream.close(CHILD, "shardId-000000000003")
        stream.put("grandchild", shard="shardId-000000000003")
        await clock.idle()
        assert batches(functions)[-1] == ["grandchild"]
        assert set(await stored(store)) == {CHILD, "shardId-000000000003"}


async def test_a_mapping_from_latest_reads_later_children_from_their_beginning(
    functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    stream = ScriptedStream(clock, LEFT)
    stream.put("before", shard=LEFT)
    async with running(stream_mapping(stream, functions, store, clock, starting_position="LATEST")):
        await clock.idle()
    stream.close(LEFT, CHILD)
    stream.put("child", shard=CHILD)
    async with running(stream_mapping(stream, functions, store, clock, starting_position="LATEST")):
        await clock.idle()
    assert batches(functions) == [["child"]]


async def test_a_shard_without_parents_that_comes_later_is_found(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    other = ScriptedStream(clock, ONLY_SHARD, RIGHT)
    async with running(stream_mapping(stream, functions, store, clock)):
        await clock.idle()
        stream._shards, stream._records = other._shards, other._records
        stream.put("new", shard=RIGHT)
        await asyncio.sleep(6)
    assert batches(functions) == [["new"]]


async def test_lanes_keep_the_order_of_each_key_and_run_at_once(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    functions.seconds = 1
    for number in range(100):
        stream.put(f"{number % 10}-{number:03d}", key=str(number % 10))
    mapping = stream_mapping(stream, functions, store, clock, batch_size=5, parallelization_factor=4)
    async with running(mapping):
        await asyncio.sleep(100)
    assert functions.most_running == 4
    seen = [label for batch in batches(functions) for label in batch]
    assert sorted(seen) == sorted(f"{number % 10}-{number:03d}" for number in range(100))
    for key in "0123456789":
        of_key = [label for label in seen if label.startswith(f"{key}-")]
        assert of_key == sorted(of_key)
    assert (await stored(store))[ONLY_SHARD].marks == (100,) * 4


async def test_a_blocked_lane_holds_up_neither_the_others_nor_memory(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    poisoned, processed = True, []

    def script(function: str, invocation: Invocation) -> Answer:
        if poisoned and any(label.startswith("bad") for label in labels(invocation)):
            return FAILED
        processed.extend(labels(invocation))
        return returned(None)

    functions.script = script
    for number in range(5000):
        stream.put(f"bad-{number:04d}", key="1")
        stream.put(f"good-{number:04d}", key="4")
    settings: dict[str, Any] = {"parallelization_factor": 2, "patterns": ['{"key": ["1", "4"]}']}
    async with running(stream_mapping(stream, functions, store, clock, feed, **settings)):
        await asyncio.sleep(100)
        assert processed == [f"good-{number:04d}" for number in range(5000)]
        stream.put("nobody's", key="3")
        await asyncio.sleep(1)
        low, high = sorted((await stored(store))[ONLY_SHARD].marks)
        assert (low, high) == (0, 10_001)
    restarted = stream_mapping(stream, functions, store, clock, feed, **settings)
    async with running(restarted):
        await asyncio.sleep(100)
        assert len(processed) == 5000, "what the good lane has processed is not delivered again"
        (run,) = restarted._runs.values()
        assert all(len(lane._waiting) <= 2000 for lane in run._reader.lanes)
        poisoned = False
        await asyncio.sleep(100)
    assert processed[5000:] == [f"bad-{number:04d}" for number in range(5000)]
    assert (await stored(store))[ONLY_SHARD].marks == (10_001, 10_001)
    assert [fact.records for fact in of_kind(facts, RecordsFiltered)] == [1, 1]


async def test_another_number_of_lanes_skips_nothing(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    functions.script = failing("bad")
    stream.put("bad", key="1")
    stream.put("good", key="2")
    async with running(stream_mapping(stream, functions, store, clock, parallelization_factor=2)):
        await asyncio.sleep(1)
    functions.script = failing()
    functions.attempts.clear()
    async with running(stream_mapping(stream, functions, store, clock, parallelization_factor=3)):
        await clock.idle()
    assert sorted(label for batch in batches(functions) for label in batch) == ["bad", "good"]


async def test_a_store_that_fails_holds_records_back_and_loses_none(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = Failures()
    functions.script = failing("c")
    mapping = stream_mapping(
        stream, functions, store, clock, feed, on_failure=failures, batch_size=1, maximum_retry_attempts=0
    )
    async with running(mapping):
        await mapping.ready.wait()
        await clock.idle()
        working = store.write

        async def broken(operation: Any) -> Any:
            raise StoreFull(None)

        monkeypatch.setattr(store, "write", broken)
        for label in "abcd":
            stream.put(label)
        await asyncio.sleep(100)
        assert batches(functions) == [["a"], ["b"]], "one batch ahead of its checkpoint at most"
        assert failures.records == []
        monkeypatch.setattr(store, "write", working)
        await asyncio.sleep(60)
    assert batches(functions) == [["a"], ["b"], ["c"], ["d"]]
    assert failures.labels() == [["c"]]
    (notice,) = of_kind(facts, Notice)
    assert "no space left" in notice.text
    assert await stored(store) == {ONLY_SHARD: Checkpoint((4,))}


async def test_stopping_does_not_wait_for_a_store_that_fails(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = Failures()
    functions.script = failing("b")
    settings: dict[str, Any] = {"on_failure": failures, "batch_size": 1, "maximum_retry_attempts": 0}
    mapping = stream_mapping(stream, functions, store, clock, **settings)
    working = store.write

    async def broken(operation: Any) -> Any:
        raise StoreFull(None)

    async with running(mapping):
        await mapping.ready.wait()
        monkeypatch.setattr(store, "write", broken)
        stream.put("a")
        stream.put("b")
        await asyncio.sleep(10)
        stopping = clock.now()
    assert clock.now() == stopping
    monkeypatch.setattr(store, "write", working)
    async with running(stream_mapping(stream, functions, store, clock, **settings)):
        await clock.idle()
    assert batches(functions) == [["a"], ["b"], ["a"], ["b"]]
    assert failures.labels() == [["b"]]


async def test_a_source_that_fails_is_read_again(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    stream.trouble = HeadraceError("the database is locked")
    stream.put("a")
    async with running(stream_mapping(stream, functions, store, clock, feed)):
        await asyncio.sleep(100)
        stream.trouble = None
        await asyncio.sleep(30)
        stream.trouble = HeadraceError("the database is locked")
        stream.put("b")
        await asyncio.sleep(2)
        stream.trouble = None
        await asyncio.sleep(2)
    assert batches(functions) == [["a"], ["b"]]
    assert len(of_kind(facts, Notice)) == 2, "told once each time"


async def test_a_destination_that_cannot_keep_a_record_is_asked_again(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    failures = Failures()
    failures.trouble = HeadraceError("the folder is gone")
    functions.script = failing("a")
    stream.put("a")
    async with running(
        stream_mapping(stream, functions, store, clock, on_failure=failures, maximum_retry_attempts=0)
    ):
        await asyncio.sleep(10)
        assert await stored(store) == {ONLY_SHARD: Checkpoint((0,))}
        failures.trouble = None
        await asyncio.sleep(10)
    assert failures.labels() == [["a"]]
    assert len(functions.attempts) == 1


async def test_the_checkpoint_passes_nothing_that_its_destination_could_not_store(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    failures = Failures()
    failures.refusal = HeadraceError("the queue is gone")
    functions.script = failing("a")
    stream.put("a")
    async with running(
        stream_mapping(stream, functions, store, clock, on_failure=failures, maximum_retry_attempts=0)
    ):
        await asyncio.sleep(10)
        assert await stored(store) == {ONLY_SHARD: Checkpoint((0,))}
        failures.refusal = None
        await asyncio.sleep(30)
    assert failures.labels() == [["a"]]
    assert await stored(store) == {ONLY_SHARD: Checkpoint((1,))}


async def test_a_destination_that_refuses_a_record_does_not_block_the_shard(
    stream: ScriptedStream,
    functions: ScriptedFunctions,
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
) -> None:
    failures = Failures()
    failures.refusal = DestinationRefused("it is too large")
    functions.script = failing("a")
    stream.put("a")
    async with running(
        stream_mapping(stream, functions, store, clock, feed, on_failure=failures, maximum_retry_attempts=0)
    ):
        await clock.idle()
        failures.refusal, failures.trouble = None, DestinationRefused("there is a folder in the way")
        functions.script = failing("b")
        stream.put("b")
        await clock.idle()
    assert await stored(store) == {ONLY_SHARD: Checkpoint((2,))}
    assert len(of_kind(facts, EventDropped)) == 2
    assert [fact.text.rpartition(": ")[2] for fact in of_kind(facts, Notice)] == [
        "it is too large",
        "there is a folder in the way",
    ]


async def test_forgetting_a_mapping_lets_its_name_begin_anew(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    stream.put("a")
    for _ in range(2):
        async with running(stream_mapping(stream, functions, store, clock)):
            await clock.idle()
        await store.write(lambda connection: checkpoints.forget(connection, UUID))
        assert await stored(store) == {}
    assert batches(functions) == [["a"], ["a"]]


async def test_text_that_is_no_unicode_is_delivered_escaped(
    stream: ScriptedStream, functions: ScriptedFunctions, store: Store, clock: Clock
) -> None:
    stream.put("a", key="\ud800")
    async with running(stream_mapping(stream, functions, store, clock, parallelization_factor=2)):
        await clock.idle()
    assert functions.attempts[0].invocation.payload == b'{"Records":[{"label":"a","key":"\\ud800"}]}'
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(functions.attempts[0].invocation.payload)
